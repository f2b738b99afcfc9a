//! What goes over a reboot, and what a daemon that cannot start does to it.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use tests::{Incident, ask_json, wait};

use crate::book::Book;
use crate::ground::{Ground, Job};
use crate::host;

const APP: Ground = Ground("app");
/// It makes the policy one that nobody can carry out.
const BROKEN: &str = "/etc/burstguard/policy.d/99-broken.toml";

pub fn before(book: &mut Book) -> Result<()> {
    let tree = ["--tree", "/srv/night", "--budget", "deletes=500", "--for", "2h", "--reason", "CHG-124"];
    let lease = ask_json(&[&["lease", "grant", "--account", "nightly"], &tree[..]].concat())?;
    book.note("lease", lease["id"].as_u64().with_context(|| format!("{lease}"))?)?;
    let incident = Job::start("deploy-reboot", "deployer", APP)?.until_held()?;
    book.note("held", incident.0)
}

pub fn after(book: &mut Book) -> Result<()> {
    host::until_state("burstguard.service", "active")?;
    // Whichever the shutdown ends first: what waited, which the daemon still sees, or the daemon.
    let held = Incident(book.noted("held")?).show()?;
    ensure!(held["state"] == "gone" || held["state"] == "rebooted", "{held}");
    let leases = ask_json(&["lease", "list"])?;
    let lease = book.noted("lease")?;
    let is_there = leases.as_array().into_iter().flatten().any(|found| found["id"] == lease);
    ensure!(is_there, "lease {lease} is not in {leases}");
    // Not one file more has gone, and the next burst waits as the last one did.
    APP.expect_left(crate::ground::LEFT)?;
    let job = Job::start("deploy-after", "deployer", APP)?;
    job.until_held()?.approve(&[])?;
    job.until_done()
}

pub fn break_policy(_: &mut Book) -> Result<()> {
    fs::write(BROKEN, "[account.deployer]\nresponse = \"whatever\"\n").context("cannot write a drop-in")
}

pub fn failed(_: &mut Book) -> Result<()> {
    // This errand is ordered after it: it was reached while the daemon fails.
    host::ensure_active("multi-user.target")?;
    let state = host::property("burstguard.service", "ActiveState")?;
    ensure!(state != "active", "with a broken policy it is {state}");
    let journal = host::run(&["journalctl", "--boot", "--output=cat", "--unit=burstguard.service"])?;
    ensure!(journal.contains(BROKEN), "the journal does not say what is wrong: {journal}");
    fs::remove_file(BROKEN)?;
    // By itself: nobody has to find out that it must be started.
    wait::until("it is armed by itself", || Ok(ask_json(&["status"]).ok()))?;
    host::until_state("burstguard.service", "active")
}
