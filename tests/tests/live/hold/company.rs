//! What else a process consists of while its call is held, and who waits for it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::{Crowd, Job, Outcome, proc, wait};

use crate::holding::{BUDGET, FILES, all, cases, is_stopped, until_stopped, waits};

#[test]
fn whatever_it_consists_of_a_process_waits_and_completes() -> Result<()> {
    all(cases![
        the_other_threads_stand_still_and_go_on,
        a_thread_whose_leader_has_ended_waits_and_completes,
        the_child_of_a_vfork_waits_and_completes,
        a_thread_beside_a_vfork_waits_and_completes,
        the_init_of_a_container_waits_and_completes,
        when_its_session_ends_the_process_ends_and_the_incident_with_it,
        when_its_parent_is_killed_the_call_waits_on,
        a_shell_that_controls_jobs_goes_on_and_the_incident_says_so,
        a_shell_that_waits_is_not_said_to_go_on,
        reading_and_making_files_goes_on_beside_a_held_call,
    ])
}

fn the_other_threads_stand_still_and_go_on(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    let file = party.ground.outside().join("count");
    let job = party.hand(&["beside-thread", "{outside}/count", &FILES.to_string()])?;
    job.until_stopped()?;
    let held = crowd.daemon.held_by(job.pid())?;
    let before = fs::read_to_string(&file)?;
    wait::keep_distance(Duration::from_millis(500))?;
    ensure!(fs::read_to_string(&file)? == before, "another thread goes on");
    ensure!(party.missing(FILES) == BUDGET);
    held.incident.approve(&[])?;
    job.until_done()?;
    ensure!(party.missing(FILES) == FILES);
    Ok(())
}

fn a_thread_whose_leader_has_ended_waits_and_completes(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    let job = party.hand(&["without-leader", &FILES.to_string()])?;
    let held = crowd.daemon.held_by(job.pid())?;
    ensure!(held.tid != held.pid);
    ensure!(party.missing(FILES) == BUDGET);
    held.incident.until_waiting(1)?;
    held.incident.approve(&[])?;
    ensure!(job.until_ended_at_last()? == Outcome::Exited(0));
    ensure!(party.missing(FILES) == FILES);
    Ok(())
}

fn the_child_of_a_vfork_waits_and_completes(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    let job = party.hand(&["vfork-child", &FILES.to_string()])?;
    let held = crowd.daemon.held_of(&format!("a{at}"))?;
    ensure!(held.pid != job.pid());
    until_stopped(held.pid)?;
    ensure!(party.missing(FILES) == BUDGET);
    held.incident.approve(&[])?;
    job.until_done()?;
    ensure!(party.missing(FILES) == FILES);
    Ok(())
}

/// As long as one thread waits for its child, the kernel does not report the process as stopped.
fn a_thread_beside_a_vfork_waits_and_completes(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    let mut job = party.hand(&["beside-vfork", &FILES.to_string()])?;
    let held = crowd.daemon.held_by(job.pid())?;
    ensure!(party.missing(FILES) == BUDGET);
    held.incident.approve(&[])?;
    job.until_says("unlinked")?;
    ensure!(party.missing(FILES) == FILES);
    job.tell("go")?;
    job.until_done_in_the_end()
}

