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
        let (began, used) = (Instant::now(), cpu_ns(daemon.pid())?);
        wait::keep_distance(scale.idle)?;
        let used = Duration::from_nanos(cpu_ns(daemon.pid())? - used);
        busy.push(used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0);
        let mib = |which| Ok::<_, anyhow::Error>(proc::memory_kib(daemon.pid(), which)? as f64 / 1024.0);
        resident.push(mib("VmRSS")?);
        own.push(mib("RssAnon")?);
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

/// What all threads of a process have had of the CPUs.
fn cpu_ns(pid: u32) -> Result<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).context("cannot list the daemon's threads")?;
    let one = |task: fs::DirEntry| fs::read_to_string(task.path().join("schedstat")).ok();
    let first = |text: String| text.split(' ').next()?.parse::<u64>().ok();
    Ok(tasks.flatten().filter_map(one).filter_map(first).sum())
}
