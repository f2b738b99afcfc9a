//! `cargo xtask verify`: how many instructions the kernel's verifier goes through for each program, against limits.
//!
//! The verifier gives up after a million, and what it goes through is start-up time. A number that grows is a reason to
//! look; raising a limit is a decision, which a review sees.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};

use crate::setup;
use crate::vm::{self, Series};
use crate::workspace::Workspace;

/// A line for each program: its tier, its name, and the most that a kernel may count for it.
const LIMITS: &str = include_str!("verify/limits.txt");
/// What a test says of each program that it has loaded.
const SAID: &str = "verified: ";

/// On which kernels.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Which kernel, once or more often; else all
    #[arg(long = "kernel", value_name = "SERIES")]
    kernels: Vec<Series>,
}

/// Loads every program of every tier on each kernel.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::run(workspace)?;
    let limits = read_all(LIMITS.lines().filter(|line| !line.starts_with('#'))).context("limits.txt")?;
    let kernels = if options.kernels.is_empty() { Series::ALL } else { &options.kernels };
    vm::on_each(kernels, |series| {
        let tests = ["verify::".to_owned()];
        let said = vm::listen(workspace, series, &tests, |said: &mut Vec<String>, line| {
            // The harness writes the name of the test before, on the same line.
            if let Some((_, program)) = line.split_once(SAID) {
                said.push(program.to_owned());
            }
        })?;
        let counted = read_all(said.iter().map(String::as_str)).context("what the test said")?;
        ensure!(!counted.is_empty(), "Linux {series}: the test said nothing of any program");
        let problems = compare(&counted, &limits);
        println!("verify {series}: {} programs, {} over their limits", counted.len(), problems.len());
        if problems.is_empty() { Ok(()) } else { bail!("Linux {series}: {}", problems.join("; ")) }
    })
}

/// A program: its tier and its name.
type Program = (String, String);

/// Of several programs with one name, as kernels cut names off, the largest counts.
fn read_all<'a>(lines: impl Iterator<Item = &'a str>) -> Result<BTreeMap<Program, u64>> {
    let mut counts = BTreeMap::new();
    for line in lines {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let [tier, name, count] = words[..] else { bail!("{line:?}: want TIER NAME COUNT") };
        let count: u64 = count.parse().with_context(|| format!("{line:?}: want TIER NAME COUNT"))?;
        let most: &mut u64 = counts.entry((tier.to_owned(), name.to_owned())).or_default();
        *most = count.max(*most);
    }
    Ok(counts)
}

/// What is wrong with the counts, and a line for each program.
fn compare(counted: &BTreeMap<Program, u64>, limits: &BTreeMap<Program, u64>) -> Vec<String> {
    let mut problems = Vec::new();
    for (program, count) in counted {
        let (tier, name) = program;
        let problem = match limits.get(program) {
            Some(limit) if count <= limit => None,
            Some(limit) => Some(format!("{tier} {name}: {count} instructions, more than {limit}")),
            None => Some(format!("{tier} {name}: {count} instructions, and limits.txt has no limit for it")),
        };
        println!("  {tier:10} {name:16} {count:>8}{}", if problem.is_some() { "  !" } else { "" });
        problems.extend(problem);
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> BTreeMap<Program, u64> {
        read_all(text.lines()).unwrap()
    }

    #[test]
    fn only_what_is_over_its_limit_or_has_none_is_a_problem() {
        let limits = read("lsm judge 100\nlsm inode_unlink 50\ntracepoint judge 70");
        assert!(compare(&read("lsm judge 100\ntracepoint judge 3"), &limits).is_empty());
        let problems = compare(&read("lsm judge 101\nlsm inode_link 1"), &limits);
        assert!(problems[0].contains("inode_link: 1 instructions, and limits.txt has no"), "{problems:?}");
        assert!(problems[1].contains("judge: 101 instructions, more than 100"), "{problems:?}");
    }

    #[test]
    fn the_largest_of_one_name_counts() {
        assert_eq!(read("lsm sys_enter_renam 5\nlsm sys_enter_renam 3").values().collect::<Vec<_>>(), [&5]);
    }

    #[test]
    fn the_limits_can_be_read() {
        assert!(read_all(["a b"].into_iter()).is_err());
        assert!(!read_all(LIMITS.lines().filter(|line| !line.starts_with('#'))).unwrap().is_empty());
    }
}
