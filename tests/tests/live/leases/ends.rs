//! A lease ends by itself, and outlives the agent that gave it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::{Incident, ask_json, wait};

use crate::check::FILES;
use crate::commands::decide;
use crate::restart::Stage;

const SECONDS: u64 = 3;

fn grant(stage: &Stage, time: &str) -> Result<serde_json::Value> {
    let tree = stage.ground.tree().display().to_string();
    decide(&["lease", "grant", "--account", "a0", "--tree", &tree, "--for", time])
}

#[test]
fn it_ends_though_no_agent_is_there() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    grant(&stage, &format!("{SECONDS}s"))?;
    let began = std::time::Instant::now();
    stage.hand(&["each", "15", "unlink {}"])?.until_done()?;
    ensure!(began.elapsed() < Duration::from_secs(SECONDS), "too slow a machine");
    daemon.kill()?;
    wait::keep_distance(Duration::from_secs(SECONDS + 1).saturating_sub(began.elapsed()))?;
    stage.ground.fill(&stage.ground.tree(), FILES)?;
    let job = stage.hand(&["each", "30", "unlink {}"])?;
    job.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    drop(job);
    Ok(())
}

#[test]
fn its_end_is_told() -> Result<()> {
    let stage = Stage::new()?;
    let daemon = stage.start()?;
    let lease = grant(&stage, "2s")?;
    wait::keep_distance(Duration::from_secs(2))?;
    Incident(lease["id"].as_u64().context("a number")?).until("expired")?;
    assert_eq!(ask_json(&["lease", "list"])?, serde_json::json!([]));
    drop(daemon);
    Ok(())
}
