//! What watching costs: the same loop of unlinks on a tmpfs, by users that are watched and users that are not, with and
//! without the agent in turns, so that whatever else the machine does falls on all of them alike.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{Mode, OFlags, openat};
use tests::{Account, Daemon, Ground, Policy, wait};

use crate::memory::Memory;
use crate::row::Row;
use crate::timed::{slower, timed};

/// How many patterns of names are excepted in the tree, to see what they cost.
const PATTERNS: [(usize, &str); 2] =
    [(1, "… in a tree with 1 pattern of exceptions"), (16, "… in a tree with 16 patterns of exceptions")];

/// Unlinks in one measurement.
const FILES: usize = 100_000;

/// The series, in ns a call.
#[derive(Default)]
struct Series {
    alone: Vec<f64>,
    untracked: Vec<f64>,
    outside: Vec<f64>,
    protected: Vec<f64>,
    excepting: [Vec<f64>; PATTERNS.len()],
    lost: Vec<f64>,
    memory: Memory,
}

struct Bench {
    watched: Account,
    other: Account,
    ground: Ground,
    policy: Policy,
}

pub(crate) fn measure(rounds: usize) -> Result<Vec<Row>> {
    let watched = Account::new()?;
    let other = Account::new()?;
    let ground = Ground::in_memory(&watched)?;
    // Anyone's, so that both users run the same loop in the same directories.
    for directory in [ground.tree(), ground.outside()] {
        fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .with_context(|| format!("cannot open up {}", directory.display()))?;
    }
    // The largest budget in the smallest window: the loop stays within it, and every call goes the whole way through
    // place, ledger, budget and record.
    let policy = Policy::new(watched.name(), &ground.tree()).budget("deletes", "1024/1ms");
    let bench = Bench { watched, other, ground, policy };
    let mut series = Series::default();
    for round in 0..rounds {
        // With the agent first in every second round: a drift of the machine then favours neither.
        if round % 2 == 0 {
            series.alone.push(bench.unlinks(&bench.other, &bench.ground.tree())?);
            bench.with_agent(&mut series)?;
        } else {
            bench.with_agent(&mut series)?;
            series.alone.push(bench.unlinks(&bench.other, &bench.ground.tree())?);
        }
    }
    Ok(rows(series))
}

impl Bench {
    fn with_agent(&self, series: &mut Series) -> Result<()> {
        let mut daemon = Daemon::start(&self.policy, self.ground.base())?;
        series.untracked.push(self.unlinks(&self.other, &self.ground.tree())?);
        series.outside.push(self.unlinks(&self.watched, &self.ground.outside())?);
        series.protected.push(self.unlinks(&self.watched, &self.ground.tree())?);
        ensure!(!daemon.has_burst()?, "the budget was exceeded: what was measured is not what should be");
        series.memory.look(daemon.pid())?;
        series.lost.push(daemon.end()?.get("record_lost") as f64);
        for ((count, _), series) in PATTERNS.into_iter().zip(&mut series.excepting) {
            let patterns: Vec<_> = (0..count).map(|number| format!("**/*.{number}")).collect();
            let mut daemon = Daemon::start(&self.policy.clone().except(&patterns), self.ground.base())?;
            series.push(self.unlinks(&self.watched, &self.ground.tree())?);
            daemon.end()?;
        }
        Ok(())
    }

    /// Makes files as ourselves, lets the user unlink them, and returns the ns of an undisturbed unlink.
    fn unlinks(&self, user: &Account, directory: &Path) -> Result<f64> {
        wait::go_on()?;
        let handle = File::open(directory)?;
        for number in 0..FILES {
            openat(&handle, format!("f{number:04}"), OFlags::CREATE | OFlags::WRONLY, Mode::RUSR)?;
        }
        timed(user, &self.ground, "time", FILES, directory)
    }
}

fn rows(series: Series) -> Vec<Row> {
    let Series { alone, untracked, outside, protected, excepting, lost, memory } = series;
    let slower = slower(&alone, &untracked);
    let more = alone.iter().zip(&protected).map(|(alone, tracked)| (tracked - alone) / 1000.0).collect();
    let alone = Row::new("unlinkat without an agent", "ns", alone);
    let untracked = Row::new("unlinkat by a user that is not watched", "ns", untracked);
    let ratio = (untracked.median() / alone.median() - 1.0) * 100.0;
    let mut rows = vec![
        alone,
        untracked,
        Row::new("… slower, ratio of the medians", "%", vec![ratio]).typically(5.0),
        Row::new("… slower, round by round", "%", slower),
        Row::new("unlinkat by a watched user, not in a tree", "ns", outside),
        Row::new("unlinkat by a watched user, protected and counted", "ns", protected),
        Row::new("… more than without an agent, round by round", "us", more).typically(2.0),
        Row::new("records lost of 100,000 in one go", "records", lost),
    ];
    rows.extend(PATTERNS.into_iter().zip(excepting).map(|((_, name), series)| Row::new(name, "ns", series)));
    rows.extend(memory.rows());
    rows
}
