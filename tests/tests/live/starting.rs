//! An agent that is told to end before it has begun leaves nothing behind.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use anyhow::Result;
use tests::{Account, Daemon, Ground, Job, Policy, proc};

use crate::maps::Loaded;

const OWN_DIRECTORY: &str = "/run/burstguard";

/// The process that the agent tests itself with.
fn subject(agent: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{agent}/task/{agent}/children")).ok()?;
    children.split_ascii_whitespace().next()?.parse().ok()
}

/// Whether it has begun to test itself; what that leaves of its files lies there until the agent ends.
fn has_begun_its_self_test() -> bool {
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    entries(Path::new(OWN_DIRECTORY)).any(|tree| entries(&tree.path()).next().is_some())
}

/// Told to end when this is so, it ends in its own way, and everything is as it was before.
fn leaves_nothing(stage: &str, so_far: impl Fn(u32) -> bool) -> Result<()> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    let policy = Policy::new(account.name(), &ground.tree());
    let mut job = Job::start(ground.hand_command(&account, &["each", "1", "wait"])?)?;
    job.until_says("waiting")?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let (loaded, tested) = (Cell::new(None), Cell::new(None));
    let status = Daemon::told_to_end_when(&policy, ground.base(), |agent| {
        let is = so_far(agent);
        if is {
            loaded.set(Loaded::so_far(agent));
            tested.set(subject(agent));
        }
        Ok(is)
    })?;
    assert!(status.success(), "{stage}: {status}");
    assert!(!Path::new(OWN_DIRECTORY).exists(), "{stage}: its directory is left");
    assert_eq!(fs::read_to_string("/proc/self/mounts")?, mounts, "{stage}");
    assert!(proc::Process::look(job.pid()).is_some_and(|job| !job.is_stopped()), "{stage}");
    assert_eq!(tested.get().and_then(proc::Process::look), None, "{stage}: its self-test is left");
    loaded.take().iter().try_for_each(Loaded::until_gone)?;
    job.tell("go")?;
    job.until_done()
}

#[test]
fn an_agent_that_is_told_to_end_while_it_starts_leaves_nothing_behind() -> Result<()> {
    leaves_nothing("it has its own directory", |_| Path::new(OWN_DIRECTORY).exists())?;
    leaves_nothing("it has loaded its programs", |agent| Loaded::so_far(agent).is_some())?;
    leaves_nothing("it tests itself", |_| has_begun_its_self_test())
}
