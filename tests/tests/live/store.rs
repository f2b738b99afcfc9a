//! The record outlives the agent, and whoever changes it is found out.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use serde_json::{Value, json};
use tests::{Daemon, Event, Incident, Job, Said, agent, ask, ask_json, say, wait};

use crate::restart::Stage;

pub(crate) const FILE: &str = "incidents.db";
const SECRET: &str = "hunter2-and-more";

pub(crate) fn state(stage: &Stage) -> PathBuf {
    stage.ground.base().join("state")
}

/// Lets the account burst; its incident.
pub(crate) fn burst(stage: &Stage) -> Result<(Job, Incident)> {
    let job = stage.shell("exec rm -f *")?;
    job.until_stopped()?;
    Ok((job, open()?))
}

/// The one that waits for a decision.
pub(crate) fn open() -> Result<Incident> {
    wait::until("an incident is open", || {
        let open = ask_json(&["incidents", "--open"])?;
        Ok(open[0]["id"].as_u64().map(Incident))
    })
}

/// The last anchor that an agent has said so far.
fn anchor(daemon: &mut Daemon) -> Result<String> {
    let anchor = daemon.seen()?.iter().rev().find_map(|event| match event {
        Event::Anchor { seq, hash } => Some(format!("{seq}:{hash}")),
        _ => None,
    });
    anchor.context("no anchor so far")
}

fn verify(directory: &Path, anchor: &str) -> Result<Said> {
    let directory = directory.to_str().context("a path")?;
    ask(&["verify", "--json", "--state", directory, "--anchor", anchor])
}

/// The same with a journal that has this anchor of the record, and one of another.
fn verify_by_journal(stage: &Stage, directory: &Path, anchor: &str) -> Result<Said> {
    let (seq, hash) = anchor.split_once(':').context("SEQ:HASH")?;
    let line = |file: &Path, seq: &str| {
        json!({ "BURSTGUARD_FILE": file, "BURSTGUARD_SEQ": seq, "BURSTGUARD_HASH": hash }).to_string()
    };
    let lines = [line(&directory.join(FILE), seq), line(Path::new("/elsewhere"), "9999")].join("\n");
    let journal = stage.ground.base().join("journalctl");
    let asked = "case \"$*\" in *_UID=0*BURSTGUARD_EVENT=anchor*) ;; *) exit 1 ;; esac";
    fs::write(&journal, format!("#!/bin/sh\n{asked}\ncat <<'END'\n{lines}\nEND\n"))?;
    fs::set_permissions(&journal, Permissions::from_mode(0o755))?;
    let mut command = Command::new(agent()?);
    command.args(["verify", "--json", "--state"]).arg(directory);
    command.env("PATH", format!("{}:/usr/bin:/bin", stage.ground.base().display()));
    say(command)
}

/// The first entry that is not what it was.
fn flaw(directory: &Path, anchor: &str) -> Result<u64> {
    let said = verify(directory, anchor)?;
    ensure!(said.exit == Some(1), "{said:?}");
    let said: Value = serde_json::from_str(&said.output)?;
    said["verify"]["flaw"]["seq"].as_u64().with_context(|| said.to_string())
}

/// A copy of a record that nobody writes to, changed.
fn changed(stage: &Stage, name: &str, sql: &str) -> Result<PathBuf> {
    let copy = stage.ground.base().join(name);
    fs::create_dir(&copy)?;
    for end in ["", "-wal"] {
        let from = state(stage).join(format!("{FILE}{end}"));
        if from.exists() {
            fs::copy(from, copy.join(format!("{FILE}{end}")))?;
        }
    }
    Connection::open(copy.join(FILE))?.execute_batch(sql)?;
    Ok(copy)
}

