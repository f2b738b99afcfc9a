//! What was open when an agent ended goes on with the next one, under its number.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tests::{Daemon, Event, Incident, Job, ask, ask_json, trace, wait};

use crate::check::FILES;
use crate::commands::decide;
use crate::restart::{Stage, is_stopped};
use crate::store::{FILE, burst, open, state};

pub(crate) const NOT_CARRIED_OUT: &str = "not carried out: the daemon ended before; decide again";

/// What was told of an incident in the night, and must be so in the morning. Times of day are told by two clocks, which are read
/// one after the other.
fn told(incident: Incident) -> Result<Value> {
    let mut shown = incident.show()?;
    for act in shown["acts"].as_array_mut().context("a list")? {
        act["at"].take();
    }
    let kept =
        ["id", "account", "what", "done", "state", "waiting", "acts", "kinds", "decisions", "then", "next"];
    Ok(kept.iter().map(|key| shown[key].take()).collect())
}

/// It was let go on, with a whole budget, which it has exceeded again.
fn went_on(stage: &Stage, job: &Job) -> Result<()> {
    job.until_stopped()?;
    assert_eq!(stage.missing(), 22);
    Ok(())
}

/// Whether two times of day are the same moment, told by two clocks.
fn is_same(one: &Value, other: &Value) -> Result<bool> {
    let sql = "SELECT abs(unixepoch(?1) - unixepoch(?2)) <= 1";
    let times = [one.as_str().context("a time")?, other.as_str().context("a time")?];
    Ok(Connection::open_in_memory()?.query_row(sql, times, |row| row.get(0))?)
}

#[test]
fn an_incident_keeps_its_number_and_all_that_was_told_of_it() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let (job, incident) = written_burst(&stage)?;
    let opened = incident.show()?["opened_at"].take();
    let before = told(incident)?;
    for kills in [true, false, true] {
        if kills {
            daemon.kill()?;
        } else {
            daemon.end()?;
        }
        daemon = stage.start()?;
        assert_eq!(told(incident)?, before);
        ensure!(is_same(&incident.show()?["opened_at"], &opened)?, "opened anew");
        assert_eq!(open()?.0, incident.0);
        assert_eq!(ask_json(&["incidents"])?.as_array().map(Vec::len), Some(1));
    }
    // What the account tries meanwhile is of it, and it is decided by its number.
    let other = stage.shell("true")?;
    other.until_stopped()?;
    incident.until_waiting(2)?;
    incident.decide("thaw", &[])?;
    went_on(&stage, &job)?;
    drop(other); // it has ended, or was stopped for the next burst
    assert_eq!(incident.show()?["state"], "thawed");
    daemon.end().map(drop)
}

fn until_decided(daemon: &mut Daemon, wanted: Incident) -> Result<()> {
    daemon.wait_for("it is decided", |event| {
        matches!(event, Event::Decided { incident, .. } if *incident == wanted.0).then_some(())
    })
}

#[test]
fn a_freeze_ends_at_its_time_whoever_is_there_then() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let mut job = stage.shell("read go")?;
    daemon.joined(job.pid())?;
    let frozen = decide(&["freeze", "--account", "a0", "--for", "4s"])?;
    let incident = Incident(frozen["incident"].as_u64().context("a number")?);
    daemon.kill()?;
    let mut next = stage.start()?;
    let shown = incident.show()?;
    assert_eq!((&shown["state"], &shown["what"]), (&json!("frozen"), &json!("freeze of a0")));
    assert_eq!(shown["decisions"][0]["by"]["uid"], 0);
    ensure!(is_same(&shown["until"], &frozen["until"])?, "{shown} after {frozen}");
    until_decided(&mut next, incident)?;
    job.tell("go")?;
    job.until_done()?;
    // And at once, if that was while nobody was there.
    let mut job = stage.shell("read go")?;
    next.joined(job.pid())?;
    let frozen = decide(&["freeze", "--account", "a0", "--for", "1s"])?;
    let incident = Incident(frozen["incident"].as_u64().context("a number")?);
    next.kill()?;
    wait::keep_distance(Duration::from_millis(1100))?;
    let mut last = stage.start()?;
    until_decided(&mut last, incident)?;
    assert_eq!(incident.show()?["decisions"][1]["by"]["kind"], "deadline");
    job.tell("go")?;
    job.until_done()?;
    last.end().map(drop)
}

