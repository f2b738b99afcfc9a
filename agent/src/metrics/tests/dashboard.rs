//! The dashboard that is shipped asks for what there is. What shape it has, and whether Prometheus can read what it asks,
//! `cargo xtask test` looks at.

use super::{fed, rules::names};

const DASHBOARD: &str = include_str!("../../../../deploy/grafana/burstguard.json");

#[test]
fn it_asks_only_for_metrics_that_there_are() {
    let text = fed().render().unwrap();
    let there = names(&text);
    let asked = names(DASHBOARD);
    assert!(asked.len() > 25, "{asked:?}");
    let missing: Vec<_> = asked.difference(&there).collect();
    assert!(missing.is_empty(), "not among the metrics: {missing:?}");
}
