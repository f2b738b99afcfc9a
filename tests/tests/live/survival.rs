//! What waits goes on waiting without an agent, and the next one decides about it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tests::{
    Daemon, Enforcement, Held, Incident, Job, Outcome, Party, Policy, ask_json, policy_of, say, wait,
};

use crate::carry::{NOT_CARRIED_OUT, killed_between};
use crate::holding::{BUDGET, FILES, holds, is_stopped};
use crate::store::FILE;

/// An account that is watched by agents that come and go.
struct Stage {
    // Dropped in this order: whatever holds the account's processes goes first.
    _enforcement: Enforcement,
    parties: Vec<Party>,
}

impl Stage {
    fn new() -> Result<Self> {
        Ok(Self { _enforcement: Enforcement, parties: vec![Party::new(FILES)?] })
    }

    fn party(&self) -> &Party {
        &self.parties[0]
    }

    fn start_with(&self, change: impl FnOnce(Policy) -> Policy) -> Result<Daemon> {
        Daemon::start_to_stay(&change(holds(policy_of(&self.parties))), self.party().ground.base())
    }

    fn start(&self) -> Result<Daemon> {
        self.start_with(|policy| policy)
    }

    fn missing(&self) -> usize {
        self.party().missing(FILES)
    }

    /// A call that waits, of a process that leaves the last file alone.
    fn held_by(&self, daemon: &mut Daemon) -> Result<(Job, Held)> {
        let job = self.party().each(FILES - 1, &["unlink {}"])?;
        job.until_stopped()?;
        let held = daemon.held_by(job.pid())?;
        Ok((job, held))
    }

    /// Where the record is.
    fn state(&self) -> PathBuf {
        self.party().ground.base().join("state")
    }

    /// The same; and then the agent is killed as a crash would.
    fn held_and_alone(&self) -> Result<(Job, Held)> {
        let mut daemon = self.start()?;
        let (job, held) = self.held_by(&mut daemon)?;
        daemon.kill()?;
        ensure!(self.missing() == BUDGET && is_stopped(job.pid()), "{} are missing", self.missing());
        Ok((job, held))
    }
}

/// The next agent's incident about what waits.
fn found() -> Result<Incident> {
    wait::until("an incident is held", || {
        let open = ask_json(&["incidents", "--open"])?;
        let held = open.as_array().and_then(|open| open.iter().find(|one| one["state"] == "held"));
        Ok(held.and_then(|one| one["id"].as_u64()).map(Incident))
    })
}

/// It is told as soon as it is known, and written down beside that: the next agent knows it by what is written.
fn until_written(stage: &Stage, incident: Incident) -> Result<()> {
    wait::until("the incident is in the record", || {
        let file = stage.state().join(FILE);
        let entries = || -> rusqlite::Result<i64> {
            let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let sql = "SELECT count(*) FROM entry WHERE incident = ?1";
            db.query_row(sql, [incident.0.cast_signed()], |row| row.get(0))
        };
        // It may be that the file is just being made, or written to.
        Ok(entries().is_ok_and(|entries| entries > 0).then_some(()))
    })
}

#[test]
fn without_an_agent_a_call_waits_on_and_so_does_the_next() -> Result<()> {
    let stage = Stage::new()?;
    let (job, _) = stage.held_and_alone()?;
    let other = stage.party().hand(&["each", "1", "unlink f0029"])?;
    other.until_stopped()?;
    assert_eq!(stage.missing(), BUDGET);
    job.continue_it()?;
    job.until_stopped()?;
    assert_eq!(stage.missing(), BUDGET);

    let _daemon = stage.start()?;
    let found = found()?;
    found.until_waiting(2)?;
    found.approve(&[])?;
    assert_eq!(
        (job.until_ended_at_last()?, other.until_ended_at_last()?),
        (Outcome::Exited(0), Outcome::Exited(0))
    );
    assert_eq!(stage.missing(), FILES);
    Ok(())
}

#[test]
fn without_an_agent_a_budget_is_held_to() -> Result<()> {
    let stage = Stage::new()?;
    stage.start()?.kill()?;
    let job = stage.party().shell("exec rm -f *")?;
    job.until_stopped()?;
    assert_eq!(stage.missing(), BUDGET);
    let _daemon = stage.start()?;
    found()?.approve(&[])?;
    assert_eq!(job.until_ended_at_last()?, Outcome::Exited(0));
    assert_eq!(stage.missing(), FILES);
    Ok(())
}

#[test]
fn the_next_agent_denies() -> Result<()> {
    let stage = Stage::new()?;
    let (job, _) = stage.held_and_alone()?;
    let mut daemon = stage.start()?;
    let found = found()?;
    found.decide("deny", &[])?;
    assert_eq!(job.until_ended_at_last()?, Outcome::Exited(1));
    assert_eq!(stage.missing(), BUDGET);
    // And so does the one after that.
    daemon.kill()?;
    let _next = stage.start()?;
    assert_eq!(ask_json(&["accounts"])?[0]["standing"], "denied");
    let job = stage.party().hand(&["each", "1", "!unlink f0029"])?;
    job.until_done()
}

