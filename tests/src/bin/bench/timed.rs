//! What the helper program measures of itself, and how that compares.

use std::path::Path;

use anyhow::{Context as _, Result};
use tests::{Account, Ground, Job, wait};

/// The ns that one of so many takes undisturbed, by this deed of the helper program.
pub(crate) fn timed(
    user: &Account,
    ground: &Ground,
    deed: &[&str],
    count: usize,
    directory: &Path,
    options: &[String],
) -> Result<f64> {
    wait::go_on()?;
    let mut command = user.command(ground.hand()?);
    // Away from CPU 0, which takes most interrupts.
    let cpu = std::thread::available_parallelism()?.get() - 1;
    command.args(deed).args([cpu.to_string(), count.to_string()]).args(options).current_dir(directory);
    let job = Job::start(command)?;
    job.until_done()?;
    let output = job.output()?;
    output.trim().parse().with_context(|| format!("hand printed {output:?}"))
}

/// By how many percent, round by round.
pub(crate) fn slower(alone: &[f64], armed: &[f64]) -> Vec<f64> {
    alone.iter().zip(armed).map(|(alone, armed)| (armed / alone - 1.0) * 100.0).collect()
}

/// By how much, round by round.
pub(crate) fn more(alone: &[f64], armed: &[f64]) -> Vec<f64> {
    alone.iter().zip(armed).map(|(alone, armed)| armed - alone).collect()
}
