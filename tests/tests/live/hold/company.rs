//! What else a process consists of while its call is held, and who waits for it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tests::{Job, proc, wait};

use crate::holding::{BUDGET, FILES, crowd, until_stopped, waits};

#[test]
fn the_other_threads_stand_still_and_go_on() -> Result<()> {
    let mut crowd = crowd(1)?;
    let party = &crowd.parties[0];
    let file = party.ground.outside().join("count");
    let job = party.hand(&["beside-thread", "{outside}/count", &FILES.to_string()])?;
    job.until_stopped()?;
    let held = crowd.daemon.held_by(job.pid())?;
    let before = fs::read_to_string(&file)?;
    wait::keep_distance(Duration::from_millis(500))?;
    assert_eq!(fs::read_to_string(&file)?, before, "another thread goes on");
    assert_eq!(party.missing(FILES), BUDGET);
    held.incident.approve(&[])?;
    job.until_done()?;
    assert_eq!(party.missing(FILES), FILES);
    crowd.end().map(drop)
}

#[test]
fn a_thread_whose_leader_has_ended_waits_and_completes() -> Result<()> {
    let mut crowd = crowd(1)?;
    let party = &crowd.parties[0];
    let job = party.hand(&["without-leader", &FILES.to_string()])?;
    let held = crowd.daemon.held_by(job.pid())?;
    assert_ne!(held.tid, held.pid);
    assert_eq!(party.missing(FILES), BUDGET);
    held.incident.until_waiting(1)?;
    held.incident.approve(&[])?;
    assert_eq!(job.until_ended_at_last()?, tests::Outcome::Exited(0));
    assert_eq!(party.missing(FILES), FILES);
    crowd.end().map(drop)
}

#[test]
fn on_either_side_of_a_vfork_a_call_waits_and_completes() -> Result<()> {
    let mut crowd = crowd(2)?;
    let child = crowd.parties[0].hand(&["vfork-child", &FILES.to_string()])?;
    let held = crowd.daemon.held_of("a0")?;
    assert_ne!(held.pid, child.pid());
    until_stopped(held.pid)?;
    assert_eq!(crowd.parties[0].missing(FILES), BUDGET);
    held.incident.approve(&[])?;
    child.until_done()?;
    assert_eq!(crowd.parties[0].missing(FILES), FILES);

    // As long as one thread waits for its child, the kernel does not report the process as stopped.
    let mut beside = crowd.parties[1].hand(&["beside-vfork", &FILES.to_string()])?;
    let held = crowd.daemon.held_of("a1")?;
    assert_eq!(held.pid, beside.pid());
    assert_eq!(crowd.parties[1].missing(FILES), BUDGET);
    held.incident.approve(&[])?;
    beside.until_says("unlinked")?;
    assert_eq!(crowd.parties[1].missing(FILES), FILES);
    beside.tell("go")?;
    assert_eq!(beside.until_ended_at_last()?, tests::Outcome::Exited(0));
    crowd.end().map(drop)
}

#[test]
fn the_init_of_a_container_waits_and_completes() -> Result<()> {
    let mut crowd = crowd(1)?;
    let party = &crowd.parties[0];
    let mut command = party.as_root("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "--kill-child", "--", "setpriv", "--clear-groups"]);
    command.args(["--reuid", party.account.name(), "--regid", &party.account.gid().to_string(), "--"]);
    command.arg(party.ground.hand()?).args(["each", "30", "unlink {}"]);
    let job = Job::start(command)?;
    let held = crowd.daemon.held_of("a0")?;
    until_stopped(held.pid)?;
    let status = fs::read_to_string(format!("/proc/{}/status", held.pid))?;
    assert!(status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1")), "{status}");
    assert_eq!(party.missing(FILES), BUDGET);
    held.incident.approve(&[])?;
    job.until_done()?;
    assert_eq!(party.missing(FILES), FILES);
    crowd.end().map(drop)
}

/// The kernel ends stopped processes that nobody of their session is left to continue.
#[test]
fn when_its_session_ends_the_process_ends_and_the_incident_with_it() -> Result<()> {
    let mut crowd = crowd(1)?;
    let party = &crowd.parties[0];
    let script = "set -m; {base}/hand each 30 'unlink {}' & echo started; read go";
    party.ground.hand()?;
    let mut command = party.account.command("setsid");
    command.args(["--wait", "bash", "-c", &party.ground.expand(script)]).current_dir(party.ground.tree());
    let job = Job::start(command)?;
    let held = crowd.daemon.held_of("a0")?;
    until_stopped(held.pid)?;
    let shell = parent_of(held.pid).and_then(proc::Process::look);
    shell.expect("it has a parent").kill();
    wait::until("the held process ends", || {
        Ok(proc::Process::look(held.pid).is_none_or(|process| process.is_zombie()).then_some(()))
    })?;
    assert_eq!(party.missing(FILES), BUDGET);
    held.incident.until("gone")?;
    let said = held.incident.try_to("approve")?;
    assert!(said.exit != Some(0) && !said.complaint.is_empty(), "{said:?}");
    assert_eq!(party.missing(FILES), BUDGET);
    drop(job);
    crowd.end().map(drop)
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

#[test]
fn when_its_parent_is_killed_the_call_waits_on() -> Result<()> {
    let mut crowd = crowd(1)?;
    let job = crowd.parties[0].hand(&["vfork-child", &FILES.to_string()])?;
    let held = crowd.daemon.held_of("a0")?;
    until_stopped(held.pid)?;
    let parent = proc::Process::look(job.pid());
    parent.expect("it waits for its child").kill();
    job.until_ended()?;
    assert!(crate::holding::is_stopped(held.pid));
    held.incident.approve(&[])?;
    wait::until("the call completes", || Ok((crowd.parties[0].missing(FILES) == FILES).then_some(())))?;
    crowd.end().map(drop)
}

#[test]
fn reading_and_making_files_goes_on_beside_a_held_call() -> Result<()> {
    let mut crowd = crowd(1)?;
    let (held_job, _) = waits(&mut crowd, 0)?;
    let party = &crowd.parties[0];
    // The directory is not locked, and what destroys nothing is nobody's business.
    party.shell("cat f0029 && ls && echo new > new && echo more >> f0029")?.until_done()?;
    assert!(party.file("new").exists() && held_job.goes_on());
    drop(held_job);
    crowd.end().map(drop)
}
