//! Calls that wait, as the agent finds them in the kernel's map: written there by hand, so in every tier. What a kernel
//! program does when it judges such a call again, the tests do.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use agent_common::wire::record::TEXT_LEN;
use agent_common::wire::row;
use anyhow::{Context as _, Result};
use aya::maps::{HashMap, Map, MapData};
use rustix::process::{Pid, Signal, kill_process};
use tests::{Event, Job, ask, generations, wait};

use crate::commands::decide;
use crate::restart::{Stage, is_stopped};

/// The calls that a generation holds.
struct Held(HashMap<MapData, u32, row::Held>);

impl Held {
    fn of(generation: &Path) -> Result<Self> {
        let map = Map::from_map_data(MapData::from_pin(generation.join("HELD"))?)?;
        Ok(Self(map.try_into()?))
    }

    /// The main thread of a job waits.
    fn add(&mut self, job: &Job) -> Result<()> {
        let row = row::Held {
            at: 1,
            start: started(job.pid())?,
            counts_from: 0,
            after: 0,
            tgid: job.pid(),
            account: 1,
            verb: 3,
            kinds: 1,
            judged: 0,
            pass: 0,
            text_len: 0,
            parent: 1,
            names: [row::HeldName::default(); 2],
            text: [0; TEXT_LEN],
        };
        Ok(self.0.insert(job.pid(), row, 0)?)
    }

    fn has(&self, job: &Job) -> bool {
        self.0.get(&job.pid(), 0).is_ok()
    }

    /// It was judged again, and waits no more.
    fn remove(&mut self, job: &Job) -> Result<()> {
        Ok(self.0.remove(&job.pid())?)
    }
}

/// When a process started, in clock ticks since boot.
fn started(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit_once(") ").context("a name in brackets")?.1;
    Ok(after.split(' ').nth(19).context("field 22")?.parse()?)
}

fn stop(job: &Job) -> Result<()> {
    let pid = i32::try_from(job.pid()).ok().and_then(Pid::from_raw).context("a job has an id")?;
    kill_process(pid, Signal::STOP)?;
    wait::until("it is stopped", || Ok(is_stopped(job.pid()).then_some(())))
}

fn until_continued(job: &Job) -> Result<()> {
    wait::until("it is continued", || Ok((!is_stopped(job.pid())).then_some(())))
}

/// Each signal but the last is lost: sent before the program has stopped the process that it decided about.
#[test]
fn a_release_goes_on_until_nothing_is_held() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let job = stage.shell("read go")?;
    daemon.joined(job.pid())?;
    daemon.kill()?;
    let mut held = Held::of(&generations()?[0])?;
    held.add(&job)?;
    stop(&job)?;
    let released = thread::scope(|scope| {
        let release = scope.spawn(tests::release);
        for _ in 0..3 {
            until_continued(&job)?;
            // Longer than a release looks after what went on.
            wait::keep_distance(Duration::from_millis(150))?;
            stop(&job)?;
        }
        until_continued(&job)?;
        // Unless the release has seen by now that it does something else, and has done so itself.
        let _ = held.remove(&job);
        release.join().map_err(|_| anyhow::anyhow!("it panicked"))?
    })?;
    assert!(!released.contains("has not heard"), "{released}");
    assert!(released.contains(&job.pid().to_string()), "{released}");
    assert!(!is_stopped(job.pid()));
    assert_eq!(generations()?, [] as [&Path; 0]);
    Ok(())
}

/// It says so, and goes on: somebody must be able to get rid of it.
#[test]
fn a_release_does_not_wait_for_ever() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let job = stage.shell("read go")?;
    daemon.joined(job.pid())?;
    daemon.kill()?;
    stop(&job)?;
    Held::of(&generations()?[0])?.add(&job)?;
    let said = tests::release()?;
    assert!(said.contains("has not heard that it may go on"), "{said}");
    assert_eq!(generations()?, [] as [&Path; 0]);
    Ok(())
}

/// Nobody judges such a call again: it runs, though its call should wait.
#[test]
fn a_call_that_is_given_up_waits_no_more() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let goes_on = stage.shell("read go")?;
    stage.shell("exec rm -f *")?.until_stopped()?;
    daemon.burst()?;
    let mut held = Held::of(&generations()?[0])?;
    held.add(&goes_on)?;
    let thawed = decide(&["thaw", "1"])?;
    assert_eq!(thawed["left_alone"], serde_json::json!([]), "{thawed}");
    assert!(!held.has(&goes_on));
    Ok(())
}

#[test]
fn a_decision_is_carried_out_across_a_reload() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let waits = stage.shell("read go")?;
    let burst = stage.shell("exec rm -f *")?;
    burst.until_stopped()?;
    let incident = daemon.wait_for("a burst", |event| match event {
        Event::Burst(_) => Some("1"),
        _ => None,
    })?;
    stop(&waits)?;
    Held::of(&generations()?[0])?.add(&waits)?;
    let decided =
        |event: &Event| matches!(event, Event::Decided { verb, .. } if verb == "thaw").then_some(());
    thread::scope(|scope| {
        // It may answer that the kernel has not confirmed it in time.
        let thaw = scope.spawn(|| ask(&["thaw", incident, "--reason", "a test"]));
        // It went on, to its next burst: the decision is being carried out.
        burst.until_stopped()?;
        decide(&["reload"])?;
        let generation = wait::until("one generation", || {
            let all = generations()?;
            Ok((all.len() == 1).then(|| all[0].clone()))
        })?;
        let mut held = Held::of(&generation)?;
        assert!(held.has(&waits), "it was not carried over");
        assert_eq!(daemon.seen()?.iter().find_map(decided), None);
        held.remove(&waits)?;
        daemon.wait_for("the decision is carried out", decided)?;
        thaw.join().map_err(|_| anyhow::anyhow!("it panicked"))?.map(drop)
    })
}

/// The generation before does not hear of it while it is being detached, which takes the kernel a while.
#[test]
fn a_call_that_went_on_after_a_reload_does_not_wait_again() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let waits = stage.shell("read go")?;
    daemon.joined(waits.pid())?;
    let before = generations()?;
    Held::of(&before[0])?.add(&waits)?;
    decide(&["reload"])?;
    let after = generations()?.into_iter().find(|one| !before.contains(one)).context("a generation")?;
    let mut held = Held::of(&after)?;
    assert!(held.has(&waits), "it was not carried over");
    held.remove(&waits)?;
    let detaches = || daemon.has_thread("retire");
    assert!(detaches()?, "it has been detached already: this shows nothing");
    wait::until("the generation before is detached", || Ok((!detaches()?).then_some(())))?;
    assert!(!held.has(&waits), "it waits again");
    Ok(())
}
