//! A run of the benchmarks as Markdown.

mod matrix;

use std::fmt::Write as _;

use serde_json::Value;

/// Where it was, its rows, a table for each part that measures the same over and over again, and one of its curves.
pub(super) fn of(report: &Value) -> String {
    let text = |name: &str| report[name].as_str().unwrap_or("?").to_owned();
    let emulated = if report["emulated"] == true { ", on an emulated processor" } else { "" };
    let mut page =
        format!("Linux {}, {} CPUs, tier {}{emulated}:\n\n", text("kernel"), report["cpus"], text("tier"));
    let rows = list(&report["rows"]);
    let parts = rows.chunk_by(|one, next| one["part"] == next["part"]);
    let mut plain = Vec::new();
    for rows in parts {
        match (matrix::of(rows), rows.first()) {
            (Some(matrix), Some(row)) => {
                let about = &report["parts"][row["part"].as_str().unwrap_or_default()];
                page += &format!("{}:\n\n{matrix}\n", capitalised(&word(about)));
            }
            _ => plain.extend(rows),
        }
    }
    // Writing to a text cannot fail.
    let _ = writeln!(page, "| | × | min | median | max | | goal |\n|---|---|---|---|---|---|---|");
    for row in plain {
        let _ = writeln!(page, "{}", line(row));
    }
    if !list(&report["curves"]).is_empty() {
        let _ = writeln!(page, "\n| how it grows | from | to | | | |\n|---|---|---|---|---|---|");
        for curve in list(&report["curves"]) {
            page += &curve_line(curve);
        }
    }
    page
}

fn line(row: &Value) -> String {
    let figures = ["min", "median", "max"].map(|name| row[name].as_f64().map_or(String::new(), short));
    let ratios: Vec<_> = list(&row["ratios"])
        .iter()
        .map(|ratio| format!("{} {}", short(ratio["times"].as_f64().unwrap_or(0.0)), word(&ratio["to"])))
        .collect();
    let goals = list(&row["goals"]).iter().map(|goal| match goal["met"].as_bool() {
        Some(true) => word(&goal["says"]),
        _ => format!("{}: **missed**", word(&goal["says"])),
    });
    let skipped = row["skipped"].as_str().map(|why| format!("skipped: {}", escaped(why)));
    let goals: Vec<_> = goals.chain(skipped).collect();
    let (name, unit) = (word(&row["name"]), word(&row["unit"]));
    format!("| {name} | {} | {} | {unit} | {} |", ratios.join(", "), figures.join(" | "), goals.join("; "))
}

fn curve_line(curve: &Value) -> String {
    let points = list(&curve["points"]);
    let [first, last] = [points.first(), points.last()].map(|point| {
        let number = |name: &str| point.and_then(|point| point[name].as_f64()).unwrap_or(0.0);
        (number("at"), short(number("median")))
    });
    let ends = curve["ends"].as_str().map_or(String::new(), |why| format!("ends there: {}", escaped(why)));
    format!(
        "| {}, over {} | {}: {} | {}: {} | {} | {} | {ends} |\n",
        word(&curve["name"]),
        word(&curve["over"]),
        first.0,
        first.1,
        last.0,
        last.1,
        word(&curve["unit"]),
        word(&curve["shape"]),
    )
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// A bar would end the cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Three digits are enough to compare by.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        value if value >= 100.0 || value.fract() == 0.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_becomes_a_line_with_ratios_first_and_what_was_missed() {
        let row = json!({
            "name": "a | b", "unit": "ns", "min": 1.0, "median": 2.345, "max": 1234.5,
            "ratios": [{ "to": "off", "times": 1.5 }],
            "goals": [{ "says": "median ≤ 2", "met": false }, { "says": "max ≤ 9999", "met": true }],
        });
        assert_eq!(
            line(&row),
            r"| a \| b | 1.50 off | 1 | 2.35 | 1234 | ns | median ≤ 2: **missed**; max ≤ 9999 |"
        );
        let skipped =
            json!({ "name": "auditd", "unit": "", "ratios": [], "goals": [], "skipped": "no audit" });
        assert_eq!(line(&skipped), "| auditd |  |  |  |  |  | skipped: no audit |");
    }
}
