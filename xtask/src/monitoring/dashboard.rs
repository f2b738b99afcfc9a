//! The dashboard for Grafana. Its model is written down here as far as we use it, so that a key that is none, or of another type,
//! is found; and every query is put into a file of rules, which Prometheus itself then reads. What Grafana would draw nobody
//! looks at here.

mod model;

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail, ensure};

use self::model::{Dashboard, GridPos, Panel};
use super::Judges;
use crate::run;
use crate::workspace::Workspace;

const FILE: &str = "deploy/grafana/burstguard.json";
/// How many columns Grafana's grid has.
const COLUMNS: u32 = 24;
/// Panels that we know the options of.
const TYPES: [&str; 5] = ["row", "stat", "timeseries", "table", "bargauge"];
/// Grafana's own names of units, as far as we use them.
const UNITS: [&str; 6] = ["none", "short", "s", "ops", "percentunit", "bytes"];

/// Whether it is a dashboard, and asks what Prometheus can answer.
pub(super) fn check(judges: &Judges, workspace: &Workspace) -> Result<()> {
    let path = workspace.root.join(FILE);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let queries = queries(&text).with_context(|| format!("{FILE} is no dashboard as it should be"))?;
    ensure!(queries.len() > 30, "only {} queries", queries.len());
    let rules = judges.directory.join("dashboard.rules.yml");
    fs::write(&rules, as_rules(&queries)).with_context(|| format!("cannot write {}", rules.display()))?;
    run::to_the_end(judges.program("promtool").args(["check", "rules"]).arg(&rules))
}

/// Every query of a dashboard that is sound.
fn queries(text: &str) -> Result<Vec<String>> {
    let dashboard: Dashboard = serde_json::from_str(text)?;
    let ids: BTreeSet<u32> = dashboard.panels.iter().map(|panel| panel.id).collect();
    ensure!(ids.len() == dashboard.panels.len(), "two panels have one id");
    for (index, panel) in dashboard.panels.iter().enumerate() {
        sound(panel).with_context(|| format!("panel {} ({})", panel.id, panel.title))?;
        if let Some(other) =
            dashboard.panels[..index].iter().find(|other| overlap(&other.grid_pos, &panel.grid_pos))
        {
            bail!("panels {} and {} lie over each other", other.title, panel.title);
        }
    }
    let of_panels = dashboard.panels.iter().flat_map(|panel| &panel.targets).map(|target| &target.expr);
    let of_annotations = dashboard.annotations.list.iter().map(|annotation| &annotation.expr);
    let variables: Vec<_> = dashboard.templating.list.iter().map(|variable| variable.name.as_str()).collect();
    of_panels.chain(of_annotations).map(|expr| filled(expr, &variables)).collect()
}

fn sound(panel: &Panel) -> Result<()> {
    ensure!(TYPES.contains(&panel.kind.as_str()), "type {} is none of {TYPES:?}", panel.kind);
    ensure!(panel.grid_pos.x + panel.grid_pos.w <= COLUMNS, "is wider than the grid");
    ensure!(panel.grid_pos.w > 0 && panel.grid_pos.h > 0, "has no size");
    ensure!(
        (panel.kind == "row") == panel.targets.is_empty(),
        "a row asks nothing, and all others something"
    );
    let letters: BTreeSet<&str> = panel.targets.iter().map(|target| target.ref_id.as_str()).collect();
    ensure!(letters.len() == panel.targets.len(), "two queries have one refId");
    for target in &panel.targets {
        ensure!(target.range != target.instant, "{} asks for a range or for a moment", target.expr);
    }
    if let Some(config) = &panel.field_config {
        ensure!(
            UNITS.contains(&config.defaults.unit.as_str()),
            "unit {} is none of {UNITS:?}",
            config.defaults.unit
        );
        ensure!(
            config.defaults.thresholds.steps.first().is_some_and(|step| step.value.is_none()),
            "no first threshold"
        );
    }
    Ok(())
}

fn overlap(one: &GridPos, other: &GridPos) -> bool {
    let crosses = |a: u32, length: u32, b: u32, other: u32| a < b + other && b < a + length;
    crosses(one.x, one.w, other.x, other.w) && crosses(one.y, one.h, other.y, other.h)
}

/// The query with something in the place of each variable; those that Grafana does not know are errors.
fn filled(expr: &str, variables: &[&str]) -> Result<String> {
    let mut expr = expr.replace("$__rate_interval", "5m");
    for variable in variables {
        expr = expr.replace(&format!("${variable}"), ".*");
    }
    ensure!(!expr.contains('$'), "{expr} asks for a variable that there is not");
    Ok(expr)
}

/// A recording rule for each query. What is JSON's string is YAML's too.
fn as_rules(queries: &[String]) -> String {
    let rule = |(index, query): (usize, &String)| {
        format!("      - {{record: 'query:{index}', expr: {}}}\n", serde_json::Value::from(query.as_str()))
    };
    let rules: String = queries.iter().enumerate().map(rule).collect();
    format!("groups:\n  - name: dashboard\n    rules:\n{rules}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../deploy/grafana/burstguard.json");

    #[test]
    fn the_dashboard_is_sound() {
        assert!(queries(SHIPPED).unwrap().len() > 30);
    }

    #[test]
    fn what_is_wrong_with_one_is_found() {
        for (right, wrong, said) in [
            ("\"gridPos\"", "\"gridpos\"", "unknown field `gridpos`"),
            ("\"refId\": \"A\"", "\"refId\": 1", "invalid type"),
            ("\"type\": \"stat\"", "\"type\": \"singlestat\"", "type singlestat is none"),
            ("\"unit\": \"percentunit\"", "\"unit\": \"percents\"", "unit percents is none"),
            ("\"x\": 4", "\"x\": 1", "lie over each other"),
            ("$host", "$hots", "asks for a variable that there is not"),
            ("\"id\": 2,", "\"id\": 1,", "two panels have one id"),
        ] {
            let error = queries(&SHIPPED.replacen(right, wrong, 1)).unwrap_err();
            assert!(format!("{error:#}").contains(said), "{wrong}: {error:#}");
        }
    }

    #[test]
    fn a_query_is_a_rule() {
        let rules = as_rules(&[r#"sum(a{b="c"}) > 0"#.to_owned()]);
        assert!(rules.ends_with("- {record: 'query:0', expr: \"sum(a{b=\\\"c\\\"}) > 0\"}\n"), "{rules}");
    }
}
