//! How tests ended, read from what Rust's test harness writes.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use anyhow::Result;

/// How many tests ended how, and which of them failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) failures: Vec<String>,
    /// Tests that passed when they were run once more; they count as passed.
    pub(crate) flaky: Vec<String>,
    /// Lines that look like a harness's list of failed tests, whose summary has not come yet.
    listed: Vec<String>,
    /// What these have said, by name, and whose words come now.
    words: BTreeMap<String, Vec<String>>,
    speaker: Option<String>,
}

/// So many lines of what a failed test has said are enough to see why.
const MOST_WORDS: usize = 16;

impl Tally {
    /// What came to its end without a harness.
    pub(crate) fn of(passed: u64, failures: Vec<String>) -> Self {
        Self { passed, failed: failures.len() as u64, failures, ..Self::default() }
    }

    /// Counts one thing that was looked at, and says how that went.
    pub(crate) fn check(&mut self, name: &str, outcome: Result<()>) {
        match outcome {
            Ok(()) => {
                println!("{name}: ok");
                self.passed += 1;
            }
            Err(error) => {
                eprintln!("{name}: {error:#}");
                self.failed += 1;
                self.failures.push(format!("{name}: {error:#}"));
            }
        }
    }

    /// The names of what failed, if each failure has one.
    pub(crate) fn failed_names(&self) -> Option<Vec<String>> {
        let name = |text: &String| {
            let line = text.lines().next().unwrap_or_default();
            line.split_once(": ").map_or(line, |(name, _)| name).to_owned()
        };
        (self.failures.len() as u64 == self.failed).then(|| self.failures.iter().map(name).collect())
    }

    /// What failed was run once more, with this outcome: what passed then is flaky.
    pub(crate) fn second_try(&mut self, second: &Self) {
        let still = second.failed_names().unwrap_or_default();
        let names = self.failed_names().unwrap_or_default();
        if second.passed + second.failed < names.len() as u64 {
            return; // it did not come to each
        }
        let failures = names.iter().zip(std::mem::take(&mut self.failures));
        let (failed, flaky): (Vec<_>, Vec<_>) = failures.partition(|(name, _)| still.contains(name));
        let texts =
            |found: Vec<(&String, String)>| found.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        (self.failures, self.flaky) = (texts(failed), texts(flaky));
        self.failed = self.failures.len() as u64;
        self.passed += self.flaky.len() as u64;
    }

    /// Takes in a line; those that a harness ends with change the tally.
    pub(crate) fn read(&mut self, line: &str) {
        if line == "failures:" {
            // It is written twice, above what the failed tests wrote and above their names: the second one counts.
            self.listed.clear();
            self.speaker = None;
        } else if let Some(name) =
            line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            self.speaker = Some(name.to_owned());
        } else if let Some(Self { passed, failed, skipped, .. }) = Self::parse(line) {
            let names = if failed > 0 { std::mem::take(&mut self.listed) } else { Vec::new() };
            let failures = names.into_iter().map(|name| self.with_words(name)).collect();
            *self += Self { passed, failed, skipped, failures, ..Self::default() };
            self.listed.clear();
            self.words.clear();
        } else if let Some(speaker) = self.speaker.clone() {
            let words = self.words.entry(speaker).or_default();
            if !line.is_empty() && words.len() < MOST_WORDS {
                words.push(line.to_owned());
            }
        } else if let Some(name) = line.strip_prefix("    ").filter(|name| !name.contains(' ')) {
            self.listed.push(name.to_owned());
        }
    }

    /// The name of a failed test, and below it what it has said.
    fn with_words(&self, name: String) -> String {
        let words = self.words.get(&name).into_iter().flatten();
        words.fold(name.clone(), |text, line| format!("{text}\n  {line}"))
    }

    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`; any other line is none.
    fn parse(line: &str) -> Option<Self> {
        let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        Self::of_counts(counts, "; ")
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub(crate) fn counted(text: &str) -> Option<Self> {
        Self::of_counts(text, ", ")
    }

    fn of_counts(counts: &str, between: &str) -> Option<Self> {
        let mut tally = Self::default();
        for count in counts.split(between) {
            match count.split_once(' ') {
                Some((number, "passed")) => tally.passed = number.parse().ok()?,
                Some((number, "failed")) => tally.failed = number.parse().ok()?,
                Some((number, "ignored" | "skipped")) => tally.skipped = number.parse().ok()?,
                _ => {}
            }
        }
        Some(tally)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.failures.extend(other.failures);
        self.flaky.extend(other.flaky);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped, .. } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Tally {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn summaries_add_up_and_failed_tests_are_named() {
        let ok =
            "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 4 filtered out; finished in 0.10s";
        assert_eq!(read(ok), Tally { passed: 12, skipped: 3, ..Tally::default() });
        let failed = "failures:\n\n---- a::first stdout ----\n    left\n\nfailures:\n    a::first\n    a::second\n\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            read(failed),
            Tally::of(1, vec!["a::first\n      left".to_owned(), "a::second".to_owned()])
        );
        let both = read(&format!("    indented\n{ok}\n{failed}"));
        assert_eq!((both.passed, both.failed, both.failures.len()), (13, 2, 2));
    }

    #[test]
    fn what_passes_at_the_second_try_is_flaky_and_what_was_not_tried_again_has_failed() {
        let first = Tally::of(5, ["a::b\n  why", "c: 2 lost"].map(str::to_owned).to_vec());
        assert_eq!(first.failed_names(), Some(vec!["a::b".to_owned(), "c".to_owned()]));
        let after = |second: &Tally| {
            let mut tally = first.clone();
            tally.second_try(second);
            (tally.passed, tally.failed, tally.flaky)
        };
        assert_eq!(
            after(&Tally::of(1, vec!["c: 3 lost".to_owned()])),
            (6, 1, vec!["a::b\n  why".to_owned()])
        );
        assert_eq!(after(&Tally::of(2, Vec::new())).0, 7);
        assert_eq!(after(&Tally::default()), (5, 2, Vec::new()));
        assert_eq!(after(&Tally::of(1, Vec::new())), (5, 2, Vec::new()));
        // Something else has failed too.
        assert_eq!(Tally { failed: 3, ..first }.failed_names(), None);
    }

    #[test]
    fn other_lines_are_not() {
        for line in
            ["", "running 3 tests", "test a ... ok", "test result", "  test result: ok. 1 passed; 0 failed"]
        {
            assert_eq!(read(line), Tally::default(), "{line}");
        }
    }
}
