//! A row of the table: a series of measurements, and what it should be.

use serde::Serialize;

/// A series of measurements.
#[derive(Serialize)]
pub(crate) struct Row {
    name: &'static str,
    unit: &'static str,
    min: f64,
    median: f64,
    p99: f64,
    max: f64,
    runs: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<Goal>,
}

#[derive(Serialize)]
struct Goal {
    at_most: f64,
    of: &'static str,
    met: bool,
}

impl Row {
    /// At least one measurement.
    pub(crate) fn new(name: &'static str, unit: &'static str, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (min, max) = (values[0], values[values.len() - 1]);
        let p99 = values[(values.len() * 99).div_ceil(100) - 1];
        Self { name, unit, min, median: median(&values), p99, max, runs: values.len(), goal: None }
    }

    /// The median should be no more than this.
    pub(crate) fn typically(mut self, at_most: f64) -> Self {
        self.goal = Some(Goal { at_most, of: "median", met: self.median <= at_most });
        self
    }

    /// None may be more than this.
    pub(crate) fn always(mut self, at_most: f64) -> Self {
        self.goal = Some(Goal { at_most, of: "max", met: self.max <= at_most });
        self
    }

    /// Of a hundred measurements one may be more than this.
    pub(crate) fn mostly(mut self, at_most: f64) -> Self {
        self.goal = Some(Goal { at_most, of: "p99", met: self.p99 <= at_most });
        self
    }

    /// What lies in the middle.
    pub(crate) fn median(&self) -> f64 {
        self.median
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

pub(crate) fn print_head() {
    println!(
        "{:<52} {:>8} {:>10} {:>10} {:>10} {:>10}  {:>4}  goal",
        "", "unit", "min", "median", "p99", "max", "runs"
    );
}

pub(crate) fn print(rows: &[Row]) {
    for Row { name, unit, min, median, p99, max, runs, goal } in rows {
        let goal = goal.as_ref().map_or(String::new(), |Goal { at_most, of, met }| {
            format!("{of} ≤ {at_most}: {}", if *met { "met" } else { "MISSED" })
        });
        println!(
            "{name:<52} {unit:>8} {min:>10.2} {median:>10.2} {p99:>10.2} {max:>10.2}  {runs:>4}  {goal}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_sums_up_its_values_and_judges_them() {
        let row = Row::new("x", "us", vec![3.0, 1.0, 10.0, 2.0]).typically(3.0);
        assert_eq!((row.min, row.median, row.max, row.runs), (1.0, 2.5, 10.0, 4));
        assert!(row.goal.is_some_and(|goal| goal.met));
        assert!(Row::new("x", "us", vec![1.0, 9.0]).always(8.0).goal.is_some_and(|goal| !goal.met));
        let hundred = || (1..=100).map(f64::from).collect();
        assert!(Row::new("x", "us", hundred()).mostly(99.0).goal.is_some_and(|goal| goal.met));
        assert!(Row::new("x", "us", hundred()).mostly(98.0).goal.is_some_and(|goal| !goal.met));
    }
}
