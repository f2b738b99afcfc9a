//! How what watching costs grows with what there is: a curve each, as far as the limits allow.

mod cost;
mod incidents;
mod members;

use anyhow::Result;
use serde::Serialize;

use crate::Found;
use crate::row::Values;
use crate::scale::Scale;

/// A series of points over something that grows.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Curve {
    pub(crate) part: &'static str,
    /// A name for files.
    pub(crate) id: &'static str,
    pub(crate) name: String,
    pub(crate) over: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) points: Vec<Point>,
    /// Why it goes no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ends: Option<String>,
    pub(crate) shape: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) at: u64,
    #[serde(flatten)]
    pub(crate) values: Values,
}

/// What is measured a little more often than not is flat.
const FLAT: f64 = 1.15;

impl Curve {
    /// Points in the order of what grows.
    pub(crate) fn new(
        id: &'static str,
        name: impl Into<String>,
        over: &'static str,
        unit: &'static str,
        points: Vec<Point>,
    ) -> Self {
        let shape = shape(&points).to_owned();
        Self { part: "growth", id, name: name.into(), over, unit, points, ends: None, shape }
    }

    pub(crate) fn ends(mut self, why: impl Into<String>) -> Self {
        self.ends = Some(why.into());
        self
    }

    /// By a limit; a quick one does not come so far.
    pub(crate) fn ends_by(self, scale: Scale, limit: impl Into<String>) -> Self {
        let quick = || "it is a quick run".to_owned();
        self.ends(if scale.most == usize::MAX { limit.into() } else { quick() })
    }

    /// Why it grows as it does, if it is neither flat nor logarithmic.
    pub(crate) fn because(mut self, why: &str) -> Self {
        if self.shape == LINEAR {
            self.shape = format!("{LINEAR}: {why}");
        }
        self
    }
}

const LINEAR: &str = "linear";

/// What it looks like most: the last is hardly more than the first, or the medians lie near a line over the logarithm, or near one
/// over the number itself.
fn shape(points: &[Point]) -> &'static str {
    let medians = || points.iter().map(|point| point.values.median);
    let most = medians().fold(0.0, f64::max);
    if points.len() < 3 {
        return "too few points to say";
    }
    if points.first().is_none_or(|first| most <= first.values.median * FLAT) {
        return "flat";
    }
    let error = |x: fn(f64) -> f64| {
        let points: Vec<_> = points.iter().map(|point| (x(point.at as f64), point.values.median)).collect();
        off_the_line(&points)
    };
    if error(|at| at.max(1.0).log10()) <= error(|at| at) { "logarithmic" } else { LINEAR }
}

/// The sum of squares that the best line leaves.
fn off_the_line(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread;
    points.iter().map(|point| (point.1 - y - slope * (point.0 - x)).powi(2)).sum()
}

/// Series that are measured in turns, one for each place, as points.
pub(crate) fn points(at: &[usize], series: Vec<Vec<f64>>) -> Vec<Point> {
    let point = |(&at, values)| Point { at: at as u64, values: Values::of(values) };
    at.iter().zip(series).map(point).collect()
}

/// Up to what is measured.
pub(crate) fn up_to(all: &[usize], most: usize) -> Vec<usize> {
    all.iter().copied().filter(|at| *at <= most).collect()
}

pub(crate) fn measure(scale: Scale) -> Result<Found> {
    let mut curves = cost::curves(scale)?;
    curves.push(members::curve(scale)?);
    curves.extend(incidents::curves(scale)?);
    Ok(Found { rows: Vec::new(), curves })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_of(values: impl Fn(f64) -> f64) -> &'static str {
        let at = [1, 10, 100, 1000];
        shape(&points(&at, at.iter().map(|at| vec![values(f64::from(*at as u32))]).collect()))
    }

    #[test]
    fn shapes_are_told_apart() {
        assert_eq!(shape_of(|_| 7.0), "flat");
        assert_eq!(shape_of(|at| 5.0 + 3.0 * at.log10()), "logarithmic");
        assert_eq!(shape_of(|at| 5.0 + at / 10.0), "linear");
    }
}
