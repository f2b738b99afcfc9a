//! An approval is bound to what was seen: a call that is continued finds its way anew, and may find another.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};
use tests::{Crowd, Event, Held, Incident, Job, Party, truth, wait};

use crate::holding::{BUDGET, FILES, all, cases, until_stopped, waits};

#[test]
fn what_was_seen_is_what_happens() -> Result<()> {
    all(cases![
        once_is_exactly_the_calls_that_waited,
        a_link_that_leads_elsewhere_meanwhile_leads_to_another_hold,
        though_it_was_approved_only_once,
        a_path_that_is_rewritten_meanwhile_leads_to_another_hold,
        though_that_was_approved_only_once,
        another_directory_than_was_shown_is_judged_as_ever,
        of_an_approved_tree_every_directory_is_admitted,
        an_approval_with_a_budget_admits_so_many,
        an_approval_admits_no_more_than_its_budget_to_all_of_them,
        an_approval_is_for_the_processes_that_waited_and_no_others,
    ])
}

/// Waits until another call than this one waits.
fn next(crowd: &mut Crowd, before: &Held) -> Result<Held> {
    let held = crowd.daemon.held(|held| held.account == before.account && held != before)?;
    until_stopped(held.pid)?;
    Ok(held)
}

fn once_is_exactly_the_calls_that_waited(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, mut held) = waits(crowd, at)?;
    for more in 1..=3 {
        held.incident.approve(&["--once"])?;
        held = next_of(crowd, at, &format!("f{:04}", BUDGET + more))?;
        ensure!(crowd.parties[at].missing(FILES) == BUDGET + more);
    }
    let of_none = |event: &&Event| matches!(event, Event::Held(held) if held.incident == Incident::NONE);
    let of_none = crowd.daemon.seen()?.iter().find(of_none);
    ensure!(of_none.is_none(), "{of_none:?}");
    drop(job);
    Ok(())
}

fn next_of(crowd: &mut Crowd, at: usize, name: &str) -> Result<Held> {
    let account = format!("a{at}");
    let held = crowd.daemon.held(|held| held.account == account && held.path.contains(name))?;
    until_stopped(held.pid)?;
    Ok(held)
}

/// Two directories of files and a link to the first.
fn with_a_link(party: &Party) -> Result<()> {
    for name in ["seen", "unseen"] {
        party.ground.make_directory(&party.file(name))?;
        party.ground.fill(&party.file(name), FILES)?;
    }
    symlink("seen", party.file("link")).map_err(Into::into)
}

fn a_link_that_leads_elsewhere_meanwhile_leads_to_another_hold(crowd: &mut Crowd, at: usize) -> Result<()> {
    link_leads_elsewhere(crowd, at, &[])
}

fn though_it_was_approved_only_once(crowd: &mut Crowd, at: usize) -> Result<()> {
    link_leads_elsewhere(crowd, at, &["--once"])
}

fn link_leads_elsewhere(crowd: &mut Crowd, at: usize, way: &[&str]) -> Result<()> {
    with_a_link(&crowd.parties[at])?;
    let job = crowd.parties[at].each(FILES, &["unlink link/{}"])?;
    let held = crowd.daemon.held_by(job.pid())?;
    job.until_stopped()?;
    let link = crowd.parties[at].file("link");
    fs::remove_file(&link)?;
    symlink("unseen", &link)?;
    another_hold(crowd, &held, way)?;
    let missing = |name: &str| truth::missing(&crowd.parties[at].file(name), FILES);
    ensure!((missing("seen"), missing("unseen")) == (BUDGET, 0), "{} {}", missing("seen"), missing("unseen"));
    drop(job);
    Ok(())
}

/// An approval that the call, as it is now, is not what was approved: it waits anew.
fn another_hold(crowd: &mut Crowd, held: &Held, way: &[&str]) -> Result<()> {
    // That it does not complete may take the decision's time for being confirmed, or not.
    let _ = held.incident.approve(way);
    next(crowd, held).map(drop)
}

fn a_path_that_is_rewritten_meanwhile_leads_to_another_hold(crowd: &mut Crowd, at: usize) -> Result<()> {
    path_is_rewritten(crowd, at, &[])
}

fn though_that_was_approved_only_once(crowd: &mut Crowd, at: usize) -> Result<()> {
    path_is_rewritten(crowd, at, &["--once"])
}

fn path_is_rewritten(crowd: &mut Crowd, at: usize, way: &[&str]) -> Result<()> {
    with_a_link(&crowd.parties[at])?;
    // In the directory that is shown: what is shown is all that an approval reaches.
    let party = &crowd.parties[at];
    let words = ["rewrite", &BUDGET.to_string(), "f0020", "../unseen/f0000"];
    let mut command = party.ground.hand_command(&party.account, &words)?;
    command.current_dir(party.file("seen"));
    let mut job = Job::start(command)?;
    let held = crowd.daemon.held_of(&format!("a{at}"))?;
    until_stopped(held.pid)?;
    job.tell("go")?;
    job.until_says("rewritten")?;
    another_hold(crowd, &held, way)?;
    let missing = |name: &str| truth::missing(&crowd.parties[at].file(name), FILES);
    ensure!((missing("seen"), missing("unseen")) == (BUDGET, 0), "{} {}", missing("seen"), missing("unseen"));
    drop(job);
    Ok(())
}

