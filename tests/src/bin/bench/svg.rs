//! A curve as a picture: points over a logarithmic axis, in SVG. It has no colours of its own but two, for light and for dark.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::growth::{Curve, Point};

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 240.0;
/// Room for the letters.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 44.0;

const STYLE: &str = "text{font:12px sans-serif;fill:#222}.axis{stroke:#888}.grid{stroke:#8884}.mark{fill:#2a6fb0}\
    .line{fill:none;stroke:#2a6fb0;stroke-width:1.5}.range{stroke:#2a6fb0;stroke-width:1.5;opacity:.6}\
    @media(prefers-color-scheme:dark){text{fill:#ddd}.axis{stroke:#999}.mark{fill:#7ab8f5}.line,.range{stroke:#7ab8f5}}";

/// A picture each, named after its curve.
pub(crate) fn draw_all(curves: &[Curve], directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for curve in curves {
        let file = directory.join(format!("{}.svg", curve.id));
        fs::write(&file, draw(curve)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Where on the picture what lies.
struct Frame {
    /// The least and the most, in powers of ten.
    powers: (f64, f64),
    top: f64,
}

impl Frame {
    fn of(points: &[Point]) -> Self {
        let power = |point: Option<&Point>| point.map_or(0.0, |point| (point.at as f64).max(1.0).log10());
        let (least, most) = (power(points.first()), power(points.last()));
        let top = points.iter().map(|point| point.values.max).fold(0.0, f64::max);
        Self { powers: (least, most.max(least + 1e-6)), top: step_above(top) }
    }

    fn x(&self, at: u64) -> f64 {
        let (least, most) = self.powers;
        LEFT + (WIDTH - LEFT - RIGHT) * ((at as f64).max(1.0).log10() - least) / (most - least)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top
    }
}

/// A round number that is no less.
fn step_above(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    let step = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 8.0].into_iter().find(|step| step * power >= value);
    step.unwrap_or(10.0) * power
}

fn draw(curve: &Curve) -> String {
    let Curve { name, over, unit, points, .. } = curve;
    let frame = Frame::of(points);
    let (base, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
         <title>{name}, {unit}, over {over}</title>\n<style>{STYLE}</style>\n\
         <text x=\"8\" y=\"18\">{name}, {unit}</text>\n",
        name = escaped(name),
        over = escaped(over),
    );
    // Writing to a text cannot fail.
    for part in 0..=4 {
        let value = frame.top * f64::from(part) / 4.0;
        let y = frame.y(value);
        let class = if part == 0 { "axis" } else { "grid" };
        let _ = writeln!(
            svg,
            "<line class=\"{class}\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>"
        );
        let (x, y) = (LEFT - 6.0, y + 4.0);
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>", short(value));
    }
    let mut line = String::new();
    for Point { at, values } in points {
        let (x, y) = (frame.x(*at), frame.y(values.median));
        let _ = write!(line, "{x:.1},{y:.1} ");
        let (low, high) = (frame.y(values.min), frame.y(values.max));
        let _ = writeln!(
            svg,
            "<line class=\"range\" x1=\"{x:.1}\" y1=\"{low:.1}\" x2=\"{x:.1}\" y2=\"{high:.1}\"/>"
        );
        let _ = writeln!(svg, "<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        let y = base + 16.0;
        let _ =
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", short(*at as f64));
    }
    let _ = writeln!(svg, "<polyline class=\"line\" points=\"{}\"/>", line.trim_end());
    let (x, y) = (f64::midpoint(LEFT, right), HEIGHT - 8.0);
    let _ =
        writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>\n</svg>", escaped(over));
    svg
}

/// In as few letters as there is room for.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", trimmed(value / 1e6)),
        value if value >= 1e3 => format!("{}k", trimmed(value / 1e3)),
        value => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Values;

    #[test]
    fn points_lie_where_their_numbers_are() {
        let point = |at, value: f64| Point { at, values: Values::of(vec![value]) };
        let points = [point(1, 100.0), point(10, 50.0), point(100, 200.0)];
        let frame = Frame::of(&points);
        let middle = f64::midpoint(frame.x(1), frame.x(100));
        assert!((frame.x(10) - middle).abs() < 1e-6, "a power of ten is as far as the next");
        assert!((frame.x(1) - LEFT).abs() < 1e-6 && (frame.y(0.0) - (HEIGHT - BOTTOM)).abs() < 1e-6);
        assert!(frame.y(200.0) < frame.y(100.0) && frame.y(200.0) >= TOP - 1e-6);
        let curve = Curve::new("x", "a < b", "roots", "ns", points.to_vec());
        let svg = draw(&curve);
        assert!(svg.contains("a &lt; b") && svg.matches("<circle").count() == 3, "{svg}");
    }

    #[test]
    fn numbers_are_short_and_steps_round() {
        assert_eq!([1.5, 1000.0, 62_500.0, 0.0].map(short), ["1.5", "1k", "62.5k", "0"]);
        assert!((step_above(620.0) - 800.0).abs() < 1e-6 && (step_above(0.3) - 0.3).abs() < 1e-6);
    }
}