/// It does not begin anew, nor is it the deadline of the policy that came since; and one that passed meanwhile, since an agent takes
/// its time to start, is due at once.
#[test]
fn the_next_agent_holds_to_the_deadline() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start_with(|policy| policy.hold("8s", "deny"))?;
    let (job, held) = stage.held_by(&mut daemon)?;
    until_written(&stage, held.incident)?;
    daemon.kill()?;
    let _daemon = stage.start_with(|policy| policy.hold("1h", "approve"))?;
    assert_eq!(job.until_ended_at_last()?, Outcome::Exited(1));
    assert_eq!(stage.missing(), BUDGET);
    let shown = held.incident.until("denied")?;
    let [decision] = &shown["decisions"].as_array().cloned().unwrap_or_default()[..] else {
        panic!("{shown}")
    };
    assert_eq!((&decision["verb"], &decision["by"]["kind"]), (&json!("deny"), &json!("deadline")));
    Ok(())
}

#[test]
fn a_decision_that_was_written_and_not_carried_out_is_open_again() -> Result<()> {
    for verb in ["approve", "deny", "kill"] {
        let stage = Stage::new()?;
        let mut daemon = stage.start()?;
        let (job, held) = stage.held_by(&mut daemon)?;
        let id = held.incident.0.to_string();
        killed_between(&stage.state(), &mut daemon, &[verb, &id, "--reason", "INC-88"])?;
        ensure!(job.goes_on() && is_stopped(job.pid()) && stage.missing() == BUDGET, "it was carried out");
        let _next = stage.start()?;
        let shown = held.incident.until("held")?;
        let decision = &shown["decisions"][0];
        assert_eq!((&decision["verb"], &decision["outcome"]), (&json!(verb), &json!(NOT_CARRIED_OUT)));
        assert_eq!(ask_json(&["incidents", "--open"])?.as_array().map(Vec::len), Some(1));
        held.incident.approve(&[])?;
        assert_eq!(job.until_ended_at_last()?, Outcome::Exited(0));
        assert_eq!(held.incident.show()?["decisions"].as_array().map(Vec::len), Some(2));
    }
    Ok(())
}

/// What was approved goes on, and what is done under it is counted to its incident.
#[test]
fn what_was_approved_is_so_with_the_next_agent() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let mut job = stage.party().each(FILES - 1, &["wait", "unlink {}"])?;
    (0..=BUDGET).try_for_each(|_| job.tell("go"))?;
    job.until_stopped()?;
    let held = daemon.held_by(job.pid())?;
    held.incident.approve(&[])?;
    wait::until("the call has happened", || Ok((stage.missing() == BUDGET + 1).then_some(())))?;
    daemon.kill()?;
    let _next = stage.start()?;
    (BUDGET + 1..FILES - 1).try_for_each(|_| job.tell("go"))?;
    assert_eq!(job.until_ended_at_last()?, Outcome::Exited(0));
    assert_eq!(stage.missing(), FILES - 1);
    wait::until("all of it is counted", || {
        let shown = held.incident.show()?;
        ensure!(shown["state"] == "approved", "{shown}");
        Ok((shown["approved"].as_u64() >= Some((FILES - 2 - BUDGET) as u64)).then_some(()))
    })
}

#[test]
fn without_an_agent_everything_can_be_let_go() -> Result<()> {
    let stage = Stage::new()?;
    let (job, _) = stage.held_and_alone()?;
    let other = stage.party().hand(&["each", "1", "unlink f0029"])?;
    other.until_stopped()?;
    tests::release()?;
    assert_eq!(
        (job.until_ended_at_last()?, other.until_ended_at_last()?),
        (Outcome::Exited(0), Outcome::Exited(0))
    );
    assert_eq!(stage.missing(), FILES);
    assert_eq!(tests::generations()?, [] as [&Path; 0]);
    Ok(())
}

#[test]
fn an_agent_that_lets_go_at_its_end_lets_held_calls_complete() -> Result<()> {
    let mut crowd = crate::holding::crowd(1)?;
    let (job, _) = crate::holding::waits(&mut crowd, 0)?;
    crowd.daemon.end()?;
    assert_eq!(job.until_ended_at_last()?, Outcome::Exited(0));
    assert_eq!(crowd.parties[0].missing(FILES), FILES);
    Ok(())
}

/// Pins are names: whoever takes away the file system that they are in takes away nothing that an agent holds.
#[test]
fn without_its_pins_an_agent_holds_all_the_same() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let pinned = tests::generations()?;
    assert_eq!(pinned.len(), 1);
    let mut umount = Command::new("umount");
    umount.args(["--lazy", "/sys/fs/bpf"]);
    assert_eq!(say(umount)?.exit, Some(0));
    assert_eq!(tests::generations()?, [] as [&Path; 0]);
    let job = stage.party().each(FILES, &["unlink {}"])?;
    job.until_stopped()?;
    assert_eq!(stage.missing(), BUDGET);
    let held = daemon.held_by(job.pid())?;
    held.incident.approve(&[])?;
    assert_eq!(job.until_ended_at_last()?, Outcome::Exited(0));
    assert_eq!(stage.missing(), FILES);
    daemon.end().map(drop)
}
