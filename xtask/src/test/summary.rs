//! What is said at the very end: why each stage failed that did, and one line that sums all up.

use std::fmt;

use crate::tally::Tally;

/// What a stage that failed begins with.
const FAILED: &str = "FAILED: ";
/// What the last line begins with.
const TOTAL: &str = "total: ";

/// Of all stages so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) total: Tally,
    /// A text for each that failed, of as many lines as it takes.
    failures: Vec<String>,
}

impl Summary {
    /// Notes a stage that failed: its tests, and the error, which may have a kernel's last words in it.
    pub(super) fn fail(&mut self, stage: &str, tally: &mut Tally, error: &str) {
        let lines = tally.failures.iter().map(String::as_str).chain([error]);
        let lines: Vec<_> = lines.map(|text| text.replace('\n', "\n  ")).collect();
        self.failures.push(format!("{FAILED}{stage}\n  {}", lines.join("\n  ")));
        // So that the closing line never looks green when something else than a test failed.
        tally.failed = tally.failed.max(1);
    }

    /// Takes in a line of another process; those that its own summary is made of count.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(total) = line.strip_prefix(TOTAL).and_then(Tally::counted) {
            self.total += total;
        } else if line.starts_with(FAILED) {
            self.failures.push(line.to_owned());
        } else if let (Some(last), true) = (self.failures.last_mut(), line.starts_with("  ")) {
            *last = format!("{last}\n{line}");
        }
    }

    /// What another process has summed up.
    pub(super) fn add(&mut self, other: Self) {
        self.total += other.total;
        self.failures.extend(other.failures);
    }

    pub(super) fn is_good(&self) -> bool {
        self.total.failed == 0 && self.total.passed > 0
    }
}

/// A log of this length is read from its end, and often no more of it is kept.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failures.iter().try_for_each(|failure| writeln!(f, "{failure}\n"))?;
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
    fn what_failed_without_a_test_is_no_success_and_neither_is_nothing() {
        let (mut summary, mut tally) = (Summary::default(), Tally::default());
        assert!(!summary.is_good());
        summary.fail("lint", &mut tally, "bad");
        summary.total += tally;
        summary.total += Tally::of(3, Vec::new());
        assert!(!summary.is_good());
    }
}
