//! How it goes.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use tests::ask_json;

use super::installing::FILE;
use crate::book::Book;
use crate::ground::{Ground, Job};
use crate::host;

const APP: Ground = Ground("app");

/// Fails if anything of the daemon is still in force, or anything of it mounted.
fn ensure_let_go() -> Result<()> {
    ensure!(!Path::new("/sys/fs/bpf/burstguard").exists(), "pins are left");
    ensure!(!Path::new("/run/burstguard/control.sock").exists(), "its socket is left");
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    ensure!(!mounts.contains("burstguard"), "mounts are left: {mounts}");
    Ok(())
}

pub fn remove(_: &mut Book) -> Result<()> {
    let job = Job::start("deploy-removed", "deployer", APP)?;
    job.until_held()?;
    host::run(&["apt-get", "remove", "--yes", "burstguard"])?;
    job.until_done()?;
    ensure_let_go()?;
    ensure!(Path::new(FILE).exists(), "the host's policy is gone");
    // Who comes back finds the host's policy in force.
    host::run(&["apt-get", "install", "--yes", host::PACKAGE])?;
    let accounts = ask_json(&["accounts"])?;
    let is_watched = accounts.as_array().into_iter().flatten().any(|account| account["name"] == "deployer");
    ensure!(is_watched, "{accounts}");
    Ok(())
}

pub fn purge(_: &mut Book) -> Result<()> {
    host::run(&["apt-get", "purge", "--yes", "burstguard"])?;
    ensure_let_go()?;
    for place in ["/etc/burstguard", "/var/lib/burstguard", "/run/burstguard", "/usr/bin/burstguard"] {
        ensure!(!Path::new(place).exists(), "{place} is left");
    }
    let unit = host::property("burstguard.service", "LoadState")?;
    ensure!(unit == "not-found", "its unit is {unit}");
    Ok(())
}
