//! How long the agent takes until it watches.

use anyhow::Result;
use aya::maps::loaded_maps;
use tests::{Account, Daemon, Ground, Policy, wait};

use crate::row::Row;
use crate::scale::Scale;

pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
    let account = Account::new()?;
    let ground = Ground::new(&account)?;
    let policy = Policy::new(account.name(), &ground.tree());
    let (mut outside, mut inside) = (Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        let mut daemon = Daemon::start(&policy, ground.base())?;
        outside.push(daemon.until_armed().as_secs_f64() * 1000.0);
        inside.push(daemon.armed().start_ms);
        daemon.end()?;
        // The kernel detaches its programs in the background, and lets nobody attach meanwhile.
        wait::until("the programs of the agent before are gone", || {
            let left = loaded_maps().flatten().any(|map| map.name() == b"LINEAGE");
            Ok((!left).then_some(()))
        })?;
    }
    Ok(vec![
        Row::new("start to armed, seen from outside", "ms", outside).always(1000.0),
        Row::new("start to armed, as the agent says", "ms", inside),
    ])
}
