//! The table for a person: how it compares first, then what it is, then what it should be.

use crate::growth::Curve;
use crate::row::{Goal, Ratio, Row, Values};

pub(crate) fn print_head(part: &str, about: &str) {
    println!(
        "\n{part}: {about}\n{:>16} {:>22}  {:>10} {:>10} {:>10} {:<7} {:>4}  ",
        "× first", "× second", "min", "median", "max", "unit", "runs"
    );
}

pub(crate) fn print(rows: &[Row]) {
    for row in rows {
        println!("{}", line(row));
    }
}

fn line(row: &Row) -> String {
    let Row { name, unit, ratios, values, goals, skipped, .. } = row;
    let [first, second] = [0, 1].map(|at| ratios.get(at).map_or(String::new(), ratio));
    let values = match values {
        Some(Values { min, median, max, runs, .. }) => {
            format!("{min:>10.2} {median:>10.2} {max:>10.2} {unit:<7} {runs:>4}")
        }
        None => " ".repeat(45),
    };
    let verdicts: Vec<_> =
        goals.iter().map(verdict).chain(skipped.iter().map(|why| format!("skipped: {why}"))).collect();
    let line = format!("{first:>16} {second:>22}  {values}  {name}  {}", verdicts.join("; "));
    line.trim_end().to_owned()
}

fn ratio(Ratio { to, times }: &Ratio) -> String {
    format!("{times:.2} {to}")
}

fn verdict(Goal { says, met }: &Goal) -> String {
    format!("{says}: {}", if *met { "met" } else { "MISSED" })
}

/// A curve as a line a point.
pub(crate) fn print_curve(curve: &Curve) {
    let Curve { name, over, unit, points, ends, shape, .. } = curve;
    println!("\ngrowth: {name}, over {over}: {shape}");
    for point in points {
        let Values { min, median, max, .. } = point.values;
        println!("{:>16}  {min:>10.2} {median:>10.2} {max:>10.2} {unit}", point.at);
    }
    if let Some(ends) = ends {
        println!("  ends there: {ends}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_ratios_first_and_says_why_there_is_nothing() {
        let row = Row::new("unlink", "ns", vec![2.0, 4.0, 6.0]).times("off", 2.0).typically(3.0);
        let line = line(&row);
        let places =
            ["2.00 off", "4.00", "unlink", "median ≤ 3: MISSED"].map(|part| line.find(part).unwrap());
        assert!(places.is_sorted(), "{line}");
        assert!(super::line(&Row::skipped("auditd", "no audit")).ends_with("auditd  skipped: no audit"));
    }
}
