//! A metric with its series, made for one scrape. By hand, since prometheus' own are for many threads to count with: their
//! hashes and locks are half of what a scrape costs.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// What every name begins with.
pub(super) const NAMESPACE: &str = "burstguard";

/// A metric while its series are added.
pub(super) struct Family {
    family: MetricFamily,
    kind: MetricType,
    series: Vec<Metric>,
}

impl Family {
    pub(super) fn gauges(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::GAUGE)
    }

    pub(super) fn counters(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::COUNTER)
    }

    fn new(name: &str, help: &str, kind: MetricType) -> Self {
        let mut family = MetricFamily::default();
        family.set_name(format!("{NAMESPACE}_{name}"));
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Self { family, kind, series: Vec::new() }
    }

    pub(super) fn add(&mut self, labels: &[(&str, &str)], value: u64) {
        let pair = |(name, value): &(&str, &str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        let mut metric = Metric::from_label(labels.iter().map(pair).collect());
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value as f64);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value as f64);
            metric.set_gauge(gauge);
        }
        self.series.push(metric);
    }

    pub(super) fn done(mut self) -> MetricFamily {
        self.family.set_metric(self.series);
        self.family
    }
}
