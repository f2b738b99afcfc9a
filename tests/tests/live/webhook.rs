//! Webhooks: every event arrives, whatever the receiver does, and nothing of that is felt where it counts.

mod receiver;

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use receiver::{Mood, Received, Receiver};
use serde_json::Value;
use tests::http::get;
use tests::{Daemon, Event, Ground, Policy, Scene, ask, ask_json, wait};

use crate::check::FILES;
use crate::metrics::free;
use crate::restart::Stage;

const KEY: &str = "hunter2-hunter2-hunter2";

/// A webhook that tells this address.
fn telling(policy: Policy, ground: &Ground, address: SocketAddr, more: &str) -> Result<Policy> {
    let file = ground.base().join("key");
    fs::write(&file, format!("{KEY}\n"))?;
    fs::set_permissions(&file, Permissions::from_mode(0o600))?;
    let url = format!("http://{address}/hook?token=a-secret-too");
    Ok(policy.and_says(&format!("[webhook.pager]\nurl = {url:?}\nsecret_file = {file:?}\n{more}")))
}

fn scene(address: SocketAddr, more: &str) -> Result<Scene> {
    Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), FILES)?;
        telling(policy, ground, address, more)
    })
}

/// What `burstguard status` says of the webhook.
fn standing() -> Result<Value> {
    Ok(ask_json(&["status"])?["webhooks"][0].take())
}

/// Waits until its standing is like this.
fn until(what: &str, like: impl Fn(&Value) -> bool) -> Result<Value> {
    wait::until(what, || Ok(Some(standing()?).filter(&like)))
}

/// The kinds of those that the agent prints and the test reads, in their order.
fn printed(daemon: &mut Daemon) -> Result<Vec<&'static str>> {
    let kinds = daemon.seen()?.iter().filter_map(|event| match event {
        Event::Burst(_) => Some("burst"),
        Event::Stopped { .. } => Some("stopped"),
        _ => None,
    });
    Ok(kinds.collect())
}

fn kinds<'a>(received: &'a [Received], among: &[&str]) -> Vec<&'a str> {
    received.iter().map(Received::kind).filter(|kind| among.contains(kind)).collect()
}

#[test]
fn every_event_arrives_in_order_after_a_receiver_that_is_dead_and_one_that_fails() -> Result<()> {
    let address = free()?;
    let mut scene = scene(address, "")?;
    let job = scene.shell("exec rm -f *")?;
    job.until_stopped()?;
    scene.daemon.burst()?;
    let dead = until("it does not get through", |one| one["failing"].is_string() && one["waiting"] != 0)?;
    ensure!(!dead.to_string().contains("a-secret-too"), "{dead}");
    let said = ask(&["status"])?.output;
    ensure!(said.contains("webhook  pager NOT DELIVERED: 127.0.0.1 cannot be told"), "{said}");

    let receiver = Receiver::start(address, Mood::Answer(500))?;
    wait::until("it fails", || Ok((!receiver.received().is_empty()).then_some(())))?;
    until("it says why", |one| one["failing"].as_str().is_some_and(|why| why.contains("500")))?;
    receiver.turn(Mood::Answer(204));
    let well = until("all is delivered", |one| one["waiting"] == 0 && one["failing"].is_null())?;
    let taken = receiver.taken();
    assert_eq!((well["delivered"].as_u64(), well["dropped"].as_u64()), (Some(taken.len() as u64), Some(0)));

    receiver.received().iter().try_for_each(|one| one.is_signed_with(KEY))?;
    assert_eq!(kinds(&taken, &["burst", "stopped"]), printed(&mut scene.daemon)?);
    let burst = taken.iter().find(|one| one.kind() == "burst").map(|one| &one.body);
    let said = burst.map(|body| {
        (body["event"]["account"].as_str(), body["event"]["pid"].as_u64(), body["version"].is_string())
    });
    assert_eq!(said, Some((Some("a0"), Some(job.pid().into()), true)));
    let text = burst.and_then(|body| body["text"].as_str()).unwrap_or_default();
    ensure!(text.starts_with("BURST ") && burst.is_some_and(|body| body["host"] != ""), "{text}");
    // What failed was the same message.
    let first = receiver.received()[0].body.clone();
    assert_eq!(first, taken[0].body);
    let complaints = scene.daemon.complaints()?;
    ensure!(!complaints.contains(KEY) && !complaints.contains("a-secret-too"), "{complaints}");
    scene.end().map(drop)
}

#[test]
fn a_receiver_that_hangs_is_not_felt() -> Result<()> {
    let address = free()?;
    let receiver = Receiver::start(address, Mood::Hang)?;
    let mut scene = scene(address, "timeout = \"60s\"\n")?;
    ensure!(ask(&["off", "--for", "1m", "--reason", "a test"])?.exit == Some(0));
    ensure!(ask(&["on", "--reason", "a test"])?.exit == Some(0));
    wait::until("it hangs", || Ok((!receiver.received().is_empty()).then_some(())))?;
    let job = scene.shell("exec rm -f *")?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 11);
    scene.daemon.burst()?;
    let asked = Instant::now();
    let waiting = until("the burst waits", |one| one["waiting"].as_u64() >= Some(3))?;
    ensure!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    ensure!(waiting["dropped"] == 0, "{waiting}");
    assert_eq!(receiver.received().len(), 1, "more than one attempt at a time");
    // Nor is the end kept waiting by an attempt that may take a minute.
    let ends = Instant::now();
    scene.end()?;
    ensure!(ends.elapsed() < Duration::from_secs(10), "{:?}", ends.elapsed());
    Ok(())
}

