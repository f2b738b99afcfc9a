//! The alert rules that are shipped.

use std::{collections::BTreeSet, path::Path, process::Command};

use super::fed;

const RULES: &str = include_str!("../../../../deploy/prometheus/burstguard.rules.yml");

/// Every name of ours in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let of_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    text.split(|char| !of_name(char)).filter(|word| word.starts_with("burstguard_")).collect()
}

#[test]
fn rules_ask_only_for_metrics_that_there_are() {
    let text = fed().render().unwrap();
    let there = names(&text);
    let asked = names(RULES);
    assert!(asked.len() > 8, "{asked:?}");
    let missing: Vec<_> = asked.difference(&there).collect();
    assert!(missing.is_empty(), "not among the metrics: {missing:?}");
}

#[test]
fn each_rule_says_what_it_is_and_what_to_type() {
    let alerts: Vec<_> = RULES.split("- alert: ").skip(1).collect();
    assert!(alerts.len() > 8);
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        for wanted in ["severity:", "summary:", "action:", "expr:"] {
            assert!(alert.contains(wanted), "{name} has no {wanted}");
        }
    }
}

/// Prometheus' own judge, on a host that has it.
#[test]
fn promtool_agrees() {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus"));
    for arguments in
        [["check", "rules", "burstguard.rules.yml"], ["test", "rules", "burstguard.rules.test.yml"]]
    {
        let Ok(done) = Command::new("promtool").args(arguments).current_dir(directory).output() else {
            return eprintln!("promtool is not installed: not asked");
        };
        let said = [done.stdout, done.stderr].concat();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