/// One process that empties two directories, and is held in the first.
fn in_the_first_of_two(crowd: &mut Crowd, at: usize) -> Result<(Job, Held)> {
    with_a_link(&crowd.parties[at])?;
    let job = crowd.parties[at].shell("exec rm -f seen/* unseen/*")?;
    let held = crowd.daemon.held_by(job.pid())?;
    job.until_stopped()?;
    Ok((job, held))
}

/// What is outside of the approval is judged by what is left of the budget: nothing.
fn another_directory_than_was_shown_is_judged_as_ever(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, held) = in_the_first_of_two(crowd, at)?;
    held.incident.approve(&[])?;
    next(crowd, &held)?;
    let missing = |name: &str| truth::missing(&crowd.parties[at].file(name), FILES);
    ensure!((missing("seen"), missing("unseen")) == (FILES, 0), "{} {}", missing("seen"), missing("unseen"));
    drop(job);
    Ok(())
}

fn of_an_approved_tree_every_directory_is_admitted(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, held) = in_the_first_of_two(crowd, at)?;
    held.incident.approve(&["--tree", &crowd.parties[at].ground.tree().to_string_lossy()])?;
    job.until_done()?;
    let missing = |name: &str| truth::missing(&crowd.parties[at].file(name), FILES);
    ensure!(
        (missing("seen"), missing("unseen")) == (FILES, FILES),
        "{} {}",
        missing("seen"),
        missing("unseen")
    );
    Ok(())
}

fn an_approval_with_a_budget_admits_so_many(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, held) = waits(crowd, at)?;
    held.incident.approve(&["--budget", "5"])?;
    next(crowd, &held)?;
    let missing = crowd.parties[at].missing(FILES);
    ensure!(missing == BUDGET + 5, "{missing}");
    drop(job);
    Ok(())
}

/// Each of them would be one. What another has removed before it is no failure of any of them: `rm -f` goes on to the next.
fn an_approval_admits_no_more_than_its_budget_to_all_of_them(crowd: &mut Crowd, at: usize) -> Result<()> {
    let first = crowd.parties[at].shell("exec rm -f f*")?;
    let held = crowd.daemon.held_by(first.pid())?;
    first.until_stopped()?;
    let share = |from: usize| {
        let mut command = crowd.parties[at].account.command("rm");
        command.arg("-f").args((BUDGET + from..FILES).step_by(4).map(truth::file_name));
        command.current_dir(crowd.parties[at].ground.tree());
        Job::start(command)
    };
    let jobs: Vec<_> = (0..4).map(share).collect::<Result<_>>()?;
    jobs.iter().try_for_each(|job| job.until_stopped().map(drop))?;
    held.incident.until_waiting(5)?;
    held.incident.approve(&["--budget", "2"])?;
    wait::until("all wait again", || {
        let waiting = crowd.parties[at].missing(FILES) >= BUDGET + 2
            && jobs.iter().chain([&first]).all(|job| crate::holding::is_stopped(job.pid()));
        Ok(waiting.then_some(()))
    })?;
    let missing = crowd.parties[at].missing(FILES);
    ensure!(missing == BUDGET + 2, "{missing}");
    drop((first, jobs));
    Ok(())
}

fn an_approval_is_for_the_processes_that_waited_and_no_others(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, held) = waits(crowd, at)?;
    held.incident.approve(&[])?;
    job.until_done()?;
    let party = &crowd.parties[at];
    party.ground.fill(&party.ground.tree(), FILES)?;
    let other = party.each(FILES, &["unlink {}"])?;
    other.until_stopped()?;
    ensure!(
        party.missing(FILES) == 0,
        "the account's own budget is used up, and no approval gives it another"
    );
    crowd.daemon.held_by(other.pid())?;
    drop(other);
    Ok(())
}

/// A release that came between the verdict and the stop would leave a process stopped for ever.
#[test]
fn no_approval_is_lost_however_often() -> Result<()> {
    const PROCESSES: usize = 8;
    const ROUNDS: usize = 50;
    const MANY: usize = 1000;
    let mut crowd = Crowd::watched(vec![Party::new(MANY)?], |policy| {
        crate::holding::holds(policy).budget("deletes", "1/1h")
    })?;
    let party = &crowd.parties[0];
    let share = |first: usize| {
        let mut command = party.account.command("rm");
        command.arg("-f").args((first..MANY).step_by(PROCESSES).map(truth::file_name));
        command.current_dir(party.ground.tree());
        Job::start(command)
    };
    let jobs: Vec<_> = (0..PROCESSES).map(share).collect::<Result<_>>()?;
    let first = crowd.daemon.held_of("a0")?;
    let mut last = first.incident;
    for round in 0..ROUNDS {
        last.approve(&["--once"])?;
        last = wait::until(&format!("a hold after round {round}"), || {
            let open = tests::ask_json(&["incidents", "--open"])?;
            let next = open.as_array().and_then(|open| open.iter().find(|one| one["state"] == "held"));
            Ok(next.and_then(|one| one["id"].as_u64()).map(Incident))
        })?;
    }
    assert!(party.missing(MANY) > ROUNDS, "{} are missing", party.missing(MANY));
    // All of them wait, so all of them are approved.
    last.until_waiting(PROCESSES)?;
    last.approve(&[])?;
    jobs.iter().try_for_each(|job| {
        let outcome = job.until_ended_at_last()?;
        ensure!(outcome == tests::Outcome::Exited(0), "{outcome:?}");
        Ok(())
    })?;
    assert_eq!(party.missing(MANY), MANY);
    crowd.end().map(drop)
}
