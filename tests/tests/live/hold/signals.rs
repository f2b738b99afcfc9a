//! Whoever continues a held process lets nothing through.

use anyhow::{Result, ensure};
use tests::{Crowd, Outcome, wait};

use crate::holding::{BUDGET, FILES, all, cases, is_stopped, waits};

#[test]
fn nothing_gets_through() -> Result<()> {
    all(cases![
        a_storm_of_continues_lets_nothing_through_and_ends_in_a_refusal,
        a_single_continue_is_held_again,
        its_own_account_may_not_continue_it,
        a_time_limit_of_its_own_ends_it,
    ])
}

fn a_storm_of_continues_lets_nothing_through_and_ends_in_a_refusal(
    crowd: &mut Crowd,
    at: usize,
) -> Result<()> {
    let (job, _) = waits(crowd, at)?;
    let outcome = wait::until("the call is refused", || {
        // It may just have ended.
        let _ = job.continue_it();
        match job.try_change() {
            Some(Outcome::Stopped(_)) | None => Ok(None),
            ended => Ok(ended),
        }
    })?;
    ensure!(outcome == Outcome::Exited(1));
    let complaint = job.complaint()?;
    ensure!(complaint.contains("os error 1)"), "{complaint}");
    ensure!(crowd.parties[at].missing(FILES) == BUDGET);
    Ok(())
}

fn a_single_continue_is_held_again(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, held) = waits(crowd, at)?;
    for _ in 0..3 {
        job.continue_it()?;
        job.until_stopped()?;
        ensure!(crowd.parties[at].missing(FILES) == BUDGET);
    }
    let incident = held.incident.until_waiting(1)?;
    ensure!((&incident["state"], &incident["done"]) == (&"held".into(), &BUDGET.into()));
    drop(job);
    Ok(())
}

/// It is told to end and continued, so that it can.
fn a_time_limit_of_its_own_ends_it(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    let job = party.shell("exec timeout 2 rm -f f*")?;
    crowd.daemon.held_of(&format!("a{at}"))?;
    ensure!(job.until_ended_at_last()? == Outcome::Exited(124));
    ensure!(party.missing(FILES) == BUDGET);
    Ok(())
}

fn its_own_account_may_not_continue_it(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, _) = waits(crowd, at)?;
    let party = &crowd.parties[at];
    let calls = ["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"];
    let steps: Vec<_> = calls.iter().map(|call| format!("!continue {call} {}", job.pid())).collect();
    let steps: Vec<_> = steps.iter().map(String::as_str).collect();
    party.each(1, &steps)?.until_done()?;
    ensure!(job.goes_on() && is_stopped(job.pid()));
    ensure!(party.missing(FILES) == BUDGET);
    drop(job);
    Ok(())
}
