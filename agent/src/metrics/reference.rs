//! docs/metrics.md, which is made from the catalog.

use std::fmt::Write as _;

use agent_common::wire::Counter;

use super::catalog::{Label, Metric, SECTIONS, Shape, Values};

const HEAD: &str = "\
# Metrics

What the daemon serves for Prometheus on `http://127.0.0.1:9479/metrics` (`burstguard run --metrics ADDR`). Made by `cargo xtask docs`
from what the program serves; do not edit.

- Labels are accounts of the policy, and words of the program. Paths, processes and users never are: whoever is watched must not be
  able to make series.
- The daemon counts from its start (`burstguard_start_timestamp_seconds`), at 0: each series whose labels are known is there then. What
  the kernel programs count goes on over a restart of the daemon.
- Of an account that leaves the policy all series end.
- A metric keeps its name, its labels and what it means within a minor version; what is new may come at any time.
- Alerts that are made of these: `deploy/prometheus`; what to do about them: [runbook.md](runbook.md). A dashboard: `deploy/grafana`.
";

/// The whole document.
pub(crate) fn reference() -> String {
    let mut text = HEAD.to_owned();
    for section in SECTIONS {
        let title = section.title;
        let _ =
            write!(text, "\n## {title}\n\n| metric | type | unit | labels | says |\n|---|---|---|---|---|\n");
        text.extend(section.metrics.iter().map(|metric| row(metric)));
    }
    text += "\n## Counters of the kernel programs\n\n| counter | is a | counts |\n|---|---|---|\n";
    text.extend(Counter::ALL.iter().map(|counter| {
        let is = if counter.is_fault() { "fault" } else { "limit" };
        format!("| `{}` | {is} | {} |\n", counter.label(), counter.help().trim())
    }));
    text
}

fn row(metric: &Metric) -> String {
    let labels: Vec<_> = metric.labels.iter().map(label).collect();
    format!(
        "| `{}` | {} | {} | {} | {} |\n",
        metric.full_name(),
        match metric.shape {
            Shape::Counter => "counter",
            Shape::Gauge => "gauge",
            Shape::Histogram(_) => "histogram",
        },
        unit(metric),
        labels.join("; "),
        metric.help,
    )
}

fn label(label: &Label) -> String {
    let values = match &label.values {
        Values::Accounts => "an account of the policy".to_owned(),
        Values::Words(words) => words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Values::Other(what) => (*what).to_owned(),
    };
    format!("`{}`: {values}", label.name)
}

/// By the name, as Prometheus' conventions have it.
fn unit(metric: &Metric) -> &'static str {
    let ends = |end| metric.name.ends_with(end);
    if ends("_timestamp_seconds") {
        "Unix time in seconds"
    } else if ends("_seconds") {
        "seconds"
    } else if ends("_bytes") {
        "bytes"
    } else {
        ""
    }
}
