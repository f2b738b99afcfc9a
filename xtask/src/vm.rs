//! `cargo xtask vm`: the tests that need a kernel, on Debian's kernels, in a virtual machine without KVM.
//!
//! Needs no more of the host than apt: kernels and the guest's root are Debian's packages. All that is made lies in
//! `target/vm`, and is made once; only the disk is written anew for each run, so that no run sees what another left.

mod guest;
mod image;
mod kernel;
mod qemu;
mod selection;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};

use image::Image;
pub(crate) use kernel::Series;
use qemu::Machine;
pub(crate) use selection::needs_a_guest;

use crate::once::alone;
use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{product, run, setup};

/// What to run on which kernel.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Which kernel, once or more often; else the newer one
    #[arg(long = "kernel", value_name = "SERIES")]
    kernels: Vec<Series>,
    /// Every test, not only those that are quick enough for each change
    #[arg(long)]
    all: bool,
    /// The life of the package on a whole Debian instead: installed, asked, upgraded, rebooted, purged
    #[arg(long, conflicts_with = "all")]
    system: bool,
    /// Only tests whose names contain one of these
    #[arg(last = true, value_name = "TEST-FILTER", conflicts_with_all = ["all", "system"])]
    filters: Vec<String>,
}

/// Builds, boots and tests; one line a kernel tells how it went.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::run(workspace)?;
    if options.system {
        return on_each(&options.kernels, |series| system_on(workspace, series, &mut Tally::default()));
    }
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

/// The tests with exactly these names, once more.
pub(crate) fn again(
    workspace: &Workspace,
    series: Series,
    names: &[String],
    tally: &mut Tally,
) -> Result<()> {
    let names: Vec<_> = std::iter::once("--exact".to_owned()).chain(names.iter().cloned()).collect();
    test_on(workspace, series, &names, tally)
}

/// Whether Debian's judge of packages finds nothing in this one.
pub(crate) fn lintian(workspace: &Workspace, package: &Path) -> Result<()> {
    setup::virtual_machine(workspace)?;
    let home = Home(workspace.target.join("vm"));
    let _alone = alone(&home.0)?;
    let root = image::LINTIAN.provide(&home)?;
    let inside = root.join("burstguard.deb");
    fs::copy(package, &inside).with_context(|| format!("cannot copy {}", package.display()))?;
    let mut lintian = run::chrooted(&root);
    run::for_output(lintian.args(["lintian", "--fail-on=error,warning", "/burstguard.deb"])).map(drop)
}

/// Boots the kernel for every day and plays the demonstration of what only a guest's kernel can do.
pub(crate) fn demo(workspace: &Workspace) -> Result<ExitCode> {
    send(workspace, &guest::Errand::demo(), |(): &mut (), _| ()).map(|(status, ())| status)
}

/// The same with the measurements of it; the last line that began like JSON comes along.
pub(crate) fn bench(workspace: &Workspace, args: &[String]) -> Result<(ExitCode, String)> {
    send(workspace, &guest::Errand::bench(args), |last: &mut String, line| {
        if line.starts_with('{') {
            line.clone_into(last);
        }
    })
}

fn send<S: Default>(
    workspace: &Workspace,
    errand: &guest::Errand,
    see: impl Fn(&mut S, &str),
) -> Result<(ExitCode, S)> {
    setup::run(workspace)?;
    let (status, seen) = prepare(workspace, Series::default(), errand)?.boot(io::stdout(), see);
    Ok((ExitCode::from(status?), seen))
}

/// Runs tests that say something, and shows each line to `see`; what that made of them.
pub(crate) fn listen<S: Default>(
    workspace: &Workspace,
    series: Series,
    tests: &[String],
    see: impl Fn(&mut S, &str),
) -> Result<S> {
    let guest = prepare(workspace, series, &guest::Errand::talk(tests))?;
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
    let guest = prepare(workspace, series, &guest::Errand::corpus(options, cases))?;
    let (status, seen) = guest.boot(io::sink(), see);
    let judge = |status| {
        ensure!(status == 0, "Linux {}: the corpus ended with status {status}", guest.kernel.version);
        Ok(())
    };
    Ok((seen, status.and_then(judge)))
}

/// Runs the tests with these names on one kernel, all if there are none, and says the verdict.
fn test_on(workspace: &Workspace, series: Series, tests: &[String], tally: &mut Tally) -> Result<()> {
    count_on(workspace, series, &guest::Errand::tests(tests), tally)
}

/// Makes the package and lets a whole Debian live with it; a stage of `cargo xtask test` as well.
pub(crate) fn system_on(workspace: &Workspace, series: Series, tally: &mut Tally) -> Result<()> {
    count_on(workspace, series, &guest::Errand::system(), tally)
}

/// Runs an errand that ends as a test harness does, and says the verdict.
fn count_on(workspace: &Workspace, series: Series, errand: &guest::Errand, tally: &mut Tally) -> Result<()> {
    let begun = Instant::now();
    let mut name = series.to_string();
    let outcome = prepare(workspace, series, errand).and_then(|guest| {
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

/// Everything up to the boot: the kernel, and a disk with the errand on it.
fn prepare(workspace: &Workspace, series: Series, errand: &guest::Errand) -> Result<Machine> {
    // The files on the disk belong to many users, and some only root may read.
    ensure!(rustix::process::geteuid().is_root(), "only root can make a guest's disk: run this as root");
    let home = Home(workspace.target.join("vm"));
    let _alone = alone(&home.0)?;
    setup::virtual_machine(workspace)?;
    let kernel = kernel::provide(&home.of(series), series)?;
    product::build(workspace)?;
    let guest::Errand { image, reboots, deadline, .. } = *errand;
    let disk = home.of_run("disk", image, series, "ext4");
    guest::disk(workspace, &home, &kernel, &disk, errand)?;
    let console = home.of_run("console", image, series, "log");
    Ok(Machine { kernel, disk, console, reboots, deadline })
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

    /// A file of one run: those of others, which may go on at the same time, are of another image or series.
    fn of_run(&self, what: &str, image: &Image, series: Series, extension: &str) -> PathBuf {
        self.0.join(format!("{what}-{}-{series}.{extension}", image.name))
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
