//! An approval is bound to what was seen: a call that is continued finds its way anew, and may find another.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};
use tests::{Held, Job, Party, truth, wait};

use crate::holding::{BUDGET, FILES, crowd, each_row, until_stopped, waits};

/// Both ways to approve one call.
const WAYS: [&[&str]; 2] = [&[], &["--once"]];

/// Waits until another call than this one waits.
fn next(crowd: &mut tests::Crowd, before: &Held) -> Result<Held> {
    let held = crowd.daemon.held(|held| held.account == before.account && held != before)?;
    until_stopped(held.pid)?;
    Ok(held)
}

#[test]
fn once_is_exactly_the_calls_that_waited() -> Result<()> {
    let mut crowd = crowd(1)?;
    let (job, mut held) = waits(&mut crowd, 0)?;
    for more in 1..=3 {
        held.incident.approve(&["--once"])?;
        held = next_of(&mut crowd, &format!("f{:04}", BUDGET + more))?;
        assert_eq!(crowd.parties[0].missing(FILES), BUDGET + more);
    }
    drop(job);
    crowd.end().map(drop)
}

fn next_of(crowd: &mut tests::Crowd, name: &str) -> Result<Held> {
    let held = crowd.daemon.held(|held| held.path.contains(name))?;
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

#[test]
fn a_link_that_leads_elsewhere_meanwhile_leads_to_another_hold() -> Result<()> {
    let mut crowd = crowd(WAYS.len())?;
    each_row(
        WAYS.iter().enumerate().map(|(at, way)| (format!("approve {way:?}"), (at, *way))),
        |(at, way)| {
            with_a_link(&crowd.parties[at])?;
            let job = crowd.parties[at].each(FILES, &["unlink link/{}"])?;
            let held = crowd.daemon.held_by(job.pid())?;
            job.until_stopped()?;
            let link = crowd.parties[at].file("link");
            fs::remove_file(&link)?;
            symlink("unseen", &link)?;
            another_hold(&mut crowd, &held, way)?;
            let missing = |name: &str| truth::missing(&crowd.parties[at].file(name), FILES);
            ensure!(
                (missing("seen"), missing("unseen")) == (BUDGET, 0),
                "{} {}",
                missing("seen"),
                missing("unseen")
            );
            drop(job);
            Ok(())
        },
    )?;
    crowd.end().map(drop)
}

/// An approval that the call, as it is now, is not what was approved: it waits anew.
fn another_hold(crowd: &mut tests::Crowd, held: &Held, way: &[&str]) -> Result<()> {
    // That it does not complete may take the decision's time for being confirmed, or not.
    let _ = held.incident.approve(way);
    next(crowd, held).map(drop)
}

#[test]
fn a_path_that_is_rewritten_meanwhile_leads_to_another_hold() -> Result<()> {
    let mut crowd = crowd(WAYS.len())?;
    each_row(
        WAYS.iter().enumerate().map(|(at, way)| (format!("approve {way:?}"), (at, *way))),
        |(at, way)| {
            with_a_link(&crowd.parties[at])?;
            let mut job =
                crowd.parties[at].hand(&["rewrite", &BUDGET.to_string(), "seen/f0000", "unseen/f0000"])?;
            let held = crowd.daemon.held_of(&format!("a{at}"))?;
            until_stopped(held.pid)?;
            job.tell("go")?;
            job.until_says("rewritten")?;
            another_hold(&mut crowd, &held, way)?;
            let missing = |name: &str| truth::missing(&crowd.parties[at].file(name), FILES);
            ensure!(
                (missing("seen"), missing("unseen")) == (0, 0),
                "{} {}",
                missing("seen"),
                missing("unseen")
            );
            drop(job);
            Ok(())
        },
    )?;
    crowd.end().map(drop)
}

#[test]
fn another_directory_than_was_shown_is_another_hold_unless_the_tree_is_approved() -> Result<()> {
    let mut crowd = crowd(2)?;
    for at in 0..2 {
        with_a_link(&crowd.parties[at])?;
        let tree = crowd.parties[at].ground.tree();
        let options: &[&str] = if at == 0 { &[] } else { &["--tree", &tree.to_string_lossy()] };
        let job = crowd.parties[at].shell("exec rm -f seen/* unseen/*")?;
        let held = crowd.daemon.held_of(&format!("a{at}"))?;
        until_stopped(held.pid)?;
        held.incident.approve(options)?;
        if at == 0 {
            // What is outside of the approval is judged as ever, by a budget that begins anew.
            next_of(&mut crowd, "unseen/")?;
            assert_eq!(truth::missing(&tree.join("unseen"), FILES), BUDGET);
        } else {
            job.until_done_in_the_end()?;
            assert_eq!(truth::missing(&tree.join("unseen"), FILES), FILES);
        }
        assert_eq!(truth::missing(&tree.join("seen"), FILES), FILES);
    }
    crowd.end().map(drop)
}

#[test]
fn an_approval_with_a_budget_admits_so_many() -> Result<()> {
    let mut crowd = crowd(1)?;
    let (job, held) = waits(&mut crowd, 0)?;
    held.incident.approve(&["--budget", "5"])?;
    job.until_stopped()?;
    // What it admits, and then the account's own budget, which begins anew.
    let missing = crowd.parties[0].missing(FILES);
    assert!(missing == BUDGET + 5 || missing == 2 * BUDGET + 5, "{missing}");
    drop(job);
    crowd.end().map(drop)
}

#[test]
fn an_approval_is_for_the_processes_that_waited_and_no_others() -> Result<()> {
    let mut crowd = crowd(1)?;
    let (job, held) = waits(&mut crowd, 0)?;
    held.incident.approve(&[])?;
    job.until_done()?;
    let party = &crowd.parties[0];
    party.ground.fill(&party.ground.tree(), FILES)?;
    let other = party.each(FILES, &["unlink {}"])?;
    other.until_stopped()?;
    assert_eq!(party.missing(FILES), BUDGET);
    crowd.daemon.held_by(other.pid())?;
    drop(other);
    crowd.end().map(drop)
}

/// A release that came between the verdict and the stop would leave a process stopped for ever.
#[test]
fn no_approval_is_lost_however_often() -> Result<()> {
    const PROCESSES: usize = 8;
    const ROUNDS: usize = 50;
    const MANY: usize = 1000;
    let mut crowd = tests::Crowd::watched(vec![Party::new(MANY)?], |policy| {
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
            Ok(next.and_then(|one| one["id"].as_u64()).map(tests::Incident))
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
