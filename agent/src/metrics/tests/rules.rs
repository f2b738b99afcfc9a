//! The alert rules that are shipped, as far as they are about our metrics and our words. Whether Prometheus takes them, and when they
//! fire, is promtool's to say: `cargo xtask test` asks it.

use std::collections::BTreeSet;

use super::fed;

/// What is shipped, and the tests of it.
const FILES: [(&str, &str); 2] = [
    (
        include_str!("../../../../deploy/prometheus/burstguard.rules.yml"),
        include_str!("../../../../deploy/prometheus/burstguard.rules.test.yml"),
    ),
    (
        include_str!("../../../../deploy/prometheus/burstguard-fleet.rules.yml"),
        include_str!("../../../../deploy/prometheus/burstguard-fleet.rules.test.yml"),
    ),
];

/// Every name of ours in a text. What rules record has a colon before it or after it, and is not ours.
pub(super) fn names(text: &str) -> BTreeSet<&str> {
    let of_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    text.split(|char| !of_name(char)).filter(|word| word.starts_with("burstguard_")).collect()
}

/// The alerts of a file: name and text.
fn alerts(rules: &str) -> impl Iterator<Item = (&str, &str)> {
    rules.split("- alert: ").skip(1).map(|alert| (alert.lines().next().unwrap_or_default(), alert))
}

#[test]
fn rules_ask_only_for_metrics_that_there_are() {
    let text = fed().render().unwrap();
    let there = names(&text);
    for (rules, tests) in FILES {
        let asked = &names(rules) | &names(tests);
        assert!(asked.len() > 8, "{asked:?}");
        let missing: Vec<_> = asked.difference(&there).collect();
        assert!(missing.is_empty(), "not among the metrics: {missing:?}");
    }
}

#[test]
fn each_alert_says_what_it_is_and_what_to_type() {
    let all: Vec<_> = FILES.iter().flat_map(|(rules, _)| alerts(rules)).collect();
    assert!(all.len() > 30, "{}", all.len());
    for (name, alert) in all {
        for wanted in ["expr: ", "summary: \"", "description: \"", "action: |-", "runbook_url: \""] {
            assert!(alert.contains(wanted), "{name} has no {wanted}");
        }
        let severities = ["labels: {severity: page}", "labels: {severity: ticket}"];
        assert!(severities.iter().any(|severity| alert.contains(severity)), "{name} has no severity");
    }
}

#[test]
fn each_alert_is_tested_when_it_fires_and_when_it_does_not() {
    for (rules, tests) in FILES {
        for (name, _) in alerts(rules) {
            let quiet = format!("alertname: {name}, exp_alerts: []");
            let fires = format!("alertname: {name}\n        exp_alerts:\n          - exp_labels:");
            assert!(
                tests.matches(&quiet).count() >= 2,
                "{name} is not tested before it fires and after it has"
            );
            assert!(tests.contains(&fires), "{name} is not tested to fire");
        }
    }
}
