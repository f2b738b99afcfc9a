//! What is said at the very end: why each stage failed that did, and one line that sums all up.

use std::fmt;

use crate::tally::Tally;

/// What a stage that failed begins with.
const FAILED: &str = "FAILED: ";
/// What passed at the second try only begins with.
const FLAKY: &str = "FLAKY: ";
/// What the last line begins with.
const TOTAL: &str = "total: ";

/// Of all stages so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) total: Tally,
    /// A text for each that failed, and for each whose tests are flaky, of as many lines as it takes.
    notes: Vec<String>,
}

impl Summary {
    /// Notes a stage that failed: its tests, and the error, which may have a kernel's last words in it.
    pub(super) fn fail(&mut self, stage: &str, tally: &mut Tally, error: &str) {
        self.note(FAILED, stage, tally.failures.iter().map(String::as_str).chain([error]));
        // So that the closing line never looks green when something else than a test failed.
        tally.failed = tally.failed.max(1);
    }

    /// Adds up what a stage has counted.
    pub(super) fn count(&mut self, stage: &str, tally: Tally) {
        if !tally.flaky.is_empty() {
            self.note(FLAKY, stage, tally.flaky.iter().map(String::as_str));
        }
        self.total += tally;
    }

    fn note<'t>(&mut self, word: &str, stage: &str, texts: impl Iterator<Item = &'t str>) {
        let lines: Vec<_> = texts.map(|text| text.replace('\n', "\n  ")).collect();
        self.notes.push(format!("{word}{stage}\n  {}", lines.join("\n  ")));
    }

    /// Takes in a line of another process; those that its own summary is made of count.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(total) = line.strip_prefix(TOTAL).and_then(Tally::counted) {
            self.total += total;
        } else if line.starts_with(FAILED) || line.starts_with(FLAKY) {
            self.notes.push(line.to_owned());
        } else if let (Some(last), true) = (self.notes.last_mut(), line.starts_with("  ")) {
            *last = format!("{last}\n{line}");
        }
    }

    /// What another process has summed up.
    pub(super) fn add(&mut self, other: Self) {
        self.total += other.total;
        self.notes.extend(other.notes);
    }

    pub(super) fn is_good(&self) -> bool {
        self.total.failed == 0 && self.total.passed > 0
    }
}

/// A log of this length is read from its end, and often no more of it is kept.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}\n"))?;
        write!(f, "{TOTAL}{}", self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_stage_is_told_with_its_tests_and_every_line_of_the_error_also_by_another_process() {
        let mut summary = Summary::default();
        let mut tally = Tally::of(1, vec!["hold::a".to_owned(), "hold::b: why".to_owned()]);
        summary.fail("lsm", &mut tally, "2 failed\nthe last");
        summary.total += tally;
        let text = summary.to_string();
        assert_eq!(
            text,
            "FAILED: lsm\n  hold::a\n  hold::b: why\n  2 failed\n  the last\n\ntotal: 1 passed, 2 failed, 0 skipped"
        );
        let mut read = Summary::default();
        text.lines().for_each(|line| read.read(line));
        assert_eq!(read.to_string(), text);
        assert!(!read.is_good());
    }

    #[test]
    fn what_is_flaky_is_told_and_no_failure() {
        let (mut summary, mut tally) = (Summary::default(), Tally::of(1, vec!["hold::a\n  why".to_owned()]));
        tally.second_try(&Tally::of(1, Vec::new()));
        summary.count("lsm", tally);
        let text = summary.to_string();
        assert_eq!(text, "FLAKY: lsm\n  hold::a\n    why\n\ntotal: 2 passed, 0 failed, 0 skipped");
        let mut read = Summary::default();
        text.lines().for_each(|line| read.read(line));
        assert!(read.is_good() && read.to_string() == text);
    }

    #[test]
    fn what_failed_without_a_test_is_no_success_and_neither_is_nothing() {
        let (mut summary, mut tally) = (Summary::default(), Tally::default());
        assert!(!summary.is_good());
        summary.fail("lint", &mut tally, "bad");
        summary.total += tally;
        summary.total += Tally::of(3, Vec::new());
        assert!(!summary.is_good());
    }
}