#[test]
fn what_waits_at_a_kill_is_delivered_by_the_next_agent() -> Result<()> {
    let address = free()?;
    let stage = Stage::new()?;
    let policy = telling(stage.policy(), &stage.ground, address, "")?;
    let mut daemon = Daemon::start_to_stay(&policy, stage.ground.base())?;
    let job = stage.shell("exec rm -f *")?;
    job.until_stopped()?;
    let burst = daemon.burst()?;
    until("it waits", |one| one["waiting"].as_u64() >= Some(2))?;
    daemon.kill()?;

    let receiver = Receiver::start(address, Mood::Answer(200))?;
    let mut next = Daemon::start_to_stay(&policy, stage.ground.base())?;
    until("all is delivered", |one| one["waiting"] == 0)?;
    let taken = receiver.taken();
    taken.iter().try_for_each(|one| one.is_signed_with(KEY))?;
    assert_eq!(kinds(&taken, &["burst", "stopped"]), ["burst", "stopped"]);
    ensure!(taken.iter().any(|one| one.kind() == "burst" && one.body["event"]["pid"] == burst.pid));
    next.end().map(drop)
}

#[test]
fn a_full_queue_loses_the_oldest_and_says_so() -> Result<()> {
    let (address, metrics) = (free()?, free()?);
    let stage = Stage::new()?;
    let policy = telling(stage.policy(), &stage.ground, address, "queue = 2\nevents = [\"off\", \"on\"]\n")?;
    let daemon = Daemon::start_measured(&policy, stage.ground.base(), metrics)?;
    for _ in 0..3 {
        ensure!(ask(&["off", "--for", "1m", "--reason", "a test"])?.exit == Some(0));
        ensure!(ask(&["on", "--reason", "a test"])?.exit == Some(0));
    }
    let lines = [
        r#"burstguard_webhook_dropped_total{reason="full",webhook="pager"} 4"#,
        r#"burstguard_webhook_queued_total{webhook="pager"} 6"#,
        r#"burstguard_webhook_waiting{webhook="pager"} 2"#,
        r#"burstguard_webhook_delivered_total{webhook="pager"} 0"#,
    ];
    wait::until("the metrics say so", || {
        let (_, text) = get(metrics, "/metrics")?;
        let sorted = |line: &str| text.contains(line) || text.contains(&swapped(line));
        let fails =
            text.contains("burstguard_webhook_failed_total") && !text.contains(r#"reason="connect"} 0"#);
        Ok((lines.iter().all(|line| sorted(line)) && fails).then_some(()))
    })?;
    let receiver = Receiver::start(address, Mood::Answer(200))?;
    until("the rest is delivered", |one| one["waiting"] == 0)?;
    assert_eq!(kinds(&receiver.taken(), &["off", "on"]), ["off", "on"]);
    daemon.end_well().map(drop)
}

/// A series with its two labels the other way round.
fn swapped(line: &str) -> String {
    line.replace(r#"reason="full",webhook="pager""#, r#"webhook="pager",reason="full""#)
}

#[test]
fn a_reload_sends_what_waits_where_the_policy_says_now() -> Result<()> {
    let (dead, alive) = (free()?, free()?);
    let stage = Stage::new()?;
    let policy = |address| telling(stage.policy(), &stage.ground, address, "");
    let daemon = Daemon::start(&policy(dead)?, stage.ground.base())?;
    ensure!(ask(&["off", "--for", "1m", "--reason", "a test"])?.exit == Some(0));
    until("it does not get through", |one| one["failing"].is_string())?;
    let receiver = Receiver::start(alive, Mood::Answer(200))?;
    policy(alive)?.write(stage.ground.base())?;
    ensure!(ask(&["reload", "--reason", "a test"])?.exit == Some(0));
    until("it is delivered", |one| one["waiting"] == 0)?;
    assert_eq!(receiver.taken().first().map(|one| one.kind().to_owned()), Some("off".to_owned()));
    // Of what the receiver does not want it is rid.
    receiver.turn(Mood::Answer(404));
    ensure!(ask(&["on", "--reason", "a test"])?.exit == Some(0));
    until("it is given up", |one| one["waiting"] == 0 && one["dropped"] == 1)?;
    // Without it nothing is told any more.
    stage.policy().write(stage.ground.base())?;
    ensure!(ask(&["reload", "--reason", "a test"])?.exit == Some(0));
    assert_eq!(ask_json(&["status"])?["webhooks"], serde_json::json!([]));
    daemon.end_well().map(drop)
}
