//! Decisions in every order, each once.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{Crowd, Incident, Outcome, ask_json, wait};

use crate::commands::decide;
use crate::holding::{BUDGET, FILES, all, cases, crowd, each_row, is_stopped, waits};

/// What is decided about an account whose call waits, in this order, and what becomes of the call.
struct Order {
    verbs: &'static [&'static str],
    completes: bool,
}

const ORDERS: &[Order] = &[
    Order { verbs: &["freeze", "approve", "thaw"], completes: true },
    Order { verbs: &["freeze", "thaw", "approve"], completes: true },
    Order { verbs: &["freeze", "deny", "thaw"], completes: false },
    Order { verbs: &["freeze", "thaw", "deny"], completes: false },
];

#[test]
fn a_freeze_before_or_after_keeps_the_decision_and_delays_it() -> Result<()> {
    let mut crowd = crowd(ORDERS.len())?;
    let rows = ORDERS.iter().enumerate().map(|(at, order)| (order.verbs.join(", "), (at, order)));
    each_row(rows, |(at, order)| {
        let (job, held) = waits(&mut crowd, at)?;
        let mut freeze = None;
        for &verb in order.verbs {
            match verb {
                "freeze" => {
                    let frozen = decide(&["freeze", "--account", &format!("a{at}")])?;
                    freeze = frozen["incident"].as_u64().map(Incident);
                }
                "thaw" => drop(freeze.map(|freeze| freeze.decide("thaw", &[])).transpose()?),
                // What is frozen cannot confirm it; that it was decided is seen in the end.
                _ if freeze.is_some() => drop(held.incident.try_to(verb)?),
                _ => drop(held.incident.decide(verb, &[])?),
            }
        }
        let outcome = job.until_ended_at_last()?;
        let missing = crowd.parties[at].missing(FILES);
        let wanted = if order.completes { (Outcome::Exited(0), FILES) } else { (Outcome::Exited(1), BUDGET) };
        ensure!((outcome, missing) == wanted, "{outcome:?}, {missing} missing");
        Ok(())
    })?;
    crowd.end().map(drop)
}

/// The policy to come is told once what was approved, and which calls may happen.
#[test]
fn what_is_approved_during_a_reload_is_so_afterwards() -> Result<()> {
    let mut crowd = crowd(1)?;
    let (job, held) = waits(&mut crowd, 0)?;
    crowd.daemon.during_a_reload(|| held.incident.approve(&[]))?;
    job.until_done_in_the_end()?;
    assert_eq!(crowd.parties[0].missing(FILES), FILES);
    crowd.end().map(drop)
}

#[test]
fn every_other_decision_ends_it_once() -> Result<()> {
    all(cases![
        what_is_frozen_completes_nothing_though_it_was_approved,
        a_kill_ends_the_process_and_its_file_stays,
        a_thaw_lets_go_and_the_budgets_begin_anew,
        a_decision_is_made_once_and_by_nobody_of_the_account,
    ])
}

fn what_is_frozen_completes_nothing_though_it_was_approved(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, held) = waits(crowd, at)?;
    let frozen = decide(&["freeze", "--account", &format!("a{at}")])?;
    let _ = held.incident.try_to("approve")?;
    wait::keep_distance(std::time::Duration::from_secs(1))?;
    ensure!(crowd.parties[at].missing(FILES) == BUDGET);
    decide(&["thaw", &frozen["incident"].to_string()])?;
    ensure!(job.until_ended_at_last()? == Outcome::Exited(0));
    ensure!(crowd.parties[at].missing(FILES) == FILES);
    Ok(())
}

fn a_kill_ends_the_process_and_its_file_stays(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, held) = waits(crowd, at)?;
    held.incident.decide("kill", &[])?;
    ensure!(job.until_ended()? == Outcome::Killed(libc::SIGKILL));
    ensure!(crowd.parties[at].missing(FILES) == BUDGET);
    ensure!(held.incident.show()?["state"] == "killed");
    Ok(())
}

fn a_thaw_lets_go_and_the_budgets_begin_anew(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, held) = waits(crowd, at)?;
    held.incident.decide("thaw", &[])?;
    job.until_stopped()?;
    crowd.daemon.held(|next| next.pid == job.pid() && next.path.contains("f0020"))?;
    ensure!(crowd.parties[at].missing(FILES) == 2 * BUDGET);
    drop(job);
    Ok(())
}

fn a_decision_is_made_once_and_by_nobody_of_the_account(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, held) = waits(crowd, at)?;
    let party = &crowd.parties[at];
    let own = party.ground.bring(&tests::agent()?)?;
    for verb in ["approve", "deny"] {
        let mut command = party.account.command(&own);
        command.args([verb, &held.incident.0.to_string(), "--reason", "it is mine"]);
        let said = tests::say(command)?;
        ensure!(said.exit == Some(4), "{verb}: {said:?}");
    }
    ensure!(job.goes_on() && is_stopped(job.pid()));
    held.incident.approve(&[])?;
    job.until_done()?;
    for verb in ["approve", "deny"] {
        let said = held.incident.try_to(verb)?;
        ensure!(said.exit == Some(6), "{verb}: {said:?}");
        ensure!(said.complaint.contains("already decided"), "{verb}: {said:?}");
    }
    let decision = &held.incident.show()?["decisions"][0];
    ensure!((&decision["verb"], &decision["by"]["uid"]) == (&json!("approve"), &json!(0)));
    armed_again(at)?;
    Ok(())
}

fn armed_again(at: usize) -> Result<()> {
    wait::until("the account is armed", || {
        Ok((ask_json(&["accounts"])?[at]["standing"] != "tripped").then_some(()))
    })
}
