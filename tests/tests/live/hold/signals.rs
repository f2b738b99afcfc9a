//! Whoever continues a held process lets nothing through.

use anyhow::Result;
use tests::{Outcome, wait};

use crate::holding::{BUDGET, FILES, crowd, is_stopped, waits};

#[test]
fn a_storm_of_continues_lets_nothing_through_and_ends_in_a_refusal() -> Result<()> {
    let mut crowd = crowd(1)?;
    let (job, _) = waits(&mut crowd, 0)?;
    let outcome = wait::until("the call is refused", || {
        // It may just have ended.
        let _ = job.continue_it();
        match job.try_change() {
            Some(Outcome::Stopped(_)) | None => Ok(None),
            ended => Ok(ended),
        }
    })?;
    assert_eq!(outcome, Outcome::Exited(1));
    let complaint = job.complaint()?;
    assert!(complaint.contains("os error 1)"), "{complaint}");
    assert_eq!(crowd.parties[0].missing(FILES), BUDGET);
    crowd.end().map(drop)
}

#[test]
fn a_single_continue_is_held_again() -> Result<()> {
    let mut crowd = crowd(1)?;
    let (job, held) = waits(&mut crowd, 0)?;
    for _ in 0..3 {
        job.continue_it()?;
        job.until_stopped()?;
        assert_eq!(crowd.parties[0].missing(FILES), BUDGET);
    }
    let incident = held.incident.until_waiting(1)?;
    assert_eq!((&incident["state"], &incident["done"]), (&"held".into(), &BUDGET.into()));
    drop(job);
    crowd.end().map(drop)
}

#[test]
fn its_own_account_may_not_continue_it() -> Result<()> {
    let mut crowd = crowd(1)?;
    let (job, _) = waits(&mut crowd, 0)?;
    let party = &crowd.parties[0];
    let calls = ["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"];
    let steps: Vec<_> = calls.iter().map(|call| format!("!continue {call} {}", job.pid())).collect();
    let steps: Vec<_> = steps.iter().map(String::as_str).collect();
    party.each(1, &steps)?.until_done()?;
    assert!(job.goes_on() && is_stopped(job.pid()));
    assert_eq!(party.missing(FILES), BUDGET);
    drop(job);
    crowd.end().map(drop)
}
