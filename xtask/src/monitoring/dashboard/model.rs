//! Grafana's model of a dashboard, schema version 39, as far as we use it: <https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/>.
//! Nothing else may be in one. What is only for Grafana to look at is read for its type alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Dashboard {
    pub(super) panels: Vec<Panel>,
    pub(super) annotations: List<Annotation>,
    pub(super) templating: List<Variable>,
    uid: String,
    title: String,
    description: String,
    tags: Vec<String>,
    schema_version: Schema,
    version: u32,
    editable: bool,
    graph_tooltip: u8,
    timezone: String,
    week_start: String,
    refresh: String,
    fiscal_year_start_month: u8,
    live_now: bool,
    time: Range,
    timepicker: Empty,
    links: [Empty; 0],
}

/// The only version that is checked here.
#[derive(Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Schema;

impl TryFrom<u32> for Schema {
    type Error = &'static str;

    fn try_from(version: u32) -> Result<Self, Self::Error> {
        if version == 39 { Ok(Self) } else { Err("schemaVersion is not 39") }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Empty {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List<T> {
    pub(super) list: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Range {
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Panel {
    pub(super) id: u32,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) grid_pos: GridPos,
    #[serde(default)]
    pub(super) targets: Vec<Target>,
    pub(super) field_config: Option<FieldConfig>,
    description: Option<String>,
    datasource: Option<Datasource>,
    options: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    transformations: Vec<Transformation>,
    /// Of a row.
    collapsed: Option<bool>,
    panels: Option<[Empty; 0]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GridPos {
    pub(super) h: u32,
    pub(super) w: u32,
    pub(super) x: u32,
    pub(super) y: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Datasource {
    #[serde(rename = "type")]
    kind: Prometheus,
    uid: FromVariable,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Prometheus {
    Prometheus,
}

/// Whoever loads it chooses.
#[derive(Deserialize)]
pub(super) enum FromVariable {
    #[serde(rename = "${datasource}")]
    Datasource,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Target {
    pub(super) ref_id: String,
    pub(super) expr: String,
    pub(super) range: bool,
    pub(super) instant: bool,
    datasource: Datasource,
    legend_format: String,
    editor_mode: String,
    format: Format,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    TimeSeries,
    Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct FieldConfig {
    pub(super) defaults: Defaults,
    overrides: [Empty; 0],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Defaults {
    pub(super) unit: String,
    pub(super) thresholds: Thresholds,
    color: Mode,
    mappings: [Empty; 0],
    min: Option<f64>,
    max: Option<f64>,
    custom: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Mode {
    mode: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Thresholds {
    pub(super) steps: Vec<Step>,
    mode: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Step {
    pub(super) value: Option<f64>,
    color: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Transformation {
    id: String,
    options: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Annotation {
    pub(super) expr: String,
    name: String,
    datasource: Datasource,
    enable: bool,
    hide: bool,
    icon_color: String,
    step: String,
    title_format: String,
    text_format: String,
    tag_keys: String,
    use_value_for_time: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read so that its type is checked")]
pub(super) struct Variable {
    pub(super) name: String,
    label: String,
    #[serde(rename = "type")]
    kind: String,
    datasource: Option<Datasource>,
    query: Value,
    refresh: u8,
    sort: Option<u8>,
    multi: bool,
    include_all: bool,
    all_value: Option<String>,
    current: Option<BTreeMap<String, Value>>,
    hide: u8,
    regex: String,
    skip_url_sync: bool,
    options: [Empty; 0],
}
