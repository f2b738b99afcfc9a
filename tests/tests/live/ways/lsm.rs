//! In the tier lsm: before there is a connection.

mod elsewhere;
mod units;

use anyhow::Result;
use tests::{Outcome, wait};

use super::{Stage, escape};
use crate::holding::BUDGET;

#[test]
fn what_is_observed_passes_and_is_one_incident() -> Result<()> {
    let mut stage = Stage::new("observe", |policy| policy)?;
    stage.ask("way.sock", 3)?.until_done()?;
    assert_eq!(stage.service.asked(), 3);
    wait::until("the incident", || Ok(escape("observed", "by test, ").ok()))?;
    wait::until("all of it", || Ok(escape("observed", "3 times").ok()))?;
    stage.others_are_free()?;
    // The account's own budgets are what they were; past them nobody else is asked either.
    let job = stage.party().each(BUDGET + 1, &["unlink {}"])?;
    job.until_stopped()?;
    let held = stage.crowd.daemon.held_by(job.pid())?;
    let asking = stage.ask("way.sock", 1)?;
    asking.until_stopped()?;
    assert_eq!((stage.party().destroyed(crate::holding::FILES), stage.service.asked()), (BUDGET, 3));
    held.incident.approve(&[])?;
    job.until_done()?;
    asking.until_done()?;
    assert_eq!(stage.service.asked(), 4);
    stage.crowd.end().map(drop)
}

#[test]
fn what_is_held_has_not_happened_and_completes_when_it_is_approved() -> Result<()> {
    let mut stage = Stage::new("hold", |policy| policy)?;
    stage.others_are_free()?;
    let job = stage.ask("way.sock", 1)?;
    job.until_stopped()?;
    let held = stage.crowd.daemon.held_by(job.pid())?;
    assert_eq!(held.incident, escape("held", "by test, ")?);
    assert_eq!(stage.service.asked(), 0);
    held.incident.approve(&[])?;
    job.until_done()?;
    assert_eq!(stage.service.asked(), 1);
    // What was approved was that one.
    let job = stage.ask("way.sock", 1)?;
    job.until_stopped()?;
    let held = stage.crowd.daemon.held_by(job.pid())?;
    held.incident.decide("deny", &[])?;
    assert_eq!(job.until_ended()?, Outcome::Exited(1));
    assert_eq!(stage.service.asked(), 1);
    stage.crowd.end().map(drop)
}

#[test]
fn what_is_denied_fails_and_costs_nothing_else() -> Result<()> {
    let mut stage = Stage::new("deny", |policy| policy)?;
    stage.others_are_free()?;
    for _ in 0..2 {
        let job = stage.ask("way.sock", 1)?;
        assert_eq!(job.until_ended()?, Outcome::Exited(1));
        assert!(job.complaint()?.contains("os error 1)"), "{}", job.complaint()?);
    }
    assert_eq!(stage.service.asked(), 0);
    wait::until("the incident", || Ok(escape("denied", "2 times").ok()))?;
    stage.party().each(BUDGET, &["unlink {}"])?.until_done()?;
    stage.crowd.end().map(drop)
}
