//! A part that measures the same of many things, as a line for each thing: its rows are groups, of one that is named
//! `THING: FIRST` and others that are named `… NEXT`, and so on.

use std::fmt::Write as _;

use serde_json::Value;

use super::{list, short, word};

/// None if the rows are no such groups.
pub(super) fn of(rows: &[Value]) -> Option<String> {
    let is_whole = |row: &&Value| row["median"].is_number() || continues(row);
    let (rows, apart): (Vec<_>, Vec<_>) = rows.iter().partition(is_whole);
    let groups: Vec<_> = rows.chunk_by(|_, next| continues(next)).collect();
    let columns = groups.iter().find_map(|group| names(group))?;
    if groups.len() < 3 || columns.len() < 2 {
        return None;
    }
    let mut text = format!("| | {} | goals |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len() + 2));
    for group in groups {
        let cells: Vec<_> = names(group)?;
        let cell = |column: &String| {
            let at = cells.iter().position(|name| name == column);
            at.map_or(String::new(), |at| cell(group[at]))
        };
        let figures: Vec<_> = columns.iter().map(cell).collect();
        let thing = word(&group[0]["name"]);
        let (thing, _) = thing.split_once(": ")?;
        let unit = word(&group[0]["unit"]);
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| {thing}, {unit} | {} | {} |", figures.join(" | "), goals(group));
    }
    for row in apart {
        let _ = writeln!(text, "\n{}: {}", word(&row["name"]), word(&row["skipped"]));
    }
    Some(text)
}

fn continues(row: &Value) -> bool {
    row["name"].as_str().is_some_and(|name| name.starts_with('…'))
}

/// What each row of a group is about.
fn names(group: &[&Value]) -> Option<Vec<String>> {
    let (first, others) = group.split_first()?;
    let first = word(&first["name"]).split_once(": ")?.1.to_owned();
    let others = others.iter().map(|row| word(&row["name"]).trim_start_matches("… ").to_owned());
    Some(std::iter::once(first).chain(others).collect())
}

/// The median and how it compares with nobody; where nothing compares, how far the others are from it.
fn cell(row: &Value) -> String {
    let number = |name: &str| row[name].as_f64();
    let Some((min, median, max)) =
        number("min").zip(number("median")).zip(number("max")).map(|((a, b), c)| (a, b, c))
    else {
        return word(&row["skipped"]);
    };
    let off = list(&row["ratios"]).iter().find(|ratio| ratio["to"] == "off");
    match off.and_then(|ratio| ratio["times"].as_f64()) {
        Some(times) => format!("{} ({times:.2}×)", short(median)),
        None if min < max => format!("{} ({} to {})", short(median), short(min), short(max)),
        None => short(median),
    }
}

/// Those that were missed; else that none was.
fn goals(group: &[&Value]) -> String {
    let all: Vec<_> = group.iter().flat_map(|row| list(&row["goals"])).collect();
    let missed: Vec<_> =
        all.iter().filter(|goal| goal["met"] != true).map(|goal| word(&goal["says"])).collect();
    match (all.is_empty(), missed.is_empty()) {
        (true, _) => String::new(),
        (false, true) => "met".to_owned(),
        (false, false) => format!("**missed**: {}", missed.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(name: &str, median: f64, met: bool) -> Value {
        let goals = json!([{ "says": "≤ 1", "met": met }]);
        json!({ "name": name, "unit": "files", "min": median, "median": median, "max": median + 1.0,
            "ratios": [], "goals": goals })
    }

    #[test]
    fn groups_become_lines_and_what_is_none_stays_as_it_is() {
        let rows = [
            row("one: lost", 1.0, true),
            row("… inotify", 5.0, true),
            row("two: lost", 2.0, false),
            json!({ "name": "… inotify", "skipped": "no inotify" }),
            row("three: lost", 3.0, true),
            row("… inotify", 7.0, true),
        ];
        let text = of(&rows).unwrap();
        assert!(text.starts_with("| | lost | inotify | goals |\n|---|---|---|---|\n"), "{text}");
        assert!(text.contains("| one, files | 1 (1 to 2) | 5 (5 to 6) | met |"), "{text}");
        assert!(text.contains("| two, files | 2 (2 to 3) | no inotify | **missed**: ≤ 1 |"), "{text}");
        assert_eq!(of(&[row("memory", 1.0, true)]), None);
    }
}
