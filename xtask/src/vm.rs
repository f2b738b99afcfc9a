//! `cargo xtask vm`: the tests that need a kernel, on Debian's kernels, in a virtual machine without KVM.
//!
//! Needs no more of the host than apt: kernels and the guest's root are Debian's packages. All that is made lies in
//! `target/vm`, and is made once; only the disk is written anew for each run, so that no run sees what another left.

mod guest;
mod kernel;
mod qemu;
mod selection;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};

pub(crate) use kernel::Series;

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
        Options { filters, .. } if filters.is_empty() => selection::quick(),
        Options { filters, .. } => filters.clone(),
    };
    let kernels = if options.kernels.is_empty() { &[Series::default()] } else { &options.kernels[..] };
    let outcomes = kernels.iter().map(|&series| test_on(workspace, series, &tests, &mut Tally::default()));
    // Every kernel is tried, whatever became of the one before.
    let failed: Vec<_> = outcomes.filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// A stage of `cargo xtask test`.
pub(crate) fn quick(workspace: &Workspace, series: Series, tally: &mut Tally) -> Result<()> {
    test_on(workspace, series, &selection::quick(), tally)
}

/// Runs the tests with these names on one kernel, all if there are none, and says the verdict.
fn test_on(workspace: &Workspace, series: Series, tests: &[String], tally: &mut Tally) -> Result<()> {
    let begun = Instant::now();
    let home = Home(workspace.target.join("vm"));
    let mut name = series.to_string();
    let outcome = prepare(workspace, &home, series, tests).and_then(|(kernel, disk)| {
        name.clone_from(&kernel.version);
        qemu::boot(&kernel, &disk, &home.console(series), tally)
    });
    if outcome.is_err() {
        // So that a machine that never came to its tests does not look as if it had passed them.
        tally.failed = tally.failed.max(1);
    }
    println!("vm {name}: {tally} in {:.0} s", begun.elapsed().as_secs_f64());
    outcome.with_context(|| format!("the virtual machine with Linux {name}"))?;
    if tally.failed > 0 { Err(anyhow!("Linux {name}: {} tests failed", tally.failed)) } else { Ok(()) }
}

/// Everything up to the boot: the kernel and a disk with the tests on it.
fn prepare(
    workspace: &Workspace,
    home: &Home,
    series: Series,
    tests: &[String],
) -> Result<(kernel::Kernel, PathBuf)> {
    // The files on the disk belong to many users, and some only root may read.
    ensure!(rustix::process::geteuid().is_root(), "only root can make a guest's disk: run this as root");
    setup::virtual_machine()?;
    let kernel = kernel::provide(&home.of(series), series)?;
    run::to_the_end(&mut workspace.cargo(["build", "--release", "-p", "burstguard"]))?;
    let disk = guest::disk(workspace, home, &home.disk(series), tests)?;
    Ok((kernel, disk))
}

/// Where all that is made for virtual machines lies.
struct Home(PathBuf);

impl Home {
    /// The guest's root directory; with other packages it is another.
    fn root(&self) -> PathBuf {
        self.0.join(format!("root-{}", guest::PACKAGES.replace(',', "-")))
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
