//! What is served, what the catalog says, and docs/metrics.md are the same.

use std::collections::BTreeMap;

use super::fed;
use crate::metrics::{
    catalog::{SECTIONS, Values},
    reference,
};

#[test]
fn the_document_is_made_of_what_is_served_today() {
    let document = include_str!("../../../../docs/metrics.md");
    assert!(document == reference(), "docs/metrics.md is not of today: cargo xtask docs");
}

#[test]
fn all_that_is_served_is_in_the_catalog_and_all_of_that_is_served() {
    let text = fed().render().unwrap();
    let served: BTreeMap<_, _> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let known: Vec<_> = SECTIONS.iter().flat_map(|section| section.metrics).collect();
    for metric in &known {
        assert!(served.contains_key(metric.full_name().as_str()), "{} is not served", metric.full_name());
    }
    assert_eq!(served.len(), known.len(), "something is served that is not in the catalog: {served:?}");
}

#[test]
fn labels_say_what_the_catalog_says() {
    let text = fed().render().unwrap();
    for metric in SECTIONS.iter().flat_map(|section| section.metrics) {
        let start = format!("{}{{", metric.full_name());
        for line in text.lines().filter(|line| line.starts_with(&start)) {
            for label in metric.labels {
                let (_, value) = line.split_once(&format!("{}=\"", label.name)).expect("each label is there");
                let value = value.split('"').next().unwrap_or_default();
                if let Values::Words(words) = &label.values {
                    assert!(words().contains(&value), "{line}: {value} is none of {:?}", words());
                }
            }
        }
    }
}
