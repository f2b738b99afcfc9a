//! What is frozen is nobody else's: its unit stays active, and systemd does what it is asked meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use tests::{Incident, ask_json, wait};

use super::asking::in_scope;
use crate::book::Book;
use crate::host;

const ROUNDS: usize = 10;

/// A file that a process writes to all the time, as long as it runs.
struct Pulse(PathBuf);

impl Pulse {
    fn new(name: &str) -> Self {
        Self(Path::new("/tmp").join(format!("pulse-{name}")))
    }

    /// What it runs.
    fn script(&self) -> String {
        format!("while :; do date +%s%N >{}; sleep 0.05; done", self.0.display())
    }

    fn now(&self) -> String {
        fs::read_to_string(&self.0).unwrap_or_default()
    }

    /// Waits for the next beat.
    fn until_it_beats(&self) -> Result<()> {
        let before = self.now();
        wait::until("it runs", || {
            Ok(Some(self.now()).filter(|now| *now != before && !now.is_empty()).map(drop))
        })
    }
}

fn freeze(target: [&str; 2]) -> Result<Incident> {
    let done = ask_json(&["freeze", target[0], target[1], "--reason", "a drill", "--wait"])?;
    done["incident"].as_u64().map(Incident).with_context(|| format!("no incident: {done}"))
}

/// Freezes and thaws it ten times.
fn drill(target: [&str; 2], unit: &str, pulse: &Pulse) -> Result<()> {
    for round in 1..=ROUNDS {
        pulse.until_it_beats()?;
        let incident = freeze(target)?;
        let before = pulse.now();
        host::ensure_active(unit)?;
        host::ensure_responsive()?;
        ensure!(pulse.now() == before, "round {round}: it runs on");
        incident.decide("thaw", &[])?;
    }
    pulse.until_it_beats()?;
    host::ensure_active(unit)
}

/// Writes a unit that has a pulse.
fn write_unit(name: &str, pulse: &Pulse) -> Result<()> {
    let text = format!(
        "[Service]\nUser=deployer\nTimeoutStopSec=10\nExecStart=/bin/sh -c '{}'\n",
        pulse.script().replace('%', "%%")
    );
    fs::write(format!("/etc/systemd/system/{name}"), text)?;
    host::run(&["systemctl", "daemon-reload"])?;
    host::run(&["systemctl", "start", name]).map(drop)
}

pub fn service(_: &mut Book) -> Result<()> {
    let pulse = Pulse::new("service");
    write_unit("pulse.service", &pulse)?;
    drill(["--unit", "pulse.service"], "pulse.service", &pulse)?;
    host::run(&["systemctl", "stop", "pulse.service"]).map(drop)
}

pub fn scope(_: &mut Book) -> Result<()> {
    let pulse = Pulse::new("scope");
    let mut container = in_scope("box-2", &["sh", "-c", &pulse.script()])?;
    pulse.until_it_beats()?;
    drill(["--unit", "box-2.scope"], "box-2.scope", &pulse)?;
    host::run(&["systemctl", "stop", "box-2.scope"])?;
    container.wait().context("cannot wait for the container")?;
    Ok(())
}

pub fn session(_: &mut Book) -> Result<()> {
    let pulse = Pulse::new("session");
    host::run(&["systemctl", "start", "ssh.service"])?;
    let mut session = log_in("visitor", &pulse.script())?;
    pulse.until_it_beats()?;
    let unit = session_of("visitor")?;
    drill(["--account", "visitor"], &unit, &pulse)?;
    host::run(&["systemctl", "stop", &unit])?;
    session.wait().context("cannot wait for ssh")?;
    Ok(())
}

fn log_in(user: &str, script: &str) -> Result<Child> {
    let mut ssh = Command::new("ssh");
    ssh.args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", &format!("{user}@localhost"), script]);
    ssh.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("cannot start ssh")
}

/// The unit of a user's session.
fn session_of(user: &str) -> Result<String> {
    let listed = host::run(&["loginctl", "--no-legend", "list-sessions"])?;
    let found = listed.lines().find(|line| line.split_whitespace().nth(2) == Some(user));
    let id = found.and_then(|line| line.split_whitespace().next());
    Ok(format!("session-{}.scope", id.with_context(|| format!("{user} has no session: {listed}"))?))
}

pub fn stopped(_: &mut Book) -> Result<()> {
    let pulse = Pulse::new("stopped");
    write_unit("stopped.service", &pulse)?;
    pulse.until_it_beats()?;
    let group = host::property("stopped.service", "ControlGroup")?;
    let incident = freeze(["--unit", "stopped.service"])?;
    host::run(&["systemctl", "stop", "stopped.service"])?;
    // A shell blocks every signal while it starts a program: who is frozen just then ends by SIGKILL, when systemd has waited enough.
    wait::until("it has ended", || {
        let state = host::property("stopped.service", "ActiveState")?;
        Ok((state == "inactive" || state == "failed").then_some(()))
    })?;
    ensure!(!Path::new("/sys/fs/cgroup").join(group.trim_start_matches('/')).exists(), "its group is left");
    incident.until("gone")?;
    // Nothing of the freeze is left in the next one.
    host::run(&["systemctl", "start", "stopped.service"])?;
    pulse.until_it_beats()?;
    host::run(&["systemctl", "stop", "stopped.service"]).map(drop)
}
