//! `cargo xtask test`: a table of stages, run in order, and one line in the end.

mod side_by_side;
mod summary;

use std::io;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::product::{self, BINARY_VARIABLE};
use crate::tally::Tally;
use crate::vm::Series;
use crate::workspace::Workspace;
use crate::{corpus, docs, fuzz, lint, monitoring, package, run, setup, vm};
use summary::Summary;

/// Which stages.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Also the property tests with many more cases, and every test and all real work on both kernels
    #[arg(long)]
    all: bool,
    /// Only stages whose names contain this, and what they need; once or more often
    #[arg(long = "stage", value_name = "NAME")]
    stages: Vec<String>,
}

impl Options {
    fn choose(&self, stage: &Stage) -> bool {
        if self.stages.is_empty() {
            return self.all || !stage.long;
        }
        stage.gate || self.stages.iter().any(|name| is_meant(name, stage.name))
    }
}

/// A whole name means itself, though others may begin with it.
fn is_meant(name: &str, stage: &str) -> bool {
    let is_whole = STAGES.iter().any(|stage| stage.name == name);
    if is_whole { stage == name } else { stage.contains(name) }
}

/// One thing to check, by itself.
struct Stage {
    name: &'static str,
    /// The stages after it mean nothing if it fails.
    gate: bool,
    /// Only with `--all`.
    long: bool,
    /// It waits for a virtual machine, and goes side by side with others that do.
    guest: bool,
    run: Run,
    /// Runs those of its tests with these names once more: on a machine that is busy with others, or emulated, one may come too late for
    /// what it waits for. What passes then is told as flaky.
    again: Option<RunAgain>,
}

type Run = fn(&Workspace, &mut Tally) -> Result<()>;
type RunAgain = fn(&Workspace, &[String], &mut Tally) -> Result<()>;

/// More than this many do not fail because of the machine.
const MOST_AGAIN: usize = 3;

impl Stage {
    const fn new(name: &'static str, run: Run) -> Self {
        Self { name, gate: false, long: false, guest: false, run, again: None }
    }

    const fn again(self, again: RunAgain) -> Self {
        Self { again: Some(again), ..self }
    }

    /// Runs it; whether it went well, by its first try or the second one of what failed.
    fn run(&self, workspace: &Workspace, tally: &mut Tally) -> Result<()> {
        let first = (self.run)(workspace, tally);
        let (Err(_), Some(again), Some(names)) = (&first, self.again, tally.failed_names()) else {
            return first;
        };
        if names.is_empty() || names.len() > MOST_AGAIN {
            return first;
        }
        println!("== {}: once more: {}", self.name, names.join(" "));
        let mut second = Tally::default();
        let outcome = again(workspace, &names, &mut second);
        tally.second_try(&second);
        if tally.failed == 0 { outcome } else { first }
    }

    const fn gate(self) -> Self {
        Self { gate: true, ..self }
    }

    const fn long(self) -> Self {
        Self { long: true, ..self }
    }

    const fn in_guest(self) -> Self {
        Self { guest: true, ..self }
    }
}

/// Those with virtual machines at the end, the ones that take longest first.
const STAGES: &[Stage] = &[
    Stage::new("setup", |workspace, _| setup::run(workspace)).gate(),
    Stage::new("lint", |workspace, _| lint::run(workspace)),
    Stage::new("unit and property tests", unit),
    Stage::new("generated documents", |workspace, _| docs::run(workspace, true)),
    Stage::new("property tests, many more cases", property).long(),
    Stage::new("interleavings (loom)", loom),
    Stage::new("fuzzing, a moment each", fuzz::stage),
    Stage::new("tests of the agent's parts that need root", as_root),
    Stage::new("release build", |workspace, _| product::build(workspace)).gate(),
    Stage::new("package", package::stage),
    Stage::new("tests on this kernel", kernel).again(kernel_again),
    Stage::new("alert rules and dashboard", monitoring::stage),
    Stage::new("every test on Linux 6.12", |workspace, tally| {
        vm::everything(workspace, Series::Linux612, tally)
    })
    .in_guest()
    .long(),
    Stage::new("every test on Linux 6.1", |workspace, tally| {
        vm::everything(workspace, Series::Linux61, tally)
    })
    .in_guest()
    .long(),
    Stage::new("a Debian with the package, Linux 6.12", |workspace, tally| {
        vm::system_on(workspace, Series::Linux612, tally)
    })
    .in_guest(),
    Stage::new("real work, Linux 6.12", |workspace, tally| {
        corpus::stage(workspace, Series::Linux612, false, &[], tally)
    })
    .in_guest()
    .again(|workspace, names, tally| corpus::stage(workspace, Series::Linux612, false, names, tally)),
    Stage::new("tests of the tier lsm, Linux 6.12", vm::each_change)
        .in_guest()
        .again(|workspace, names, tally| vm::again(workspace, Series::Linux612, names, tally)),
    Stage::new("tests that differ on Linux 6.1", vm::oldest)
        .in_guest()
        .again(|workspace, names, tally| vm::again(workspace, Series::Linux61, names, tally)),
    Stage::new("a Debian with the package, Linux 6.1", |workspace, tally| {
        vm::system_on(workspace, Series::Linux61, tally)
    })
    .in_guest()
    .long(),
    Stage::new("real work, Linux 6.1", |workspace, tally| {
        corpus::stage(workspace, Series::Linux61, true, &[], tally)
    })
    .in_guest()
    .long()
    .again(|workspace, names, tally| corpus::stage(workspace, Series::Linux61, true, names, tally)),
];

