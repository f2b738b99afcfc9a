//! A row of the table: a series of measurements, how it compares, and what it should be.

use serde::Serialize;

/// A series of measurements, or why there is none.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) part: &'static str,
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) ratios: Vec<Ratio>,
    #[serde(flatten)]
    pub(crate) values: Option<Values>,
    pub(crate) goals: Vec<Goal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) skipped: Option<String>,
}

/// What a series comes to.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Values {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    pub(crate) runs: usize,
}

/// This median as a multiple of another one, of the same run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) to: String,
    pub(crate) times: f64,
}

/// What it should be.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Goal {
    pub(crate) says: String,
    pub(crate) met: bool,
}

impl Values {
    /// At least one measurement.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (min, max) = (values[0], values[values.len() - 1]);
        let p99 = values[(values.len() * 99).div_ceil(100) - 1];
        Self { min, median: middle(&values), p99, max, runs: values.len() }
    }
}

impl Row {
    /// At least one measurement.
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, values: Vec<f64>) -> Self {
        Self { values: Some(Values::of(values)), ..Self::empty(name.into(), unit) }
    }

    /// Nothing was measured.
    pub(crate) fn skipped(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { skipped: Some(why.into()), ..Self::empty(name.into(), "") }
    }

    fn empty(name: String, unit: &'static str) -> Self {
        Self { part: "", name, unit, ratios: Vec::new(), values: None, goals: Vec::new(), skipped: None }
    }

    /// As a multiple of another median; nothing is a multiple of nothing.
    pub(crate) fn times(mut self, to: impl Into<String>, other: f64) -> Self {
        if other > 0.0 {
            self.ratios.push(Ratio { to: to.into(), times: self.median() / other });
        }
        self
    }

    /// A ratio that is not one of the medians.
    pub(crate) fn ratio(mut self, to: impl Into<String>, times: f64) -> Self {
        if times.is_finite() {
            self.ratios.push(Ratio { to: to.into(), times });
        }
        self
    }

    /// The median should be no more than this.
    pub(crate) fn typically(self, at_most: f64) -> Self {
        let median = self.median();
        self.goal(format!("median ≤ {at_most}"), median <= at_most)
    }

    /// None may be more than this.
    pub(crate) fn always(self, at_most: f64) -> Self {
        let max = self.values.map_or(f64::NAN, |values| values.max);
        self.goal(format!("max ≤ {at_most}"), max <= at_most)
    }

    /// Of a hundred measurements one may be more than this.
    pub(crate) fn mostly(self, at_most: f64) -> Self {
        let p99 = self.values.map_or(f64::NAN, |values| values.p99);
        self.goal(format!("p99 ≤ {at_most}"), p99 <= at_most)
    }

    pub(crate) fn goal(mut self, says: String, met: bool) -> Self {
        self.goals.push(Goal { says, met });
        self
    }

    /// What lies in the middle.
    pub(crate) fn median(&self) -> f64 {
        self.values.map_or(f64::NAN, |values| values.median)
    }

    /// Leaves out what a clock says, and whether that is as it should be.
    pub(crate) fn without_times(mut self) -> Self {
        if matches!(self.unit, "ns" | "us" | "ms") {
            self.values = None;
            self.goals.clear();
            self.skipped = self.ratios.is_empty().then(|| "the processor is emulated".to_owned());
        }
        self
    }
}

/// Of a series that may be in any order.
pub(crate) fn median(values: &[f64]) -> f64 {
    Values::of(values.to_vec()).median
}

fn middle(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(row: &Row) -> bool {
        row.goals.iter().all(|goal| goal.met)
    }

    #[test]
    fn a_row_sums_up_its_values_and_judges_them() {
        let row = Row::new("x", "us", vec![3.0, 1.0, 10.0, 2.0]).typically(3.0).times("off", 5.0);
        let values = row.values.unwrap();
        assert_eq!((values.min, values.median, values.max, values.runs), (1.0, 2.5, 10.0, 4));
        assert!(met(&row) && (row.ratios[0].times - 0.5).abs() < 1e-9);
        assert!(!met(&Row::new("x", "us", vec![1.0, 9.0]).always(8.0)));
        let hundred = || (1..=100).map(f64::from).collect();
        assert!(met(&Row::new("x", "us", hundred()).mostly(99.0)));
        assert!(!met(&Row::new("x", "us", hundred()).mostly(98.0)));
    }

    #[test]
    fn of_an_emulated_processor_counts_and_ratios_are_left() {
        let time = Row::new("x", "ns", vec![3.0]).always(1.0).times("off", 2.0).without_times();
        assert!(time.values.is_none() && time.goals.is_empty() && time.ratios.len() == 1);
        assert!(Row::new("x", "ns", vec![3.0]).without_times().skipped.is_some());
        assert!(Row::new("x", "files", vec![3.0]).without_times().values.is_some());
    }
}
