//! `rm -rf` of many files: how many go, and how fast it is stopped.

use anyhow::Result;
use tests::Scene;

use crate::memory::Memory;
use crate::row::Row;

const FILES: usize = 20_000;
const BUDGET: f64 = 10.0;

pub(crate) fn measure(runs: usize) -> Result<Vec<Row>> {
    let (mut destroyed, mut latency, mut memory) = (Vec::new(), Vec::new(), Memory::default());
    for _ in 0..runs {
        let mut scene = Scene::with(|policy, ground| {
            ground.fill(&ground.tree(), FILES)?;
            Ok(policy)
        })?;
        let job = scene.shell("exec rm -rf ../tree")?;
        let stop = job.until_stopped()?;
        let burst = scene.daemon.burst()?;
        destroyed.push(scene.destroyed(FILES) as f64);
        latency.push(stop.at_ns.saturating_sub(burst.at_ns) as f64 / 1000.0);
        memory.look(scene.daemon.pid())?;
        drop(job);
        scene.end()?;
    }
    let mut rows = vec![
        Row::new("rm -rf of 20,000 files, budget 10: destroyed", "files", destroyed).always(BUDGET + 1.0),
        Row::new("burst recorded to stop reported", "us", latency),
    ];
    rows.extend(memory.rows());
    Ok(rows)
}
