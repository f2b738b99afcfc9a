//! What a call costs, over how many processes act for accounts.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use tests::{Account, Daemon, Ground, Job, Policy, wait};

use super::{Curve, points};
use crate::cost::wide;
use crate::ground::{open_up, unlinks};
use crate::scale::Scale;

const PLACES: [usize; 6] = [1, 10, 100, 1000, 10_000, 100_000];
/// With what measures and its helpers, there may be no more.
const LIMIT: usize = 100_000;

pub(super) fn curve(scale: Scale) -> Result<Curve> {
    let watched = Account::unlisted()?;
    let ground = Ground::in_memory(&watched)?;
    open_up(&ground.tree())?;
    let policy = wide(Policy::new(watched.name(), &ground.tree())).in_tier(scale.tier);
    let mut daemon = Daemon::start(&policy, ground.base())?;
    let (most, ends) = room()?;
    let at: Vec<_> = PLACES.into_iter().filter(|at| *at <= most.min(scale.most)).collect();
    let mut series = vec![Vec::new(); at.len()];
    for _ in 0..scale.long_runs {
        for (&count, series) in at.iter().zip(&mut series) {
            // The one that measures is one of them, and so is the one that has the others.
            let mut idle = idle(&ground, &watched, count.saturating_sub(2))?;
            series.push(unlinks(&watched, &ground, &ground.tree(), scale.calls)?);
            idle.tell("")?;
            idle.until_done()?;
        }
    }
    ensure!(!daemon.has_burst()?, "the budget was exceeded: what was measured is not what should be");
    daemon.end()?;
    let curve =
        Curve::new("members", "unlinkat in a tree", "processes of accounts", "ns", points(&at, series));
    Ok(curve.ends_by(scale, ends))
}

fn idle(ground: &Ground, account: &Account, count: usize) -> Result<Job> {
    let job = Job::start(ground.hand_command(account, &["idle", &count.to_string()])?)?;
    wait::until("all are there", || {
        ensure!(job.goes_on(), "it ended: {}", job.complaint()?);
        Ok(job.output()?.contains("children").then_some(()))
    })?;
    Ok(job)
}

/// How many there may be, leaving half of the host's to others, and what says so.
fn room() -> Result<(usize, String)> {
    let read = |name: &str| -> Result<usize> {
        let path = format!("/proc/sys/kernel/{name}");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        text.trim().parse().context(path)
    };
    let limits = [("pid_max", read("pid_max")?), ("threads-max", read("threads-max")?)];
    let (name, least) = if limits[0].1 <= limits[1].1 { limits[0] } else { limits[1] };
    if least / 2 >= LIMIT {
        return Ok((LIMIT, format!("burstguard has at most {LIMIT} of them")));
    }
    Ok((least / 2, format!("this host has kernel.{name} = {least}, and others need half of them")))
}
