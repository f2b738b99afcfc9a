//! `cargo xtask test`: a table of stages, run in order, and one line in the end.

use std::io;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::product::BINARY_VARIABLE;
use crate::tally::Tally;
use crate::vm::Series;
use crate::workspace::Workspace;
use crate::{corpus, lint, run, setup, vm};

/// One thing to check, by itself.
struct Stage {
    name: &'static str,
    /// The stages after it mean nothing if it fails.
    gate: bool,
    /// Only with `--all`.
    long: bool,
    run: fn(&Workspace, &mut Tally) -> Result<()>,
}

const STAGES: &[Stage] = &[
    Stage { name: "setup", gate: true, long: false, run: |workspace, _| setup::run(workspace) },
    Stage { name: "lint", gate: false, long: false, run: |workspace, _| lint::run(workspace) },
    Stage { name: "unit and property tests", gate: false, long: false, run: unit },
    Stage { name: "property tests, many more cases", gate: false, long: true, run: property },
    Stage { name: "interleavings (loom)", gate: false, long: false, run: loom },
    Stage { name: "tests of the agent's parts that need root", gate: false, long: false, run: as_root },
    Stage { name: "release build", gate: true, long: false, run: release },
    Stage { name: "tests on this kernel", gate: false, long: false, run: kernel },
    Stage {
        name: "tests of the tier lsm, Linux 6.12 (virtual machine)",
        gate: false,
        long: false,
        run: vm::each_change,
    },
    Stage {
        name: "tests that differ on Linux 6.1 (virtual machine)",
        gate: false,
        long: false,
        run: vm::oldest,
    },
    Stage {
        name: "real work, Linux 6.12 (virtual machine)",
        gate: false,
        long: false,
        run: |workspace, tally| corpus::stage(workspace, Series::Linux612, tally),
    },
    Stage {
        name: "real work, Linux 6.1 (virtual machine)",
        gate: false,
        long: true,
        run: |workspace, tally| corpus::stage(workspace, Series::Linux61, tally),
    },
    Stage {
        name: "every test on Linux 6.12 (virtual machine)",
        gate: false,
        long: true,
        run: |workspace, tally| vm::everything(workspace, Series::Linux612, tally),
    },
    Stage {
        name: "every test on Linux 6.1 (virtual machine)",
        gate: false,
        long: true,
        run: |workspace, tally| vm::everything(workspace, Series::Linux61, tally),
    },
];

/// Runs the stages and prints the closing line; succeeds if all of them did and there were tests at all.
pub(crate) fn run(workspace: &Workspace, all: bool) -> ExitCode {
    let (mut total, mut failures) = (Tally::default(), Vec::new());
    for stage in STAGES.iter().filter(|stage| all || !stage.long) {
        println!("\n== {}", stage.name);
        let begun = Instant::now();
        let mut tally = Tally::default();
        let outcome = (stage.run)(workspace, &mut tally);
        let seconds = begun.elapsed().as_secs_f64();
        if let Err(error) = &outcome {
            eprintln!("{}: {error:#}", stage.name);
            failures.push(told(stage.name, &tally, &format!("{error:#}")));
            // So that the closing line never looks green when something else than a test failed.
            tally.failed = tally.failed.max(1);
        }
        let word = if outcome.is_ok() { "done" } else { "FAILED" };
        println!("== {}: {word} in {seconds:.1} s, {tally}", stage.name);
        total += tally;
        if stage.gate && outcome.is_err() {
            println!("== the remaining stages need it and are left out");
            break;
        }
    }
    // A log of this length is read from its end, and often no more of it is kept.
    failures.iter().for_each(|failure| println!("\n{failure}"));
    println!("\ntotal: {total}");
    if total.failed == 0 && total.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is said of a stage that failed: its tests, and the error, which may have a kernel's last words in it.
fn told(stage: &str, tally: &Tally, error: &str) -> String {
    let names: String = tally.failures.iter().map(|name| format!("\n  {name}")).collect();
    format!("FAILED: {stage}{names}\n  {}", error.replace('\n', "\n  "))
}

fn unit(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    // agent-ebpf is no program of this host, and `tests` needs the release build first.
    let exclude = ["--exclude", "agent-ebpf", "--exclude", "tests"];
    count(workspace.cargo(["test", "--workspace", "--no-fail-fast"]).args(exclude), tally)
}

/// The freezer on real groups, the control socket with real users.
fn as_root(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let mut tests = workspace.cargo(["test", "--no-fail-fast", "-p", "burstguard"]);
    // One at a time: some measure, and all act on groups and users of the one host.
    count(tests.args(["--", "--ignored", "--test-threads=1"]), tally)
}

fn property(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let mut tests =
        workspace.cargo(["test", "--release", "--no-fail-fast", "-p", "agent-common", "-p", "burstguard"]);
    count(tests.env("PROPTEST_CASES", "20000"), tally)
}

fn loom(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let mut tests = workspace.cargo(["test", "--release", "-p", "agent-common", "--test", "loom"]);
    // A cfg that everything is compiled with: in the usual target directory it would rebuild all, each time.
    tests.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", workspace.target.join("loom"));
    count(&mut tests, tally)
}

fn release(workspace: &Workspace, _: &mut Tally) -> Result<()> {
    run::to_the_end(&mut workspace.cargo(["build", "--release", "-p", "burstguard"]))
}

fn kernel(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let elsewhere = vm::needs_a_guest();
    let mut list = workspace.cargo(["test", "--quiet", "-p", "tests", "--test", "live", "--", "--list"]);
    let listed = run::for_output(list.args(elsewhere))?;
    let count_elsewhere = listed.lines().filter(|line| line.ends_with(": test")).count();
    println!("{count_elsewhere} tests run in virtual machines only: {}", elsewhere.join(" "));
    let mut tests = workspace.cargo(["test", "--no-fail-fast", "-p", "tests"]);
    tests.env(BINARY_VARIABLE, workspace.release("burstguard"));
    // One at a time: each loads its own kernel programs and judges the whole host.
    tests.args(["--", "--test-threads=1"]);
    count(tests.args(elsewhere.iter().flat_map(|family| ["--skip", family])), tally)
}

/// Runs a test command and adds up the summaries it prints.
fn count(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let status = run::watched(command, io::stdout(), |line| tally.read(line))?;
    ensure!(status.success(), "{} failed: {status}", run::shown(command));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_stage_is_told_with_its_tests_and_every_line_of_the_error() {
        let tally = Tally::of(1, vec!["hold::a".to_owned(), "hold::b".to_owned()]);
        assert_eq!(
            told("lsm", &tally, "2 failed\nthe last"),
            "FAILED: lsm\n  hold::a\n  hold::b\n  2 failed\n  the last"
        );
    }
}
