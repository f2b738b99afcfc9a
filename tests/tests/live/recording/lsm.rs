//! Where calls wait.

use anyhow::{Result, ensure};
use tests::Outcome;

use super::{replay, same};
use crate::holding::{BUDGET, FILES, crowd, waits};

/// What waited and was let go on, what was refused, and what was told once it had happened: each as the kernel judged it.
#[test]
fn what_waits_is_judged_here_as_there() -> Result<()> {
    let mut crowd = crowd(2)?;
    let (job, held) = waits(&mut crowd, 0)?;
    held.incident.approve(&[])?;
    job.until_done()?;
    let (job, held) = waits(&mut crowd, 1)?;
    held.incident.decide("deny", &[])?;
    ensure!(job.until_ended_at_last()? == Outcome::Exited(1));
    crowd.daemon.end()?;
    let base = crowd.parties[0].ground.base();
    let own = replay(base, &base.join("policy.toml"))?;
    ensure!(same(&own)? >= (2 * BUDGET + FILES - BUDGET) as u64, "{own}");
    let counts =
        |account: usize, what: &str| own["accounts"][account]["was"][what].as_u64().unwrap_or_default();
    ensure!((counts(0, "within"), counts(1, "within")) == (BUDGET as u64, BUDGET as u64), "{own}");
    ensure!(counts(0, "granted") == (FILES - BUDGET) as u64 && counts(0, "held") > 0, "{own}");
    ensure!(counts(1, "held") > 0 && counts(1, "denied") > 0, "{own}");
    Ok(())
}
