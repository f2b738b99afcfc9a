//! `cargo xtask vm`: the tests that need a kernel, on Debian's kernels, in a virtual machine without KVM.
//!
//! Needs no more of the host than apt: kernels and the guest's root are Debian's packages. All that is made lies in
//! `target/vm`, and is made once; only the disk is written anew for each run, so that no run sees what another left.

mod guest;
mod image;
mod kernel;
mod qemu;
mod selection;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};

pub(crate) use kernel::Series;
pub(crate) use selection::needs_a_guest;

use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{run, setup};

/// What to run on which kernel.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Which kernel, once or more often; else the newer one
    #[arg(long = "kernel", value_name = "SERIES")]
    kernels: Vec<Series>,
    /// Every test, not only those that are quick enough for each change
    #[arg(long)]
    all: bool,
    /// Only tests whose names contain one of these
    #[arg(last = true, value_name = "TEST-FILTER", conflicts_with = "all")]
    filters: Vec<String>,
}

/// Builds, boots and tests; one line a kernel tells how it went.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::run(workspace)?;
    let tests = match options {
        Options { all: true, .. } => Vec::new(),
        Options { filters, .. } if filters.is_empty() => selection::each_change(),
        Options { filters, .. } => filters.clone(),
    };
    on_each(&options.kernels, |series| test_on(workspace, series, &tests, &mut Tally::default()))
}

