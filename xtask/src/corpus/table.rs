//! The rows that a guest says, as a table with the figures in its last line.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::tally::Tally;

/// Half of a budget, in per cent: a benign case above it is close to a false alarm.
const HALF: usize = 50;

/// What became of a case.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    name: String,
    benign: bool,
    held: bool,
    uses: BTreeMap<String, Use>,
    lost: Lost,
    restored: Restored,
    closest: usize,
    near: bool,
    operations: Vec<String>,
    seconds: f64,
    in_all_seconds: f64,
    why: String,
    wants: String,
    wrong: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Use {
    total: usize,
    peak: usize,
}

#[derive(Debug, Deserialize)]
struct Lost {
    gone: usize,
    shrunk: usize,
    replaced: usize,
}

#[derive(Debug, Deserialize)]
struct Restored {
    destroyed: usize,
    whole: usize,
    not_kept: usize,
}

/// How many operations are shown of a case that is wrong or close.
const SHOWN: usize = 24;

/// All of them.
pub(super) struct Table(Vec<Row>);

/// The kinds with a column of their own, as the policy orders them.
const KINDS: [&str; 5] = ["delete", "replace", "truncate", "overwrite", "recreate"];

impl Row {
    /// As it is said while the corpus is played; with what was counted where that is too much.
    pub(super) fn line(&self) -> String {
        let verdict =
            if self.wrong.is_empty() { "ok".to_owned() } else { self.wrong.join("; ").to_uppercase() };
        let mut line = format!("{self} {:5.1} of {:5.1} s  {verdict}", self.seconds, self.in_all_seconds);
        if !self.wrong.is_empty() || self.is_close() {
            let shown = self.operations.iter().take(SHOWN);
            line.extend(shown.map(|operation| format!("\n      {operation}")));
        }
        line
    }

    fn is_close(&self) -> bool {
        self.benign && !self.near && self.closest > HALF
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |held| if held { "held" } else { "nothing" };
        write!(f, "{:28} {:8} {:8}", self.name, word(!self.benign), word(self.held))?;
        for kind in KINDS {
            let text = match self.uses.get(kind) {
                Some(Use { total: 0, .. }) | None => "-".to_owned(),
                Some(Use { total, peak }) if total == peak => total.to_string(),
                Some(Use { total, peak }) => format!("{total} ({peak})"),
            };
            write!(f, " {text:>9}")?;
        }
        let Lost { gone, shrunk, replaced } = self.lost;
        let lost = if gone + shrunk + replaced == 0 {
            "-".to_owned()
        } else {
            format!("{gone}/{shrunk}/{replaced}")
        };
        write!(f, " {lost:>9} {:>6} %", self.closest)
    }
}

impl Table {
    pub(super) fn new(rows: Vec<Row>) -> Self {
        Self(rows)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A case is a test; one that wants what is not built yet is left out.
    pub(super) fn tally(&self) -> Tally {
        let wrong: Vec<_> =
            self.wrong().map(|row| format!("{}: {}", row.name, row.wrong.join("; "))).collect();
        Tally::of((self.len() - wrong.len()) as u64, wrong)
    }

    fn wrong(&self) -> impl Iterator<Item = &Row> {
        self.0.iter().filter(|row| !row.wrong.is_empty())
    }

    pub(super) fn verdict(&self) -> Result<()> {
        let wrong: Vec<_> = self.wrong().map(|row| row.name.as_str()).collect();
        ensure!(
            wrong.is_empty(),
            "wrong about {} of {} cases: {}",
            wrong.len(),
            self.len(),
            wrong.join(", ")
        );
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:28} {:8} {:8}", "CASE", "WANTED", "GOT")?;
        for kind in KINDS {
            write!(f, " {:>9}", format!("{}S", kind.to_uppercase()))?;
        }
        writeln!(f, " {:>9} {:>8}  WHY", "LOST", "CLOSEST")?;
        for row in &self.0 {
            write!(f, "{row}  ")?;
            if !row.wrong.is_empty() {
                write!(f, "WRONG: {}; ", row.wrong.join("; "))?;
            }
            if !row.wants.is_empty() {
                write!(f, "wants {}; ", row.wants)?;
            }
            writeln!(f, "{}", row.why)?;
        }
        let count = |is: &dyn Fn(&Row) -> bool| self.0.iter().filter(|row| is(row)).count();
        writeln!(
            f,
            "{} benign, {} destructive: {} false alarms, {} misses, {} wrong otherwise; {} benign over half of a budget",
            count(&|row| row.benign),
            count(&|row| !row.benign),
            count(&|row| row.benign && row.held),
            count(&|row| !row.benign && !row.held),
            count(&|row| row.benign != row.held && !row.wrong.is_empty()),
            count(&Row::is_close),
        )?;
        let is_compared = self.0.iter().any(|row| row.restored.destroyed > 0);
        if !is_compared {
            return Ok(());
        }
        let sum = |of: &dyn Fn(&Restored) -> usize| self.0.iter().map(|row| of(&row.restored)).sum::<usize>();
        writeln!(
            f,
            "{} of {} names that were destroyed came back bit for bit, {} were too large to be kept",
            sum(&|one| one.whole),
            sum(&|one| one.destroyed),
            sum(&|one| one.not_kept),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, benign: bool, held: bool, closest: usize, wrong: &str) -> Row {
        serde_json::from_value(serde_json::json!({
            "name": name, "benign": benign, "held": held, "closest": closest, "near": false,
            "uses": { "delete": { "total": 12, "peak": 9, "budget": 10 } },
            "lost": { "gone": 12, "shrunk": 0, "replaced": 0 },
            "restored": { "destroyed": 12, "whole": 11, "not_kept": 1, "missed": [] },
            "operations": ["delete a by rm"], "seconds": 1.0, "in_all_seconds": 2.0,
            "why": "it is so", "wants": "", "wrong": wrong.split_terminator(';').collect::<Vec<_>>(),
        }))
        .unwrap()
    }

    #[test]
    fn the_last_line_has_the_figures() {
        let table = Table::new(vec![
            row("good", true, false, 20, ""),
            row("near", true, false, 90, ""),
            row("alarm", true, true, 100, "false alarm"),
            row("missed", false, false, 0, "missed"),
            row("odd", false, true, 100, "2 lost on disk, 0 counted"),
        ]);
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[lines.len() - 2..],
            [
                "3 benign, 2 destructive: 1 false alarms, 1 misses, 1 wrong otherwise; 2 benign over half of a budget",
                "55 of 60 names that were destroyed came back bit for bit, 5 were too large to be kept",
            ]
        );
        assert_eq!(
            table.tally(),
            Tally::of(
                2,
                ["alarm: false alarm", "missed: missed", "odd: 2 lost on disk, 0 counted"]
                    .map(str::to_owned)
                    .to_vec()
            )
        );
        assert!(table.verdict().unwrap_err().to_string().contains("alarm, missed, odd"));
    }

    #[test]
    fn a_row_shows_what_was_counted_and_where_that_is_too_much_each_operation() {
        assert!(row("good", true, false, 20, "").to_string().contains(" 12 (9) "));
        assert!(!row("good", true, false, 20, "").line().contains("delete a by rm"));
        assert!(row("near", true, false, 90, "").line().contains("delete a by rm"));
    }
}
