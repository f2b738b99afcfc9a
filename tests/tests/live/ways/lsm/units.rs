//! A unit that the service manager is asked to start, in the tier lsm.

use anyhow::{Result, ensure};
use tests::{Incident, Outcome, Tier};

use super::super::{
    escape, escapes,
    units::{self, Stage, UNTOLD},
};

#[test]
fn its_processes_are_the_accounts() -> Result<()> {
    units::its_processes_are_the_accounts(Tier::Lsm)
}

#[test]
fn what_cannot_be_told_waits_before_the_bus_hears_of_it() -> Result<()> {
    let mut stage = Stage::new(Tier::Lsm, "hold")?;
    for (unit, how) in UNTOLD {
        let job = stage.send("start-unit", unit, how)?;
        job.until_stopped()?;
        let held = stage.crowd.daemon.held_by(job.pid())?;
        ensure!(escape_is_held(held.incident)?, "{unit} {how}");
        held.incident.decide("deny", &[])?;
        ensure!(job.until_ended()? == Outcome::Exited(1), "{unit} {how}");
        held.incident.decide("thaw", &[]).ok(); // so that the next one is no attempt of a denied account
        ensure!(stage.owner(unit)?.1.is_none(), "{unit} {how}");
        ensure!(!stage.bus.has_heard("StartTransientUnit"), "{unit} {how}");
    }
    ensure!(escape("held", "").is_err());
    stage.crowd.end().map(drop)
}

fn escape_is_held(incident: Incident) -> Result<bool> {
    Ok(escapes()?.iter().any(|one| one["id"] == incident.0 && one["state"] == "held"))
}