#[test]
fn an_incident_and_its_decision_outlive_a_kill_and_any_change_is_found() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let (job, incident) = burst(&stage)?;
    let said = incident.decide("thaw", &[])?;
    daemon.kill()?; // whoever decided has been answered just now
    ensure!(said["verb"] == "thaw", "{said}");
    drop(job);

    let mut next = stage.start()?;
    let shown = incident.show()?;
    assert_eq!((&shown["account"], &shown["done"]), (&json!("a0"), &json!(11)));
    let decision = &shown["decisions"][0];
    assert_eq!((&decision["verb"], &decision["reason"]), (&json!("thaw"), &json!("CHG-123, a test")));
    assert_eq!(decision["by"]["uid"], 0);
    assert_ne!(decision["outcome"], "");
    let listed = ask_json(&["incidents", "--account", "a0", "--since", "1h"])?;
    ensure!(listed.as_array().is_some_and(|all| all.iter().any(|one| one["id"] == incident.0)), "{listed}");
    let none = ask_json(&["incidents", "--account", "nobody"])?;
    assert_eq!(none, json!([]));

    let anchor = wait::until("an anchor", || Ok(anchor(&mut next).ok()))?;
    let last: u64 = anchor.split(':').next().context("a number")?.parse()?;
    let whole = verify(&state(&stage), &anchor)?;
    assert_eq!((whole.exit, whole.json("verify")?["anchors"].as_u64()), (Some(0), Some(1)));
    // A burst in the moment of the start has an entry more: the account was found tripped before it was read why.
    let decided = "SELECT min(seq) FROM entry WHERE CAST(body AS TEXT) LIKE '%CHG-123%'";
    let record = Connection::open(state(&stage).join(FILE))?;
    let decided = u64::try_from(record.query_row(decided, [], |row| row.get::<_, i64>(0))?)?;
    drop(record);
    for (name, sql, seq) in [
        (
            "byte",
            "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'CHG-123', 'CHG-124') AS BLOB)",
            decided,
        ),
        ("row", "DELETE FROM entry WHERE seq = 2", 2),
        ("first", "DELETE FROM entry WHERE seq < 3", 1),
        ("tail", &format!("DELETE FROM entry WHERE seq = {last}"), last),
    ] {
        let copy = changed(&stage, name, sql)?;
        assert_eq!(flaw(&copy, &anchor)?, seq, "{name}");
    }
    let cut = stage.ground.base().join("tail");
    for (directory, exit) in [(state(&stage), 0), (cut, 1)] {
        let said = verify_by_journal(&stage, &directory, &anchor)?;
        assert_eq!(said.exit, Some(exit), "{said:?}");
    }
    let absent = verify(&stage.ground.tree(), &anchor)?;
    assert_eq!(absent.exit, Some(5), "{absent:?}");
    next.end().map(drop)
}

#[test]
fn secrets_are_not_written_and_names_come_out_as_they_went_in() -> Result<()> {
    const NAME: &[u8] = b"'); DROP TABLE entry; --\x1b]0;x\x07\xff";
    let stage = Stage::new()?;
    let path = stage.ground.tree().join(OsStr::from_bytes(NAME));
    fs::write(&path, "")?;
    stage.ground.give(&path)?;
    let mut daemon = stage.start()?;
    let script = format!("rm -f \"'\"*; for f in f*; do rm $f; done; : --password {SECRET}");
    let job = stage.shell(&script)?;
    let incident = open()?;
    wait::until("the process is known", || Ok((incident.show()?["processes"] != json!([])).then_some(())))?;
    incident.decide("thaw", &[])?;
    daemon.kill()?;
    drop(job);
    let mut next = stage.start()?;
    let shown = incident.show()?;
    let first = serde_json::from_value::<Vec<u8>>(shown["acts"][0]["path"].clone())?;
    assert_eq!(first, NAME);
    let lines = shown["processes"].to_string();
    ensure!(lines.contains("[redacted]"), "{lines}");
    let evidence = &shown["told"][0]["by"];
    assert_eq!(evidence["kind"], "user", "{shown}");
    for end in ["", "-wal"] {
        let bytes = fs::read(state(&stage).join(format!("{FILE}{end}"))).unwrap_or_default();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "in {FILE}{end}");
    }
    let screen = ask(&["incident", &incident.0.to_string()])?.output;
    assert!(!screen.contains(|char: char| char.is_control() && char != '\n'), "{screen:?}");
    next.end().map(drop)
}

