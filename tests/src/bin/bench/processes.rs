//! What it costs everybody that processes are told apart: a program that does nothing is run by a user that is not watched, with and
//! without the agent in turns.

use std::path::Path;

use anyhow::Result;
use tests::{Account, Daemon, Ground, Policy, wait};

use crate::row::Row;
use crate::timed::{slower, timed};

const RUNS: usize = 2000;

pub(crate) fn measure(rounds: usize) -> Result<Vec<Row>> {
    let (watched, other) = (Account::new()?, Account::new()?);
    let ground = Ground::new(&watched)?;
    let users = Policy::new(watched.name(), &ground.tree());
    let told = [
        "units = ['bgbench-*.service', '/bgbench/*']",
        "executables = ['/opt/bgbench/*/bin/agent', '**/bgbench-agent-*']",
        "scripts = ['python3 /opt/bgbench/run.py']",
    ];
    let mut all = users.clone();
    for (number, by) in told.into_iter().enumerate() {
        // A path belongs to one tree.
        let tree = ground.home().join(format!("tree-{number}"));
        ground.make_directory(&tree)?;
        all = all.and_told_by(by, &tree);
    }
    let (mut alone, mut by_users, mut by_all) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        alone.push(run(&other, &ground)?);
        by_users.push(under(&users, &other, &ground)?);
        by_all.push(under(&all, &other, &ground)?);
    }
    let (slower_by_users, slower_by_all) = (slower(&alone, &by_users), slower(&alone, &by_all));
    Ok(vec![
        Row::new("fork, exec, exit without an agent", "us", alone),
        Row::new("… by a user that is not watched", "us", by_users),
        Row::new("… slower, round by round", "%", slower_by_users).typically(5.0),
        Row::new("… with units, programs and scripts watched", "us", by_all),
        Row::new("… slower, round by round", "%", slower_by_all).typically(5.0),
    ])
}

fn under(policy: &Policy, user: &Account, ground: &Ground) -> Result<f64> {
    let mut daemon = Daemon::start(policy, ground.base())?;
    let took = run(user, ground)?;
    daemon.end()?;
    Ok(took)
}

fn run(user: &Account, ground: &Ground) -> Result<f64> {
    wait::go_on()?;
    Ok(timed(user, ground, "time-runs", RUNS, Path::new("/"))? / 1000.0)
}
