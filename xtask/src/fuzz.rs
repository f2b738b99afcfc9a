//! `cargo xtask fuzz`: what reads what others wrote, under libFuzzer. What is fuzzed is in `agent/src/fuzzing.rs`.
//!
//! No tool is installed for it: the instrumentation is the compiler's own, by flags that are stable, and libFuzzer comes as a crate.

mod said;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};

use crate::run;
use crate::setup::debian;
use crate::tally::Tally;
use crate::workspace::Workspace;
use said::Said;

/// What is tried, and how much.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these targets
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// So many inputs of each; without this and --seconds, for a minute
    #[arg(long, value_name = "NUMBER")]
    runs: Option<u64>,
    /// For so long each
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// So many targets at once
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    jobs: usize,
}

/// If nothing is said.
const USUAL: u64 = 60;
/// Of each target, in the tests of every change.
const MOMENT: u64 = 2;
/// An input that takes longer is a finding: the slowest target takes less than a millisecond.
const TIMEOUT: u64 = 10;
/// How much memory an input may take (MiB).
const MEMORY: u64 = 2048;

/// By which the compiler counts edges and shows comparisons to libFuzzer, as cargo-fuzz has it without a sanitizer.
const INSTRUMENTED: [&str; 6] = [
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
/// Flags are not for build scripts if there is a target.
const TARGET: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

/// How the programs are built, and where the inputs are kept that reach something.
struct Manner {
    profile: &'static str,
    corpus: &'static str,
}

/// As fast as a release; it goes on from what was reached before.
const LONG: Manner = Manner { profile: "fuzz", corpus: "corpus" };
/// Building takes the most of a moment: not optimised. And it begins with the seeds, whatever was reached before.
const BRIEF: Manner = Manner { profile: "fuzz-moment", corpus: "moment" };

/// Tries them, and ends with a line for each.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let ground = Ground::prepare(workspace, LONG)?;
    let targets = ground.targets(&options.targets)?;
    let seconds = options.seconds.or(options.runs.is_none().then_some(USUAL));
    let outcomes = ground.try_all(&targets, options.runs, seconds, options.jobs);
    println!("\n{}", said::HEADER);
    let mut found = Vec::new();
    for (target, outcome) in targets.iter().zip(outcomes) {
        match outcome {
            Ok(said) => println!("{}", said.line(target)),
            Err(error) => found.push(format!("{target}: {error:#}")),
        }
    }
    ensure!(found.is_empty(), "{} of {} targets:\n{}", found.len(), targets.len(), found.join("\n"));
    Ok(())
}

/// All of them for a moment, each counted as a test.
pub(crate) fn stage(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let ground = Ground::prepare(workspace, BRIEF)?;
    let reached = ground.directory.join(BRIEF.corpus);
    match fs::remove_dir_all(&reached) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", reached.display()));
        }
        _ => {}
    }
    let targets = ground.targets(&[])?;
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let outcomes = ground.try_all(&targets, None, Some(MOMENT), jobs);
    for (target, outcome) in targets.iter().zip(outcomes) {
        tally.check(target, outcome.map(|said| println!("{}", said.line(target))));
    }
    ensure!(tally.failed == 0, "{} of {} targets have found something", tally.failed, targets.len());
    Ok(())
}

/// Where it happens.
struct Ground<'w> {
    workspace: &'w Workspace,
    manner: Manner,
    programs: PathBuf,
    /// What comes of it.
    directory: PathBuf,
}

impl<'w> Ground<'w> {
    /// With the programs of all targets.
    fn prepare(workspace: &'w Workspace, manner: Manner) -> Result<Self> {
        if run::for_output(Command::new("c++").arg("--version")).is_err() {
            debian::install_missing(&["g++"]).context("a compiler of C++, which libFuzzer is written in")?;
        }
        let directory = workspace.target.join("fuzz");
        let mut build =
            workspace.cargo(["build", "--profile", manner.profile, "--package=fuzz", "--target", TARGET]);
        // All is compiled with these flags: in the usual target directory it would be rebuilt each time.
        build.env("RUSTFLAGS", INSTRUMENTED.join(" ")).env("CARGO_TARGET_DIR", &directory);
        run::to_the_end(&mut build)?;
        let programs = directory.join(TARGET).join(manner.profile);
        Ok(Self { workspace, manner, programs, directory })
    }

    /// All that there are, or these.
    fn targets(&self, wanted: &[String]) -> Result<Vec<String>> {
        let all = targets(&self.workspace.root)?;
        if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
            bail!("there is no target {unknown}: there are {}", all.join(", "));
        }
        Ok(if wanted.is_empty() { all } else { wanted.to_vec() })
    }

    /// Some at once; their outcomes in the order of the targets.
    fn try_all(
        &self,
        targets: &[String],
        runs: Option<u64>,
        seconds: Option<u64>,
        jobs: usize,
    ) -> Vec<Result<Said>> {
        let next = Mutex::new(targets.iter().enumerate());
        let outcomes = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..jobs.clamp(1, targets.len().max(1)) {
                scope.spawn(|| {
                    loop {
                        let taken = next.lock().ok().and_then(|mut next| next.next());
                        let Some((index, target)) = taken else { return };
                        let outcome = self.try_one(target, runs, seconds);
                        if let Ok(mut outcomes) = outcomes.lock() {
                            outcomes.push((index, outcome));
                        }
                    }
                });
            }
        });
        let mut outcomes = outcomes.into_inner().unwrap_or_default();
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn try_one(&self, target: &str, runs: Option<u64>, seconds: Option<u64>) -> Result<Said> {
        let program = self.programs.join(target);
        let [corpus, made, found, logs] =
            [self.manner.corpus, "made", "found", "logs"].map(|kind| self.directory.join(kind));
        let [corpus, made, found] = [corpus, made, found].map(|kind| kind.join(target));
        for directory in [&corpus, &made, &found, &logs] {
            fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        }
        let log = logs.join(format!("{target}.log"));
        let mut fuzz = Command::new(&program);
        fuzz.env("BURSTGUARD_FUZZ_MADE", &made);
        fuzz.args([format!("-timeout={TIMEOUT}"), format!("-rss_limit_mb={MEMORY}")]);
        fuzz.args(["-print_final_stats=1".to_owned(), format!("-artifact_prefix={}/", found.display())]);
        fuzz.args(runs.map(|runs| format!("-runs={runs}")));
        fuzz.args(seconds.map(|seconds| format!("-max_total_time={seconds}")));
        fuzz.arg(format!("-dict={}", made.with_extension("dict").display()));
        let seeds = self.workspace.root.join("fuzz/seeds").join(target);
        fuzz.args([corpus, made].into_iter().chain(seeds.exists().then_some(seeds)));
        let to = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        println!("fuzz: {target}, to {}", log.display());
        let status = fuzz.stdout(Stdio::null()).stderr(to).status();
        let status = status.with_context(|| format!("cannot start {}", run::shown(&fuzz)))?;
        let text = fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
        let text = String::from_utf8_lossy(&text);
        if !status.success() {
            let why = said::complaint(&text);
            let input = said::input(&text).map(|input| format!("\n  again: {} {input}", program.display()));
            bail!("{why} ({status}, {}){}", log.display(), input.unwrap_or_default());
        }
        Said::read(&text).with_context(|| format!("{} does not end as libFuzzer does", log.display()))
    }
}

/// By the names of their programs.
fn targets(root: &Path) -> Result<Vec<String>> {
    let directory = root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot list {}", directory.display()))?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
