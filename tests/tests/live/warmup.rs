//! A new account is only observed, once, and for as long as the policy says.

use std::fs;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Daemon, Event, Policy, ask_json, wait};

use crate::check::{FILES, each, filled_with};
use crate::commands::decide;
use crate::restart::Stage;

fn until_over(daemon: &mut Daemon) -> Result<()> {
    daemon.wait_for("the warm-up is over", |event| match event {
        Event::WarmupOver { account } if account == "a0" => Some(()),
        _ => None,
    })
}

fn account() -> Result<Value> {
    Ok(ask_json(&["accounts"])?[0].clone())
}

/// Until when it lasts.
fn until() -> Result<Timestamp> {
    let account = account()?;
    assert_eq!(account["granted"]["by"], "warmup", "{account}");
    Ok(account["until"].as_str().context("it ends")?.parse()?)
}

/// It is no other than it was, but for what turning one clock into the other takes.
fn is_kept(before: Timestamp) -> Result<()> {
    let now = until()?;
    assert!(now.duration_since(before).abs() < SignedDuration::from_millis(100), "{before} became {now}");
    Ok(())
}

#[test]
fn what_a_new_account_does_is_told_and_from_then_on_it_is_stopped() -> Result<()> {
    let mut scene = filled_with(|policy| policy.warmup("5s"))?;
    each(&scene, &["unlink {}"])?.until_done()?;
    assert_eq!(scene.destroyed(FILES), FILES);
    scene.daemon.burst()?;
    scene.catch_up()?;
    let incident = ask_json(&["incident", "1"])?;
    // The eleventh happens before a process can be stopped, in this tier.
    assert_eq!(
        (&incident["state"], &incident["would_have_stopped"], &incident["passed"]["by"]),
        (&json!("observed"), &json!(FILES - 11), &json!("warmup"))
    );
    let account = account()?;
    assert_eq!((&account["granted"]["by"], &account["standing"]), (&json!("warmup"), &json!("tripped")));
    assert!(account["until"].is_string() && incident["passed"]["until"].is_string(), "{account}");

    until_over(&mut scene.daemon)?;
    wait::until("the kernel holds it to its budgets", || {
        Ok((ask_json(&["accounts"])?[0]["standing"] == "armed").then_some(()))
    })?;
    scene.fill(FILES)?;
    let job = each(&scene, &["unlink {}"])?;
    job.until_stopped()?;
    // With its whole budget: what it did while it was new does not count.
    assert_eq!(scene.destroyed(FILES), 11);
    drop(job);
    scene.end().map(drop)
}

#[test]
fn it_goes_on_over_restarts_and_reloads_and_what_was_lost_is_said() -> Result<()> {
    let (stage, other) = (Stage::new()?, Stage::new()?);
    let base = stage.ground.base();
    let policy = stage.policy().budget("deletes", "10/1h").warmup("1h");
    let start = |policy: &Policy| Daemon::start_to_stay(policy, base);
    let mut daemon = start(&policy)?;
    let begun = until()?;
    daemon.kill()?;

    let mut daemon = start(&policy)?;
    is_kept(begun)?;
    decide(&["reload"])?;
    is_kept(begun)?;
    // It leaves the policy, and comes back.
    Policy::named("b", other.account.name(), &other.ground.tree()).write(base)?;
    decide(&["reload"])?;
    policy.write(base)?;
    decide(&["reload"])?;
    is_kept(begun)?;
    stage.hand(&["each", "30", "unlink {}"])?.until_done()?;
    assert_eq!(stage.missing(), FILES);
    daemon.kill()?;

    // Another boot would find just this.
    fs::remove_file(base.join("state/watched.json"))
        .context("since when it is watched is in the state directory")?;
    let mut daemon = start(&policy)?;
    daemon.until_complains("warm-ups begin anew")?;
    assert!(until()?.duration_since(begun) > SignedDuration::from_millis(500));

    // A policy that says so ends it.
    policy.warmup("0s").write(base)?;
    decide(&["reload"])?;
    until_over(&mut daemon)?;
    assert_eq!(account()?["granted"], Value::Null);
    stage.ground.fill(&stage.ground.tree(), FILES)?;
    stage.hand(&["each", "30", "unlink {}"])?.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    Ok(())
}
