//! In the tier tracepoint: as soon as the connection is made.

use anyhow::Result;
use tests::{Tier, wait};

use super::{Stage, escape, escapes};
use crate::holding::BUDGET;

#[test]
fn what_is_observed_passes_and_is_one_incident() -> Result<()> {
    let stage = Stage::new("observe", |policy| policy.in_tier(Tier::Tracepoint))?;
    stage.ask("way.sock", 3)?.until_done()?;
    assert_eq!(stage.service.asked(), 3);
    wait::until("all of it", || Ok(escape("observed", "3 times").ok()))?;
    stage.ask("other.sock", 1)?.until_done()?;
    stage.party().each(BUDGET, &["unlink {}"])?.until_done()?;
    assert_eq!(escapes()?.len(), 1);
    stage.crowd.end().map(drop)
}

#[test]
fn who_should_wait_is_stopped_before_anything_is_asked() -> Result<()> {
    is_stopped_before("ask")
}

#[test]
fn so_is_who_connects_through_a_ring() -> Result<()> {
    is_stopped_before("io-uring-ask")
}

fn is_stopped_before(step: &str) -> Result<()> {
    let stage = Stage::new("hold", |policy| policy.in_tier(Tier::Tracepoint))?;
    let job = stage.ask_by(step, "way.sock", 1)?;
    job.until_stopped()?;
    let incident = wait::until("the incident", || Ok(escape("stopped", "by test, ").ok()))?;
    assert_eq!(stage.service.asked(), 0);
    incident.decide("thaw", &[])?;
    job.until_done()?;
    assert_eq!(stage.service.asked(), 1);
    stage.crowd.end().map(drop)
}
