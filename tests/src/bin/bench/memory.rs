//! How much memory the agent takes, and whether it keeps up with what it hears.

use anyhow::{Result, ensure};
use tests::{Account, Daemon, Ground, Policy, proc};

use crate::cost::wide;
use crate::ground::{open_up, unlinks};
use crate::row::Row;
use crate::scale::Scale;

pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
    let account = Account::unlisted()?;
    let ground = Ground::in_memory(&account)?;
    open_up(&ground.tree())?;
    let policy = wide(Policy::new(account.name(), &ground.tree())).in_tier(scale.tier);
    let calls = scale.calls * 5;
    let (mut resident, mut highest, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        let mut daemon = Daemon::start(&policy, ground.base())?;
        unlinks(&account, &ground, &ground.tree(), calls)?;
        ensure!(!daemon.has_burst()?, "the budget was exceeded: what was measured is not what should be");
        resident.push(proc::memory_mib(daemon.pid(), "VmRSS")?);
        highest.push(proc::memory_mib(daemon.pid(), "VmHWM")?);
        lost.push(daemon.end()?.get("record_lost") as f64);
    }
    Ok(vec![
        Row::new(format!("records lost of {calls} operations in one go"), "records", lost).always(0.0),
        Row::new("resident memory after that", "MiB", resident).always(20.0),
        // Loading the kernel programs takes more than running them.
        Row::new("resident memory since the start, at its highest", "MiB", highest),
    ])
}