/// Every kernel is tried, whatever became of the one before; without a choice, the one for every day.
pub(crate) fn on_each(kernels: &[Series], mut attempt: impl FnMut(Series) -> Result<()>) -> Result<()> {
    let kernels = if kernels.is_empty() { &[Series::default()] } else { kernels };
    let outcomes: Vec<_> = kernels.iter().map(|&series| attempt(series)).collect();
    let failed: Vec<_> =
        outcomes.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// A stage of `cargo xtask test`: what is worth it on each change.
pub(crate) fn each_change(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    test_on(workspace, Series::Linux612, &selection::each_change(), tally)
}

/// The same on the oldest kernel: what may differ there.
pub(crate) fn oldest(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    test_on(workspace, Series::Linux61, &selection::oldest(), tally)
}

/// The same: every test.
pub(crate) fn everything(workspace: &Workspace, series: Series, tally: &mut Tally) -> Result<()> {
    test_on(workspace, series, &[], tally)
}

/// Boots the kernel for every day and plays the demonstration of what only a guest's kernel can do.
pub(crate) fn demo(workspace: &Workspace) -> Result<ExitCode> {
    send(workspace, &guest::Errand::demo())
}

/// The same with the measurements of it.
pub(crate) fn bench(workspace: &Workspace) -> Result<ExitCode> {
    send(workspace, &guest::Errand::bench())
}

fn send(workspace: &Workspace, errand: &guest::Errand) -> Result<ExitCode> {
    setup::run(workspace)?;
    let guest = Guest::prepare(workspace, Series::default(), errand)?;
    Ok(ExitCode::from(guest.boot(io::stdout(), |(): &mut (), _| ()).0?))
}

/// Runs tests that say something, and shows each line to `see`; what that made of them.
pub(crate) fn listen<S: Default>(
    workspace: &Workspace,
    series: Series,
    tests: &[String],
    see: impl Fn(&mut S, &str),
) -> Result<S> {
    let guest = Guest::prepare(workspace, series, &guest::Errand::talk(tests))?;
    let (status, seen) = guest.boot(io::stdout(), see);
    let status = status?;
    ensure!(status == 0, "Linux {}: the tests ended with status {status}", guest.kernel.version);
    Ok(seen)
}

/// Plays cases of real work, and shows each line that is said to `see`; what that made of them, also if they did not end well.
pub(crate) fn work<S: Default>(
    workspace: &Workspace,
    series: Series,
    options: &str,
    cases: &[String],
    see: impl Fn(&mut S, &str),
) -> Result<(S, Result<()>)> {
    let guest = Guest::prepare(workspace, series, &guest::Errand::corpus(options, cases))?;
    let (status, seen) = guest.boot(io::sink(), see);
    let judge = |status| {
        ensure!(status == 0, "Linux {}: the corpus ended with status {status}", guest.kernel.version);
        Ok(())
    };
    Ok((seen, status.and_then(judge)))
}

/// Runs the tests with these names on one kernel, all if there are none, and says the verdict.
fn test_on(workspace: &Workspace, series: Series, tests: &[String], tally: &mut Tally) -> Result<()> {
    let begun = Instant::now();
    let mut name = series.to_string();
    let outcome = Guest::prepare(workspace, series, &guest::Errand::tests(tests)).and_then(|guest| {
        name.clone_from(&guest.kernel.version);
        let (outcome, (counted, last)) = guest.boot(io::stdout(), see_test);
        *tally += counted;
        outcome.with_context(|| format!("the last line of its tests: \"{last}\""))
    });
    let outcome = outcome.and_then(|status| judge(status, tally));
    if outcome.is_err() {
        // So that a machine that never came to its tests does not look as if it had passed them.
        tally.failed = tally.failed.max(1);
    }
    println!("vm {name}: {tally} in {:.0} s", begun.elapsed().as_secs_f64());
    outcome.with_context(|| format!("the virtual machine with Linux {name}"))?;
    if tally.failed > 0 { Err(anyhow!("Linux {name}: {} tests failed", tally.failed)) } else { Ok(()) }
}

/// Counts, and keeps the last line about a test.
fn see_test((tally, last): &mut (Tally, String), line: &str) {
    tally.read(line);
    if line.starts_with("test ") {
        line.clone_into(last);
    }
}

/// Whether a harness that ended in this way has done its work; failed tests are the tally's business.
fn judge(status: u8, tally: &Tally) -> Result<()> {
    // A harness that has not counted a failure and fails all the same: it found no test, or was killed.
    ensure!(tally.failed > 0 || status == 0, "the tests ended with status {status}");
    ensure!(tally.passed + tally.failed > 0, "no test has these names");
    Ok(())
}

/// A machine that is ready to boot.
struct Guest {
    kernel: kernel::Kernel,
    disk: PathBuf,
    console: PathBuf,
}

impl Guest {
    /// Everything up to the boot: the kernel, and a disk with the errand on it.
    fn prepare(workspace: &Workspace, series: Series, errand: &guest::Errand) -> Result<Self> {
        // The files on the disk belong to many users, and some only root may read.
        ensure!(rustix::process::geteuid().is_root(), "only root can make a guest's disk: run this as root");
        setup::virtual_machine(workspace)?;
        let home = Home(workspace.target.join("vm"));
        let kernel = kernel::provide(&home.of(series), series)?;
        run::to_the_end(&mut workspace.cargo(["build", "--release", "-p", "burstguard"]))?;
        let disk = home.disk(series);
        guest::disk(workspace, &home, &kernel, &disk, errand)?;
        Ok(Self { kernel, disk, console: home.console(series) })
    }

    /// Boots; what it says goes to `to`, and each line is shown to `see`. The errand's exit status, and what `see` made of it.
    fn boot<S: Default>(&self, to: impl Write, see: impl Fn(&mut S, &str)) -> (Result<u8>, S) {
        qemu::boot(&self.kernel, &self.disk, &self.console, to, see)
    }
}

/// Where all that is made for virtual machines lies.
struct Home(PathBuf);

impl Home {
    /// The root directory of an image.
    fn root(&self, image: &str) -> PathBuf {
        self.0.join(format!("root-{image}"))
    }

    fn of(&self, series: Series) -> PathBuf {
        self.0.join(format!("linux-{series}"))
    }

    /// What it boots from.
    fn disk(&self, series: Series) -> PathBuf {
        self.0.join(format!("disk-{series}.ext4"))
    }

    /// What the kernel says.
    fn console(&self, series: Series) -> PathBuf {
        self.0.join(format!("console-{series}.log"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harness_that_ends_badly_is_no_success_whatever_it_counted() {
        let good = Tally::of(2, Vec::new());
        assert!(judge(0, &good).is_ok() && judge(101, &Tally::of(2, vec!["bad".to_owned()])).is_ok());
        let complaint = |status, tally: &Tally| judge(status, tally).err().map(|error| error.to_string());
        assert!(complaint(0, &Tally::default()).is_some_and(|error| error.contains("no test")));
        assert!(complaint(127, &good).is_some_and(|error| error.contains("status 127")));
    }
}
