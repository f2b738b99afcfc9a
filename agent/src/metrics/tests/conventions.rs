//! Prometheus' conventions, as far as a program can tell: <https://prometheus.io/docs/practices/naming/>.

use std::collections::BTreeMap;

use super::fed;

/// Units that are not the base unit, and types and abbreviations, none of which belongs into a name.
const NOT_IN_NAMES: [&str; 12] = [
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "ms",
    "us",
    "ns",
    "minutes",
    "kilobytes",
    "percent",
    "gauge",
    "counter",
    "histogram",
];

#[test]
fn names_and_help_are_as_prometheus_wants_them() {
    let text = fed().render().unwrap();
    let mut types = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(help.ends_with('.') && !help.contains("\\n"), "{name}: {help}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(types.insert(name, kind), None, "{name} is there twice");
        }
    }
    assert!(types.len() > 20, "{types:?}");
    for (name, kind) in &types {
        let words: Vec<_> = name.split('_').collect();
        assert_eq!(words[0], "burstguard", "{name}");
        assert!(!words.iter().any(|word| NOT_IN_NAMES.contains(word)), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == "counter", "{name} is a {kind}");
        assert!(*kind != "histogram" || name.ends_with("_seconds"), "{name}");
        assert!(!["_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end)), "{name}");
    }
}
