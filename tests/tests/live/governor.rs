//! So much has tripped that the rule is wrong: nobody else is stopped until it is quiet.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{Crowd, Daemon, Enforcement, Event, Job, Party, ask_json, policy_of, proc, wait};

use crate::check::FILES;
use crate::commands::decide;

/// How many accounts there are.
const ALL: usize = 5;

fn parties() -> Result<Vec<Party>> {
    (0..ALL).map(|_| Party::new(FILES)).collect()
}

/// Two may trip within this time.
fn crowd(time: &'static str) -> Result<Crowd> {
    Crowd::watched(parties()?, |policy| policy.governor("accounts", time))
}

/// The first three trip, and it is engaged.
fn trip(daemon: &mut Daemon, parties: &[Party]) -> Result<Vec<Job>> {
    let jobs =
        parties.iter().take(3).map(|party| party.each(FILES, &["unlink {}"])).collect::<Result<Vec<_>>>()?;
    jobs.iter().try_for_each(|job| job.until_stopped().map(drop))?;
    let (why, accounts) = daemon.wait_for("the governor is engaged", |event| match event {
        Event::GovernorEngaged { why, accounts } => Some((why.clone(), *accounts)),
        _ => None,
    })?;
    assert!(why.starts_with("3 accounts tripped"), "{why}");
    assert_eq!(accounts, 2);
    Ok(jobs)
}

fn over(daemon: &mut Daemon) -> Result<String> {
    daemon.wait_for("the governor is over", |event| match event {
        Event::GovernorOver { why } => Some(why.clone()),
        _ => None,
    })
}

/// It destroys all that it has, and nobody stops it.
fn passes(party: &Party) -> Result<()> {
    party.ground.fill(&party.ground.tree(), FILES)?;
    party.each(FILES, &["unlink {}"])?.until_done()?;
    assert_eq!(party.missing(FILES), FILES);
    Ok(())
}

/// It is stopped, with its whole budget.
fn is_stopped(party: &Party) -> Result<()> {
    party.ground.fill(&party.ground.tree(), FILES)?;
    party.each(FILES, &["unlink {}"])?.until_stopped()?;
    assert_eq!(party.missing(FILES), 11);
    Ok(())
}

fn wait_still(jobs: &[Job]) -> Result<()> {
    for job in jobs {
        let stopped = proc::Process::look(job.pid()).is_some_and(|process| process.is_stopped());
        ensure!(stopped && job.goes_on(), "process {} was let go", job.pid());
    }
    Ok(())
}

#[test]
fn who_has_not_tripped_is_only_observed_until_it_is_quiet() -> Result<()> {
    let mut crowd = crowd("2/4s")?;
    let jobs = trip(&mut crowd.daemon, &crowd.parties)?;
    passes(&crowd.parties[3])?;
    // Whoever has engaged it has gained nothing: neither what waits goes on, nor anything else of the account.
    wait_still(&jobs)?;
    let another = crowd.parties[0].shell("true")?;
    another.until_stopped()?;

    let status = ask_json(&["status"])?;
    assert_eq!(
        (&status["mode"], &status["governor"]["accounts"]),
        (&json!("enforce"), &json!(2)),
        "{status}"
    );
    let by = |name: &str| -> Result<Value> {
        let accounts = ask_json(&["accounts"])?;
        let account = accounts.as_array().and_then(|all| all.iter().find(|one| one["name"] == name)).cloned();
        Ok(account.unwrap_or_default()["granted"]["by"].clone())
    };
    assert_eq!((by("a0")?, by("a3")?), (Value::Null, json!("governor")));
    let incidents = ask_json(&["incidents", "--account", "a3"])?;
    assert_eq!(
        (&incidents[0]["state"], &incidents[0]["passed"]["by"]),
        (&json!("observed"), &json!("governor")),
        "{incidents}"
    );

    over(&mut crowd.daemon)?;
    assert_eq!(ask_json(&["status"])?["governor"], Value::Null);
    is_stopped(&crowd.parties[3])?;
    wait_still(&jobs)?;
    drop((jobs, another));
    crowd.end().map(drop)
}

#[test]
fn an_admin_ends_it_and_the_accounts_begin_anew() -> Result<()> {
    let mut crowd = crowd("2/1h")?;
    let jobs = trip(&mut crowd.daemon, &crowd.parties)?;
    passes(&crowd.parties[3])?;
    decide(&["on"])?;
    assert_eq!(over(&mut crowd.daemon)?, "switched on");
    is_stopped(&crowd.parties[3])?;
    // Those that had tripped before are not counted again, so that this one is stopped too.
    is_stopped(&crowd.parties[4])?;
    wait_still(&jobs)?;
    drop(jobs);
    crowd.end().map(drop)
}

#[test]
fn the_next_agent_goes_on_with_it_and_without_any_the_kernel_ends_it() -> Result<()> {
    let _enforcement = Enforcement;
    let parties = parties()?;
    let policy = policy_of(&parties).governor("accounts", "2/5s");
    let start = || Daemon::start_to_stay(&policy, parties[0].ground.base());
    let mut daemon = start()?;
    let jobs = trip(&mut daemon, &parties)?;
    daemon.kill()?;
    passes(&parties[3])?;
    let mut next = start()?;
    next.wait_for("it is engaged still", |event| {
        matches!(event, Event::GovernorEngaged { .. }).then_some(())
    })?;
    assert!(ask_json(&["status"])?["governor"].is_object());
    passes(&parties[4])?;
    wait_still(&jobs)?;
    next.kill()?;

    // Nobody but the kernel is there to end it.
    let party = &parties[4];
    let job = wait::until("it is stopped", || {
        wait::keep_distance(std::time::Duration::from_millis(200))?;
        party.ground.fill(&party.ground.tree(), FILES)?;
        let job = party.each(FILES, &["unlink {}"])?;
        let change = job.next_change()?;
        Ok(matches!(change.outcome, tests::Outcome::Stopped(_)).then_some(job))
    })?;
    assert!(party.missing(FILES) <= 11);
    // And the next agent knows that it is over.
    let mut last = start()?;
    assert_eq!(ask_json(&["status"])?["governor"], Value::Null);
    wait_still(&jobs)?;
    assert!(!last.seen()?.iter().any(|event| matches!(event, Event::Unexplained { .. })));
    drop(job);
    Ok(())
}
