//! What the tests of the tier lsm begin with, and the ways to look at what waits.

use anyhow::{Result, ensure};
use tests::{Crowd, Held, Job, Party, Policy, Tier, proc, wait};

/// How many files there are to destroy, unless a test says otherwise.
pub(crate) const FILES: usize = 30;
/// How many may be.
pub(crate) const BUDGET: usize = 10;

/// Calls past the budget wait. The windows are so long that nobody gains anything by a slow machine.
pub(crate) fn holds(policy: Policy) -> Policy {
    policy
        .in_tier(Tier::Lsm)
        .budget("deletes", "10/1h")
        .budget("replaces", "10/1h")
        .budget("truncates", "10/1h")
        .budget("overwrites", "10/1h")
        .budget("recreates", "10/1h")
}

/// So many accounts with [`FILES`] files each, whose calls past the budget wait.
pub(crate) fn crowd(parties: usize) -> Result<Crowd> {
    crowd_with(parties, |policy| policy)
}

/// The same with another policy.
pub(crate) fn crowd_with(parties: usize, change: impl FnOnce(Policy) -> Policy) -> Result<Crowd> {
    let parties = (0..parties).map(|_| Party::new(FILES)).collect::<Result<_>>()?;
    Crowd::watched(parties, |policy| change(holds(policy)))
}

/// What is tried with an account of its own, and its name.
pub(crate) type Case = (&'static str, fn(&mut Crowd, usize) -> Result<()>);

/// Functions as cases, by their names.
macro_rules! cases {
    ($($case:ident),* $(,)?) => { &[$((stringify!($case), $case)),*] };
}
pub(crate) use cases;

/// Every case, under one agent: its start takes seconds on an emulated processor.
pub(crate) fn all(cases: &[Case]) -> Result<()> {
    let mut crowd = crowd(cases.len())?;
    let rows = cases.iter().enumerate().map(|(at, (name, case))| ((*name).to_owned(), (at, case)));
    each_row(rows, |(at, case)| case(&mut crowd, at))?;
    crowd.end().map(drop)
}

/// What unlinking all files comes to: a process that waits with exactly the budget spent.
pub(crate) fn waits(crowd: &mut Crowd, at: usize) -> Result<(Job, Held)> {
    let job = crowd.parties[at].each(FILES, &["unlink {}"])?;
    let held = crowd.daemon.held_by(job.pid())?;
    job.until_stopped()?;
    ensure!(crowd.parties[at].missing(FILES) == BUDGET, "{} are missing", crowd.parties[at].missing(FILES));
    Ok((job, held))
}

/// Waits until a process, which need not be a child of ours, is stopped.
pub(crate) fn until_stopped(pid: u32) -> Result<()> {
    wait::until("the process is stopped", || Ok(is_stopped(pid).then_some(())))
}

pub(crate) fn is_stopped(pid: u32) -> bool {
    proc::Process::look(pid).is_some_and(|process| process.is_stopped())
}

/// Every row is tried, whatever became of the one before.
pub(crate) fn each_row<T>(
    rows: impl IntoIterator<Item = (String, T)>,
    mut attempt: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let failed = rows.into_iter().filter_map(|(name, row)| {
        let error = attempt(row).err()?;
        Some(format!("{name}: {error:#}"))
    });
    let failed: Vec<_> = failed.collect();
    ensure!(failed.is_empty(), "{} rows failed:\n{}", failed.len(), failed.join("\n"));
    Ok(())
}
