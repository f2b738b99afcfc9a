//! Nothing is enforced, for a while or until told otherwise.

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Daemon, Event, Policy, Scene, ask_json, wait};

use crate::check::{FILES, each, filled};
use crate::commands::{burst_is_known, decide};
use crate::restart::Stage;

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

/// Off for 3 s, in which the account destroys all its files; then the agent is killed, and off is over.
fn off_and_killed(stage: &Stage, policy: &Policy) -> Result<Daemon> {
    let mut daemon = Daemon::start_to_stay(policy, stage.ground.base())?;
    let off = decide(&["off", "--for", "3s"])?;
    let until: Timestamp = off["until"].as_str().context("it ends")?.parse()?;
    assert_eq!(ask_json(&["accounts"])?[0]["granted"]["by"], "off");
    stage.hand(&["each", "30", "unlink {}"])?.until_done()?;
    assert_eq!(stage.missing(), FILES);
    daemon.kill()?;
    assert!(Timestamp::now() < until, "it was off for too short a time");
    wait::until("it is off no longer", || Ok((Timestamp::now() > until).then_some(())))?;
    stage.ground.fill(&stage.ground.tree(), FILES)?;
    Ok(daemon)
}

#[test]
fn off_ends_by_itself_though_the_agent_was_killed() -> Result<()> {
    let stage = Stage::new()?;
    off_and_killed(&stage, &stage.policy())?;
    stage.hand(&["each", "30", "unlink {}"])?.until_stopped()?;
    assert!(stage.missing() <= 11, "{}", stage.missing());
    Ok(())
}

#[test]
fn what_was_done_under_off_does_not_count_for_the_next_agent() -> Result<()> {
    let stage = Stage::new()?;
    let policy = stage.policy().budget("deletes", "10/1h");
    off_and_killed(&stage, &policy)?;
    let mut next = Daemon::start_to_stay(&policy, stage.ground.base())?;
    assert_eq!(mode()?, "enforce");
    stage.hand(&["each", "30", "unlink {}"])?.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    assert!(!next.seen()?.iter().any(|event| matches!(event, Event::Unexplained { .. })));
    Ok(())
}

#[test]
fn the_next_agent_knows_that_it_is_off_and_until_when() -> Result<()> {
    let stage = Stage::new()?;
    let mut first = stage.start()?;
    let off = decide(&["off", "--for", "1h"])?;
    first.kill()?;
    let mut next = stage.start()?;
    next.wait_for("it is off", |event| matches!(event, Event::Off { .. }).then_some(()))?;
    assert_eq!(mode()?, "off");
    let until = |said: &Value| anyhow::Ok(said.as_str().context("it ends")?.parse::<Timestamp>()?);
    let kept = until(&ask_json(&["status"])?["off_until"])?;
    assert!(
        kept.duration_since(until(&off["until"])?).abs() < SignedDuration::from_millis(100),
        "{kept}, {off}"
    );
    stage.hand(&["each", "30", "unlink {}"])?.until_done()?;
    decide(&["on"])?;
    stage.ground.fill(&stage.ground.tree(), FILES)?;
    stage.hand(&["each", "30", "unlink {}"])?.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    Ok(())
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