fn the_init_of_a_container_waits_and_completes(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    let mut command = party.as_root("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "--kill-child", "--", "setpriv", "--clear-groups"]);
    command.args(["--reuid", party.account.name(), "--regid", &party.account.gid().to_string(), "--"]);
    command.arg(party.ground.hand()?).args(["each", "30", "unlink {}"]);
    let job = Job::start(command)?;
    let held = crowd.daemon.held_of(&format!("a{at}"))?;
    until_stopped(held.pid)?;
    let status = fs::read_to_string(format!("/proc/{}/status", held.pid))?;
    ensure!(status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1")), "{status}");
    ensure!(party.missing(FILES) == BUDGET);
    held.incident.approve(&[])?;
    job.until_done()?;
    ensure!(party.missing(FILES) == FILES);
    Ok(())
}

/// The kernel ends stopped processes that nobody of their session is left to continue.
fn when_its_session_ends_the_process_ends_and_the_incident_with_it(
    crowd: &mut Crowd,
    at: usize,
) -> Result<()> {
    let party = &crowd.parties[at];
    let script = "set -m; {base}/hand each 30 'unlink {}' & echo started; read go";
    party.ground.hand()?;
    let mut command = party.account.command("setsid");
    command.args(["--wait", "bash", "-c", &party.ground.expand(script)]).current_dir(party.ground.tree());
    let job = Job::start(command)?;
    let held = crowd.daemon.held_of(&format!("a{at}"))?;
    until_stopped(held.pid)?;
    let shell = parent_of(held.pid).and_then(proc::Process::look);
    shell.context("it has a parent")?.kill();
    wait::until("the held process ends", || {
        Ok(proc::Process::look(held.pid).is_none_or(|process| process.is_zombie()).then_some(()))
    })?;
    ensure!(party.missing(FILES) == BUDGET);
    held.incident.until("gone")?;
    let said = held.incident.try_to("approve")?;
    ensure!(said.exit != Some(0) && !said.complaint.is_empty(), "{said:?}");
    ensure!(party.missing(FILES) == BUDGET);
    drop(job);
    Ok(())
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// The shell that lives on keeps the kernel from taking the process group for one that nobody is left to continue.
fn when_its_parent_is_killed_the_call_waits_on(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    party.ground.hand()?;
    let job = party.shell("{base}/hand vfork-child 30 & read go; true")?;
    let held = crowd.daemon.held_of(&format!("a{at}"))?;
    until_stopped(held.pid)?;
    let parent = parent_of(held.pid).context("it has a parent")?;
    proc::Process::look(parent).context("it waits for its child")?.kill();
    wait::until("its parent is gone", || Ok((parent_of(held.pid) != Some(parent)).then_some(())))?;
    ensure!(is_stopped(held.pid));
    let above = held.incident.show()?["held"][0]["above"].clone();
    ensure!((&above["whereabouts"], &above["pid"]) == (&"ended".into(), &parent.into()), "{above}");
    held.incident.approve(&[])?;
    wait::until("the call completes", || Ok((party.missing(FILES) == FILES).then_some(())))?;
    drop(job);
    Ok(())
}

fn reading_and_making_files_goes_on_beside_a_held_call(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (held_job, _) = waits(crowd, at)?;
    let party = &crowd.parties[at];
    // The directory is not locked, and what destroys nothing is nobody's business.
    party.shell("cat f0029 && ls && echo new > new && echo more >> f0029")?.until_done()?;
    ensure!(party.file("new").exists() && held_job.goes_on());
    drop(held_job);
    Ok(())
}

fn a_shell_that_controls_jobs_goes_on_and_the_incident_says_so(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    party.ground.hand()?;
    let script = "set -m; {base}/hand each 30 'unlink {}'; echo next > {outside}/next; sleep 600; true";
    let job = party.shell(&format!("exec bash -c \"{script}\""))?;
    let held = crowd.daemon.held_of(&format!("a{at}"))?;
    let bash = parent_of(held.pid).context("it has a parent")?;
    let above = wait::until("it says that the shell has gone on", || {
        let above = held.incident.show()?["held"][0]["above"].clone();
        Ok((above["started"][0]["comm"] == "sleep").then_some(above))
    })?;
    ensure!((&above["whereabouts"], &above["pid"]) == (&"goes_on".into(), &bash.into()), "{above}");
    ensure!(party.ground.outside().join("next").exists() && is_stopped(held.pid));
    let said = tests::ask(&["incident", &held.incident.0.to_string()])?.output;
    let words = format!("bash {bash} has gone on without hand {}: since then it has started sleep", held.pid);
    ensure!(said.contains(&words), "{said}");
    held.incident.approve(&[])?;
    wait::until("the call completes", || Ok((party.missing(FILES) == FILES).then_some(())))?;
    drop(job);
    Ok(())
}

fn a_shell_that_waits_is_not_said_to_go_on(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    party.ground.hand()?;
    let job = party.shell("{base}/hand each 30 'unlink {}'; true")?;
    let held = crowd.daemon.held_of(&format!("a{at}"))?;
    until_stopped(held.pid)?;
    let incident = held.incident.until_waiting(1)?;
    ensure!(incident["held"][0]["above"].is_null(), "{incident}");
    held.incident.approve(&[])?;
    job.until_done()
}
