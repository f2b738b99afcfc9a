//! Names that would act on a database or a terminal: they are written, shown and proven, and act on nothing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{Incident, ask};

use crate::check::filled;
use crate::restart::Stage;
use crate::store::{burst, state};

/// They come before all others, so that the burst has them.
const NAMES: [&[u8]; 5] = [
    b"'; DROP TABLE incidents;--",
    b"'); DELETE FROM entry; --",
    b"\x1b]0;x\x07\x1b[2J",
    b"\x01\xff\xfe",
    b"1\nFORGED  approved by root\n",
];

/// What a command says, which is fit for a terminal.
fn said(words: &[&str]) -> Result<String> {
    let said = ask(words)?;
    ensure!(said.exit == Some(0), "{words:?}: {said:?}");
    let acting = |char: char| char.is_control() && char != '\n';
    ensure!(!said.output.contains(acting), "{words:?}: {:?}", said.output);
    ensure!(
        !said.output.lines().any(|line| line.trim_start().starts_with("FORGED")),
        "{words:?}: {}",
        said.output
    );
    Ok(said.output)
}

/// Every screen that may have such a name on it.
fn look(stage: &Stage, incident: Incident, pid: &str) -> Result<()> {
    let id = incident.0.to_string();
    let shown = said(&["incident", &id])?;
    for part in ["DROP TABLE incidents", "\\u{1b}]0;x\\u{7}", "\\xff\\xfe", "1\\nFORGED"] {
        ensure!(shown.contains(part), "no {part:?} in {shown}");
    }
    said(&["incidents"])?;
    let who = said(&["whois", pid])?;
    ensure!(who.contains("DROP TABLE incidents"), "{who}");
    said(&["why", "--pid", pid])?;
    said(&["status"])?;
    said(&["accounts"])?;
    let directory = state(stage);
    let verified = said(&["verify", "--state", directory.to_str().context("a path")?])?;
    ensure!(verified.contains("is whole"), "{verified}");
    let acts = incident.show()?["acts"].take();
    let paths: BTreeSet<Vec<u8>> =
        acts.as_array().into_iter().flatten().filter_map(|act| bytes(&act["path"])).collect();
    let missing: Vec<_> = NAMES.iter().filter(|name| !paths.contains(**name)).collect();
    ensure!(missing.is_empty(), "{missing:?} in {acts}");
    Ok(())
}

/// A name as it was on the disk.
fn bytes(name: &Value) -> Option<Vec<u8>> {
    match name {
        Value::String(text) => Some(text.clone().into_bytes()),
        other => serde_json::from_value(other.clone()).ok(),
    }
}

#[test]
fn names_act_on_nothing_before_and_after_a_restart() -> Result<()> {
    let stage = Stage::new()?;
    for name in NAMES {
        let path = stage.ground.tree().join(OsStr::from_bytes(name));
        fs::write(&path, "")?;
        stage.ground.give(&path)?;
    }
    let mut daemon = stage.start()?;
    let (job, incident) = burst(&stage)?;
    let pid = job.pid().to_string();
    look(&stage, incident, &pid)?;
    daemon.kill()?;
    let mut next = stage.start()?;
    look(&stage, incident, &pid)?;
    incident.decide("thaw", &[])?;
    drop(job);
    next.kill()?;
    // As the record alone has it.
    let mut last = stage.start()?;
    let shown = said(&["incident", &incident.0.to_string()])?;
    ensure!(shown.contains("DROP TABLE incidents") && shown.contains("thawed"), "{shown}");
    last.end().map(drop)
}

/// While it is open, its processes are looked at anew for each answer.
#[test]
fn no_secret_of_a_command_line_is_shown_of_an_open_incident() -> Result<()> {
    let mut scene = filled()?;
    let job = scene.shell("exec find . -name 'f*' -delete -o -name --password=hunter2")?;
    scene.daemon.burst()?;
    let incident = ask(&["incident", "1", "--json"])?;
    assert!(incident.output.contains("--password="), "{incident:?}");
    for words in
        [&["incident", "1", "--json"][..], &["incident", "1"], &["report", "1"], &["accounts", "--json"]]
    {
        let said = ask(words)?;
        assert!(said.exit == Some(0) && !said.output.contains("hunter2"), "{words:?}: {said:?}");
    }
    drop(job);
    scene.end().map(drop)
}
