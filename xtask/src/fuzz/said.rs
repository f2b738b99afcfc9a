//! What libFuzzer says while it works and in the end.

/// How it went, if nothing was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    executions: u64,
    seconds: u64,
    /// How many edges of the program were reached.
    edges: u64,
    /// How many inputs are kept, since each reaches something that the others do not.
    inputs: u64,
}

/// Above the lines of [`Said::line`].
pub(super) const HEADER: &str =
    "target        executions   seconds   a second     edges    inputs   findings";

impl Said {
    /// From all that it wrote; none if it has not come to its end.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (executions, seconds) = text.lines().find_map(|line| {
            let (executions, rest) = line.strip_prefix("Done ")?.split_once(" runs in ")?;
            Some((executions.parse().ok()?, rest.split(' ').next()?.parse().ok()?))
        })?;
        // `#1024	NEW    cov: 83 ft: 91 corp: 12/3Kb …`; the last one counts.
        let status = text.lines().rev().find(|line| line.starts_with('#') && line.contains(" cov: "))?;
        let number = |word: &str| {
            let (_, rest) = status.split_once(word)?;
            rest.split([' ', '/']).next()?.parse().ok()
        };
        Some(Self { executions, seconds, edges: number(" cov: ")?, inputs: number(" corp: ")? })
    }

    /// As a line of a table.
    pub(super) fn line(&self, target: &str) -> String {
        let Self { executions, seconds, edges, inputs } = self;
        let each = executions / seconds.max(&1);
        format!("{target:<12} {executions:>11} {seconds:>9} {each:>10} {edges:>9} {inputs:>9}   none")
    }
}

/// Why it has ended early: what the target said, else what libFuzzer has.
pub(super) fn complaint(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.contains("panicked at"));
    if lines.next().is_some() {
        let is_over =
            |line: &str| ["note: ", "stack backtrace:", "=="].iter().any(|end| line.starts_with(end));
        let words: Vec<_> = lines.take_while(|line| !is_over(line)).take(4).map(str::trim).collect();
        return words.join(" ").chars().take(400).collect();
    }
    let line = text.lines().find(|line| line.contains("ERROR: libFuzzer"));
    line.unwrap_or("it ended early, and does not say why").trim_start_matches(['=', ' ']).to_owned()
}

/// The file of the input that it ended with.
pub(super) fn input(text: &str) -> Option<&str> {
    text.lines().rev().find_map(|line| line.split_once("Test unit written to ").map(|(_, file)| file.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: &str = "\
INFO: seed corpus: files: 5 min: 1b max: 30b total: 99b rss: 40Mb
#6	INITED cov: 70 ft: 80 corp: 5/99b exec/s: 0 rss: 41Mb
#1024	NEW    cov: 83 ft: 91 corp: 12/3Kb lim: 4 exec/s: 0 rss: 41Mb L: 2/30 MS: 1 ChangeBit-
#20000	DONE   cov: 84 ft: 92 corp: 13/3Kb lim: 30 exec/s: 10000 rss: 44Mb
Done 20000 runs in 2 second(s)
stat::number_of_executed_units: 20000
";

    #[test]
    fn the_end_says_how_it_went() {
        let said = Said::read(DONE).expect("an end");
        assert_eq!(said, Said { executions: 20_000, seconds: 2, edges: 84, inputs: 13 });
        let line = said.line("url");
        let columns: Vec<_> = line.split_whitespace().collect();
        assert_eq!(columns, ["url", "20000", "2", "10000", "84", "13", "none"]);
        assert_eq!(Said::read(DONE.split("Done").next().expect("a part")), None);
    }

    #[test]
    fn what_was_found_is_said_with_its_input() {
        let text = "#6	INITED cov: 7\n\nthread '<unnamed>' (7) panicked at agent/src/policy/fuzzing.rs:9:5:\nassertion failed: a\n\
                    stack backtrace:\n   0: a\n==7== ERROR: libFuzzer: deadly signal\n\
                    artifact_prefix='/t/'; Test unit written to /t/crash-00\n";
        assert_eq!((complaint(text).as_str(), input(text)), ("assertion failed: a", Some("/t/crash-00")));
        let text = "==7== ERROR: libFuzzer: timeout after 10 seconds\n";
        assert_eq!(complaint(text), "7== ERROR: libFuzzer: timeout after 10 seconds");
        assert_eq!((complaint("").is_empty(), input("")), (false, None));
    }
}
