//! `rm -rf` of many files: how many go, and how fast it is stopped.

use anyhow::Result;
use tests::Scene;

use crate::row::Row;
use crate::scale::Scale;

const BUDGET: f64 = 10.0;

pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
    let (mut destroyed, mut latency) = (Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        let mut scene = Scene::with(|policy, ground| {
            ground.fill(&ground.tree(), scale.files)?;
            Ok(policy.in_tier(scale.tier))
        })?;
        let job = scene.shell("exec rm -rf ../tree")?;
        let stop = job.until_stopped()?;
        let burst = scene.daemon.burst()?;
        destroyed.push(scene.destroyed(scale.files) as f64);
        latency.push(stop.at_ns.saturating_sub(burst.at_ns) as f64 / 1000.0);
        drop(job);
        scene.end()?;
    }
    let name = format!("rm -rf of {} files, budget 10: destroyed", scale.files);
    Ok(vec![
        Row::new(name, "files", destroyed).always(BUDGET + 1.0),
        Row::new("burst recorded to stop reported", "us", latency),
    ])
}