/// A disk for the record.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf) -> Result<Self> {
        fs::create_dir_all(&at)?;
        mount("tests", &at, "tmpfs", MountFlags::empty(), c"size=256k,mode=0700")?;
        Ok(Self(at))
    }

    fn change(&self, flags: MountFlags) -> Result<()> {
        Ok(mount_remount(&self.0, flags, c"size=4m")?)
    }

    fn fill(&self) -> Result<()> {
        let full = fs::write(self.0.join("filler"), vec![b'x'; 1 << 20]);
        ensure!(full.is_err(), "it is never full");
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.0, UnmountFlags::DETACH) {
            eprintln!("{} stays mounted: {error}", self.0.display());
        }
    }
}

/// Breaks the disk of a record, bursts, decides, repairs: nothing of it stops the agent.
fn a_broken_disk_stops_nothing(
    break_it: impl FnOnce(&Disk) -> Result<()>,
    repair_it: impl FnOnce(&Disk) -> Result<()>,
) -> Result<()> {
    let stage = Stage::new()?;
    let disk = Disk::mount(state(&stage))?;
    let mut daemon = stage.start()?;
    break_it(&disk)?;
    let (job, incident) = burst(&stage)?;
    assert_eq!(stage.missing(), 11);
    let degraded = wait::until("the record is degraded", || {
        let status = ask_json(&["status"])?;
        Ok(status["store"]["degraded"].as_str().map(str::to_owned))
    })?;
    daemon.wait_for("it says so", |event| {
        matches!(event, Event::StoreDegraded { error } if *error == degraded).then_some(())
    })?;
    let screen = ask(&["status"])?.output;
    ensure!(screen.contains("DEGRADED"), "{screen}");
    incident.decide("thaw", &[])?;
    daemon.wait_for("it says that this is not on the disk", |event| {
        matches!(event, Event::Unrecorded { incidents } if *incidents == [incident.0]).then_some(())
    })?;
    drop(job);
    repair_it(&disk)?;
    let missed = daemon.wait_for("it is written again", |event| match event {
        Event::StoreHealed { missed } => Some(*missed),
        _ => None,
    })?;
    assert_eq!(missed, 0);
    daemon.kill()?;
    let mut next = stage.start()?;
    assert_eq!(incident.show()?["decisions"][0]["reason"], "CHG-123, a test");
    next.end()?;
    drop(stage);
    drop(disk);
    Ok(())
}

#[test]
fn a_full_disk_stops_nothing() -> Result<()> {
    a_broken_disk_stops_nothing(Disk::fill, |disk| {
        fs::remove_file(disk.0.join("filler"))?;
        disk.change(MountFlags::empty())
    })
}

#[test]
fn a_read_only_directory_stops_nothing() -> Result<()> {
    let stage = Stage::new()?;
    let disk = Disk::mount(state(&stage))?;
    disk.change(MountFlags::RDONLY)?;
    let mut daemon = stage.start()?;
    let (job, incident) = burst(&stage)?;
    assert_eq!(stage.missing(), 11);
    incident.decide("thaw", &[])?;
    drop(job);
    let status = ask_json(&["status"])?;
    ensure!(status["store"]["unrecorded"] == 1, "{status}");
    disk.change(MountFlags::empty())?;
    daemon.wait_for("it is written", |event| matches!(event, Event::StoreHealed { .. }).then_some(()))?;
    wait::until("an anchor", || Ok(anchor(&mut daemon).ok()))?;
    daemon.end()?;
    drop(stage);
    drop(disk);
    Ok(())
}