/// What is on the disk of a record, as anybody may read it.
struct Reader(Connection);

impl Reader {
    fn of(state: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        Ok(Self(Connection::open_with_flags(state.join(FILE), flags)?))
    }

    fn decided(&self) -> Result<bool> {
        self.has("kind = 'decided'")
    }

    fn has(&self, such: &str) -> Result<bool> {
        let sql = format!("SELECT count(*) FROM entry WHERE {such}");
        Ok(self.0.query_row(&sql, [], |row| row.get::<_, i64>(0))? > 0)
    }
}

/// As [`burst`]; and all of it is on the disk, which nobody waits for who only looks.
fn written_burst(stage: &Stage) -> Result<(Job, Incident)> {
    let (job, incident) = burst(stage)?;
    let reader = Reader::of(&state(stage))?;
    let whole = format!("incident = {} AND json_extract(CAST(body AS TEXT), '$.done') = 11", incident.0);
    wait::until("it is written down", || Ok(reader.has(&whole)?.then_some(())))?;
    Ok((job, incident))
}

/// Kills an agent when a decision is on its disk, in the directory `state`, and before it is carried out. Whoever decided is told
/// that this is not known.
pub(crate) fn killed_between(state: &Path, daemon: &mut Daemon, words: &[&str]) -> Result<()> {
    let reader = Reader::of(state)?;
    let said = trace::killed_when(daemon, "recorder", || reader.decided(), || ask(words))?;
    ensure!(said.exit == Some(8), "{said:?}");
    ensure!(said.complaint.contains("not known whether this was done"), "{said:?}");
    ensure!(said.complaint.contains("burstguard incidents --open"), "{said:?}");
    Ok(())
}

#[test]
fn a_decision_that_was_written_and_not_carried_out_is_open_again() -> Result<()> {
    for verb in ["thaw", "kill"] {
        let stage = Stage::new()?;
        let mut daemon = stage.start()?;
        let (job, incident) = written_burst(&stage)?;
        let id = incident.0.to_string();
        killed_between(&state(&stage), &mut daemon, &[verb, &id, "--reason", "INC-88"])?;
        ensure!(job.goes_on() && is_stopped(job.pid()), "it was carried out");
        let mut next = stage.start()?;
        let shown = incident.until("stopped")?;
        let decision = &shown["decisions"][0];
        assert_eq!(
            (&decision["verb"], &decision["reason"], &decision["outcome"]),
            (&json!(verb), &json!("INC-88"), &json!(NOT_CARRIED_OUT))
        );
        assert_eq!(open()?.0, incident.0);
        incident.decide("thaw", &[])?;
        went_on(&stage, &job)?;
        assert_eq!(incident.show()?["decisions"].as_array().map(Vec::len), Some(2));
        next.end()?;
    }
    Ok(())
}

#[test]
fn an_off_that_was_written_and_not_carried_out_is_not_in_force() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let (job, incident) = written_burst(&stage)?;
    killed_between(&state(&stage), &mut daemon, &["off", "--reason", "INC-88"])?;
    let mut next = stage.start()?;
    assert_eq!(ask_json(&["status"])?["mode"], "enforce");
    assert_eq!(incident.until("stopped")?["decisions"][0]["outcome"], NOT_CARRIED_OUT);
    ensure!(is_stopped(job.pid()), "it goes on");
    next.end().map(drop)
}

/// A burst that is written down, and of which nothing is left: no agent was there when all was let go.
fn let_go_unseen() -> Result<(Stage, Incident)> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let (job, incident) = written_burst(&stage)?;
    daemon.kill()?;
    tests::release()?;
    job.until_done()?;
    Ok((stage, incident))
}