/// Runs the stages and prints the closing line; succeeds if all of them did and there were tests at all.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> ExitCode {
    let stages: Vec<_> = STAGES.iter().filter(|stage| options.choose(stage)).collect();
    let mut summary = Summary::default();
    for group in stages.chunk_by(|one, next| one.guest && next.guest) {
        if let [stage] = group {
            let is_over = !alone(workspace, stage, &mut summary) && stage.gate;
            if is_over {
                println!("== the remaining stages need it and are left out");
                break;
            }
        } else {
            side_by_side::run(group, &mut summary);
        }
    }
    println!("\n{summary}");
    if summary.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one; whether it went well.
fn alone(workspace: &Workspace, stage: &Stage, summary: &mut Summary) -> bool {
    println!("\n== {}", stage.name);
    let begun = Instant::now();
    let mut tally = Tally::default();
    let outcome = stage.run(workspace, &mut tally);
    let seconds = begun.elapsed().as_secs_f64();
    let word = if outcome.is_ok() { "done" } else { "FAILED" };
    if let Err(error) = &outcome {
        eprintln!("{}: {error:#}", stage.name);
        summary.fail(stage.name, &mut tally, &format!("{error:#}"));
    }
    println!("== {}: {word} in {seconds:.1} s, {tally}", stage.name);
    summary.count(stage.name, tally);
    outcome.is_ok()
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

fn kernel(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let elsewhere = vm::needs_a_guest();
    let mut list = workspace.cargo(["test", "--quiet", "-p", "tests", "--test", "live", "--", "--list"]);
    let listed = run::for_output(list.args(elsewhere))?;
    let count_elsewhere = listed.lines().filter(|line| line.ends_with(": test")).count();
    println!("{count_elsewhere} tests run in virtual machines only: {}", elsewhere.join(" "));
    let mut tests = on_this_kernel(workspace);
    count(tests.args(elsewhere.iter().flat_map(|family| ["--skip", family])), tally)
}

fn kernel_again(workspace: &Workspace, names: &[String], tally: &mut Tally) -> Result<()> {
    count(on_this_kernel(workspace).arg("--exact").args(names), tally)
}

fn on_this_kernel(workspace: &Workspace) -> Command {
    let mut tests = workspace.cargo(["test", "--no-fail-fast", "-p", "tests"]);
    tests.env(BINARY_VARIABLE, workspace.release("burstguard"));
    // One at a time: each loads its own kernel programs and judges the whole host.
    tests.args(["--", "--test-threads=1"]);
    tests
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

    fn chosen(all: bool, stages: &[&str]) -> Vec<&'static str> {
        let options = Options { all, stages: stages.iter().map(ToString::to_string).collect() };
        STAGES.iter().filter(|stage| options.choose(stage)).map(|stage| stage.name).collect()
    }

    #[test]
    fn a_stage_is_chosen_by_a_part_of_its_name_and_by_its_whole_name_alone() {
        let gates = ["setup", "release build"];
        assert_eq!(
            chosen(false, &["real work"]),
            [&gates[..], &["real work, Linux 6.12", "real work, Linux 6.1"]].concat()
        );
        assert_eq!(
            chosen(false, &["real work, Linux 6.1"]),
            [&gates[..], &["real work, Linux 6.1"]].concat()
        );
        assert!(chosen(true, &[]).len() > chosen(false, &[]).len());
    }

    #[test]
    fn stages_with_machines_are_next_to_each_other_and_no_gates() {
        let groups = STAGES.chunk_by(|one, next| one.guest == next.guest).count();
        assert_eq!(groups, 2);
        assert!(STAGES.iter().all(|stage| !(stage.guest && stage.gate)));
    }
}
