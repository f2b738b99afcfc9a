//! What it costs everybody that processes are told apart: a program that does nothing is run by a user that is not watched, with and
//! without the agent in turns.

use std::path::Path;

use anyhow::Result;
use tests::{Account, Daemon, Ground, Policy};

use crate::row::{Row, median};
use crate::scale::Scale;
use crate::timed::{slower, timed};

pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
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
    let one = users.clone().and_says("[command.hand]\nprogram = 'hand'\ndestroy = [['not', 'this']]\n");
    let many = one.clone().and_says(&account_and_command_each());
    let [mut alone, mut by_users, mut by_all, mut of_one, mut of_many] = [const { Vec::new() }; 5];
    for _ in 0..scale.runs {
        alone.push(run(&other, &ground, scale)?);
        by_users.push(under(&users, &other, &ground, scale)?);
        by_all.push(under(&all, &other, &ground, scale)?);
        of_one.push(under(&one, &watched, &ground, scale)?);
        of_many.push(under(&many, &watched, &ground, scale)?);
    }
    let (slower_by_users, slower_by_all) = (slower(&alone, &by_users), slower(&alone, &by_all));
    let (off, one) = (median(&alone), median(&of_one));
    Ok(vec![
        Row::new("fork, exec, exit, nobody watches", "us", alone),
        Row::new("… by a user that is not watched", "us", by_users).times("off", off),
        Row::new("… slower, round by round", "%", slower_by_users).typically(5.0),
        Row::new("… with units, programs and scripts watched", "us", by_all).times("off", off),
        Row::new("… slower, round by round", "%", slower_by_all).typically(5.0),
        Row::new("… by a watched user, a program with destructive commands", "us", of_one.clone())
            .times("off", off),
        Row::new("… with 256 accounts and 256 commands", "us", of_many.clone()).times("of one", one),
        Row::new("… slower, round by round", "%", slower(&of_one, &of_many)).typically(100.0),
    ])
}

/// With the account that is measured 256, and with the commands that are built in as many as there may be.
fn account_and_command_each() -> String {
    (0..255).map(account_and_command).collect()
}

fn account_and_command(number: usize) -> String {
    format!(
        "[account.m{number}]\nusers = [{}]\ntrees = ['t0']\n{}",
        70_000 + number,
        // With those that are built in and the one that is measured.
        if number < 256 - 23 {
            format!("[command.m{number}]\nprogram = 'bgbench-{number}'\ndestroy = [['destroy', '--all']]\n")
        } else {
            String::new()
        }
    )
}

fn under(policy: &Policy, user: &Account, ground: &Ground, scale: Scale) -> Result<f64> {
    let mut daemon = Daemon::start(policy, ground.base())?;
    let took = run(user, ground, scale)?;
    daemon.end()?;
    Ok(took)
}

fn run(user: &Account, ground: &Ground, scale: Scale) -> Result<f64> {
    Ok(timed(user, ground, &["time-runs"], scale.programs, Path::new("/"), &[])? / 1000.0)
}
