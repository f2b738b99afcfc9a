//! What it costs everybody that processes are told apart: a program that does nothing is run by a user that is not watched, with and
//! without the agent in turns.

use anyhow::{Context as _, Result};
use tests::{Account, Daemon, Ground, Job, Policy, wait};

use crate::row::Row;

const RUNS: usize = 2000;

pub(crate) fn measure(rounds: usize) -> Result<Vec<Row>> {
    let (watched, other) = (Account::new()?, Account::new()?);
    let ground = Ground::new(&watched)?;
    let users = Policy::new(watched.name(), &ground.tree());
    let all = users
        .clone()
        .and_told_by("units = ['bgbench-*.service', '/bgbench/*']", &ground.tree())
        .and_told_by("executables = ['/opt/bgbench/*/bin/agent', '**/bgbench-agent-*']", &ground.tree())
        .and_told_by("scripts = ['python3 /opt/bgbench/run.py']", &ground.tree());
    let (mut alone, mut by_users, mut by_all) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        alone.push(run(&other, &ground)?);
        by_users.push(under(&users, &other, &ground)?);
        by_all.push(under(&all, &other, &ground)?);
    }
    let slower = |armed: &[f64]| {
        alone.iter().zip(armed).map(|(alone, armed)| (armed / alone - 1.0) * 100.0).collect::<Vec<_>>()
    };
    let (slower_by_users, slower_by_all) = (slower(&by_users), slower(&by_all));
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
    let mut command = user.command(ground.hand()?);
    let cpu = std::thread::available_parallelism()?.get() - 1;
    command.args(["time-runs", &cpu.to_string(), &RUNS.to_string()]).current_dir("/");
    let job = Job::start(command)?;
    job.until_done()?;
    let output = job.output()?;
    let ns: f64 = output.trim().parse().with_context(|| format!("hand printed {output:?}"))?;
    Ok(ns / 1000.0)
}
