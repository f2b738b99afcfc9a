//! A metric with its series, made for one scrape. By hand, since prometheus' own are for many threads to count with: their
//! hashes and locks are half of what a scrape costs.

use prometheus::proto::{self, Counter, Gauge, LabelPair, MetricFamily, MetricType};

use super::catalog::{Metric, Shape};

/// A metric while its series are added.
pub(super) struct Family {
    family: MetricFamily,
    kind: MetricType,
    series: Vec<proto::Metric>,
}

impl Family {
    /// Of a counter or a gauge; only the registry has histograms.
    pub(super) fn of(metric: &Metric) -> Self {
        let kind = if metric.shape == Shape::Counter { MetricType::COUNTER } else { MetricType::GAUGE };
        let mut family = MetricFamily::default();
        family.set_name(metric.full_name());
        family.set_help(metric.help.to_owned());
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
        let mut metric = proto::Metric::from_label(labels.iter().map(pair).collect());
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
