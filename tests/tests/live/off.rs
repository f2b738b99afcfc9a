//! Nothing is enforced, for a while or until told otherwise.

use anyhow::Result;
use serde_json::json;
use tests::{Event, Scene, ask_json};

use crate::check::{FILES, each, filled};
use crate::commands::{burst_is_known, decide};

fn mode() -> Result<String> {
    Ok(ask_json(&["status"])?["mode"].as_str().unwrap_or_default().to_owned())
}

/// Makes the files anew that are gone; nobody of the lineage does.
fn refill(scene: &Scene) -> Result<()> {
    scene.fill(FILES)
}

/// It is enforced as before, with a whole budget: what was done meanwhile does not count.
fn stops_again(scene: Scene) -> Result<()> {
    refill(&scene)?;
    let job = each(&scene, &["unlink {}"])?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 11);
    drop(job);
    scene.end().map(drop)
}

#[test]
fn off_lets_everything_go_on_and_ends_by_itself() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let off = decide(&["off", "--for", "3s"])?;
    assert!(off["until"].is_string(), "{off}");
    job.until_done()?;
    assert_eq!(scene.destroyed(FILES), FILES);
    assert_eq!(ask_json(&["incident", "1"])?["state"], "thawed");
    refill(&scene)?;
    each(&scene, &["unlink {}"])?.until_done()?;
    assert!(
        !scene.daemon.seen()?.iter().any(|event| matches!(event, Event::On)),
        "it was off for too short a time"
    );
    assert_eq!(mode()?, "off");
    scene.daemon.wait_for("it is on again", |event| matches!(event, Event::On).then_some(()))?;
    assert_eq!(mode()?, "enforce");
    stops_again(scene)
}

#[test]
fn off_lasts_until_on() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    decide(&["off"])?;
    job.until_done()?;
    assert_eq!(ask_json(&["status"])?["off_until"], json!(null));
    decide(&["on"])?;
    assert_eq!(mode()?, "enforce");
    stops_again(scene)
}

#[test]
fn release_asks_an_agent_that_runs_and_it_goes_on_watching() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let said = tests::ask(&["release", "--reason", "x"])?;
    assert_eq!(said.exit, Some(0), "{said:?}");
    job.until_done()?;
    assert_eq!((scene.destroyed(FILES), mode()?.as_str()), (FILES, "off"));
    decide(&["on"])?;
    refill(&scene)?;
    each(&scene, &["unlink {}"])?.until_stopped()?;
    scene.end().map(drop)
}
