//! What administrators do to the daemon while calls wait: restarted, stopped, killed, upgraded.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::{Incident, ask, ask_json, wait};

use crate::book::Book;
use crate::ground::{Ground, Job, LEFT};
use crate::host;

const UNIT: &str = "burstguard.service";
const APP: Ground = Ground("app");
const NIGHT: Ground = Ground("night");

/// Fails unless the call still waits, in the incident in which it did.
fn ensure_held(job: &Job, incident: Incident) -> Result<()> {
    let now = job.until_held()?;
    ensure!(now == incident, "what was incident {} is {}", incident.0, now.0);
    Ok(())
}

pub fn restart(_: &mut Book) -> Result<()> {
    let job = Job::start("deploy-restart", "deployer", APP)?;
    let incident = job.until_held()?;
    let before = host::property(UNIT, "MainPID")?;
    host::run(&["systemctl", "restart", UNIT])?;
    ensure!(host::property(UNIT, "MainPID")? != before, "it is the same process");
    ensure_held(&job, incident)?;
    incident.approve(&[])?;
    job.until_done()
}

pub fn stop(_: &mut Book) -> Result<()> {
    let job = Job::start("deploy-stop", "deployer", APP)?;
    let incident = job.until_held()?;
    host::run(&["systemctl", "stop", UNIT])?;
    let said = ask(&["status"])?;
    ensure!(said.exit == Some(3) && said.complaint.contains("still"), "{said:?}");
    let journal = host::run(&["journalctl", "--output=cat", "--lines=20", &format!("--unit={UNIT}")])?;
    ensure!(journal.contains("burstguard release"), "the journal does not say what stays: {journal}");
    // Somebody else's call waits as well.
    NIGHT.fill("nightly")?;
    let other = Job::start("nightly-alone", "nightly", NIGHT)?;
    wait::until("what may go has gone", || Ok((NIGHT.left() == LEFT).then_some(())))?;
    APP.expect_left(LEFT)?;
    host::run(&["systemctl", "start", UNIT])?;
    ensure_held(&job, incident)?;
    incident.decide("deny", &[])?;
    job.until_failed()?;
    APP.expect_left(LEFT)?;
    other.until_failed()?;
    NIGHT.expect_left(LEFT)?;
    host::calm();
    Ok(())
}

pub fn kill(_: &mut Book) -> Result<()> {
    let job = Job::start("deploy-kill", "deployer", APP)?;
    let incident = job.until_held()?;
    let before = host::property(UNIT, "MainPID")?;
    host::run(&["kill", "-KILL", &before])?;
    wait::until("another daemon answers", || {
        let status = ask_json(&["status"]).ok();
        let other = |status: &Value| status["pid"].as_u64() != before.parse().ok();
        Ok(status.filter(other))
    })?;
    host::until_state(UNIT, "active")?;
    ensure_held(&job, incident)?;
    incident.approve(&[])?;
    job.until_done()
}

pub fn upgrade(_: &mut Book) -> Result<()> {
    let newer = newer_package()?;
    let job = Job::start("deploy-upgrade", "deployer", APP)?;
    let incident = job.until_held()?;
    // Refused, and tries again all the time, whatever becomes of the daemon.
    let refused = Job::start("nightly-once", "nightly", NIGHT)?;
    refused.until_failed()?;
    let again = format!("while :; do rm -f {}/*; sleep 0.05; done", NIGHT.config().display());
    host::run(&["systemd-run", "--quiet", "--unit=nightly-again", "--uid=nightly", "sh", "-c", &again])?;
    host::run(&["apt-get", "install", "--yes", &newer])?;
    let version = host::run(&["dpkg-query", "--show", "--showformat=${Version}", "burstguard"])?;
    ensure!(version == NEWER, "installed is {version}");
    host::ensure_active(UNIT)?;
    NIGHT.expect_left(LEFT)?;
    host::run(&["systemctl", "stop", "nightly-again"])?;
    ensure_held(&job, incident)?;
    incident.approve(&[])?;
    job.until_done()?;
    NIGHT.expect_left(LEFT)?;
    host::calm();
    Ok(())
}

const NEWER: &str = "99.0";

/// The same package once more, as if there was something new in it.
fn newer_package() -> Result<String> {
    let (unpacked, newer) = ("/var/tmp/newer", "/var/tmp/newer.deb");
    host::run(&["dpkg-deb", "--raw-extract", host::PACKAGE, unpacked])?;
    let control = format!("{unpacked}/DEBIAN/control");
    let text = fs::read_to_string(&control)?;
    let lines = text.lines().map(|line| if line.starts_with("Version:") { "Version: 99.0" } else { line });
    fs::write(&control, lines.map(|line| format!("{line}\n")).collect::<String>())?;
    // To compress it takes an emulated machine minutes.
    host::run(&["dpkg-deb", "--root-owner-group", "-Znone", "--build", unpacked, newer])?;
    Ok(newer.to_owned())
}