#[test]
fn what_ended_while_no_agent_was_there_is_said_to_have() -> Result<()> {
    let (stage, incident) = let_go_unseen()?;
    let mut next = stage.start()?;
    let shown = incident.until("unseen")?;
    // Nothing waits, and what was destroyed can be put back.
    let restore = shown["next"].as_array().is_some_and(|next| {
        matches!(&next[..], [only] if only.as_str().is_some_and(|line| line.starts_with("burstguard restore")))
    });
    ensure!(restore && shown["done"] == 11, "{shown}");
    ensure!(shown["closed_at"].is_string(), "{shown}");
    let refused = incident.try_to("thaw")?;
    assert_eq!(refused.exit, Some(6), "{refused:?}");
    ensure!(refused.complaint.contains("ended while no daemon was there"), "{refused:?}");
    let screen = ask(&["incidents"])?.output;
    ensure!(screen.contains("ended while no daemon was there"), "{screen}");
    assert_eq!(ask_json(&["incidents", "--open"])?, json!([]));
    // And still, when another one is asked.
    next.end()?;
    let mut last = stage.start()?;
    assert_eq!(incident.show()?["state"], "unseen");
    last.end().map(drop)
}

/// A record as it would be after a boot: nothing of the kernel's is left, and its times are of another boot.
#[test]
fn a_reboot_ends_what_was_open() -> Result<()> {
    let (stage, incident) = let_go_unseen()?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let file = state(&stage).join(FILE);
    let other = "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), ?1, 'another') AS BLOB)";
    ensure!(Connection::open(file)?.execute(other, [boot.trim()])? > 0, "no entry says its boot");
    let mut next = stage.start()?;
    let shown = incident.until("rebooted")?;
    assert_eq!((&shown["done"], &shown["waiting"], &shown["held"]), (&json!(11), &json!(0), &json!([])));
    ensure!(ask(&["incidents"])?.output.contains("ended by a reboot"), "{shown}");
    let refused = incident.try_to("thaw")?;
    assert_eq!(refused.exit, Some(6), "{refused:?}");
    // The next has the next number.
    stage.ground.fill(&stage.ground.tree(), FILES)?;
    let (job, other) = written_burst(&stage)?;
    assert_eq!(other.0, incident.0 + 1);
    drop(job);
    next.end().map(drop)
}

/// What no record tells is found, as something new.
#[test]
fn without_a_record_what_waits_is_found() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let (job, incident) = written_burst(&stage)?;
    daemon.kill()?;
    fs::remove_dir_all(state(&stage))?;
    let mut next = stage.start()?;
    let found = open()?;
    assert_eq!(found.0, incident.0 + 1);
    assert_eq!(found.show()?["what"], "tripped before this daemon started");
    found.decide("thaw", &[])?;
    went_on(&stage, &job)?;
    next.end().map(drop)
}

fn deletes(stage: &Stage, from: usize) -> Result<Job> {
    stage.shell(&format!("exec rm -f $(ls | tail -n +{from})"))
}

#[test]
fn off_lasts_over_a_restart_and_ends_by_itself() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let off = decide(&["off", "--for", "6s"])?;
    daemon.kill()?;
    let mut next = stage.start()?;
    let status = ask_json(&["status"])?;
    assert_eq!(status["mode"], "off");
    ensure!(is_same(&status["off_until"], &off["until"])?, "{status} after {off}");
    deletes(&stage, 13)?.until_done()?;
    ensure!(!next.seen()?.iter().any(|event| matches!(event, Event::On)), "it was off for too short a time");
    next.wait_for("it is on again", |event| matches!(event, Event::On).then_some(()))?;
    assert_eq!(ask_json(&["status"])?["mode"], "enforce");
    deletes(&stage, 1)?.until_stopped()?;
    next.end().map(drop)
}

#[test]
fn off_without_an_end_lasts_until_on() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    decide(&["off"])?;
    for _ in 0..2 {
        daemon.end()?;
        daemon = stage.start()?;
        let status = ask_json(&["status"])?;
        assert_eq!((&status["mode"], &status["off_until"]), (&json!("off"), &Value::Null));
        ensure!(ask(&["status"])?.output.contains("OFF"), "status does not show it");
    }
    deletes(&stage, 13)?.until_done()?;
    // Nor does a reload.
    decide(&["reload"])?;
    assert_eq!(ask_json(&["status"])?["mode"], "off");
    decide(&["on"])?;
    daemon.kill()?;
    daemon = stage.start()?;
    assert_eq!(ask_json(&["status"])?["mode"], "enforce");
    deletes(&stage, 1)?.until_stopped()?;
    daemon.end().map(drop)
}
