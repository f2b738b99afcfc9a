//! What the daemon takes when nothing happens.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tests::{Account, Daemon, Ground, Policy, agent, proc, wait};

use crate::row::Row;
use crate::scale::Scale;

pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    ground.fill(&ground.tree(), 100)?;
    let policy = Policy::new(account.name(), &ground.tree()).in_tier(scale.tier);
    let (mut busy, mut resident, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.long_runs {
        let mut daemon = Daemon::start(&policy, ground.base())?;
        // What a start leaves to be done in the background is not what it takes all day.
        wait::keep_distance(scale.settle)?;
        let (began, used) = (Instant::now(), ran(daemon.pid())?);
        wait::keep_distance(scale.idle)?;
        let used = ran(daemon.pid())?.saturating_sub(used);
        busy.push(used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0);
        resident.push(proc::memory_mib(daemon.pid(), "VmRSS")?);
        own.push(proc::memory_mib(daemon.pid(), "RssAnon")?);
        daemon.end()?;
    }
    let size = fs::metadata(agent()?)?.len() as f64 / f64::from(1 << 20);
    Ok(vec![
        Row::new("resident memory, idle", "MiB", resident).always(15.0),
        Row::new("… of which is not the program's file or a map of the kernel's", "MiB", own),
        Row::new("CPU, idle", "%", busy).always(0.1),
        Row::new("the program", "MiB", vec![size]),
    ])
}

/// For how long all threads of a process have run.
fn ran(pid: u32) -> Result<Duration> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).context("cannot list the daemon's threads")?;
    // One that ends meanwhile is not counted.
    Ok(tasks.flatten().filter_map(|task| proc::ran(&task.path()).ok()).sum())
}
