//! What goes through an io_uring, in the tier tracepoint: how much gets past the budget, however it is handed over, and that what is
//! told of it is what is true on disk.

use anyhow::{Result, ensure};
use tests::{Crowd, Party, Policy, wait};

use crate::holding::{BUDGET, each_row};

const FILES: usize = 400;
/// How many requests the helper program hands over at a time.
const AT_ONCE: usize = 64;

/// How the helper program does that, and how many operations may be told and not have happened.
const HOW: &[(&str, usize)] = &[
    // The one past the budget counts when it is handed over; it may still wait for a thread that carries it out.
    ("waiting", 1),
    ("polled", 1),
    ("linked", 1),
    ("drained", 1),
    ("deferred", 1),
    // Nobody sees how these end.
    ("untold", AT_ONCE),
];

fn budget(policy: Policy) -> Policy {
    policy.budget("deletes", &format!("{BUDGET}/1h"))
}

/// The stop is taken on the way out of the call that has handed them over; what is queued by then, no program can take back.
#[test]
fn what_one_call_hands_over_is_all_that_is_lost() -> Result<()> {
    let parties = HOW.iter().map(|_| Party::new(FILES)).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, budget)?;
    each_row(HOW.iter().enumerate().map(|(at, row)| (row.0.to_owned(), (at, row))), |(at, row)| {
        let (how, untrue) = *row;
        let job = crowd.parties[at].hand(&["ring-all", &FILES.to_string(), "--how", how])?;
        // All threads of it stand still, those too that carry out what was handed over.
        job.until_stopped()?;
        let pid = crowd.daemon.burst_by(job.pid())?.pid;
        let lost = crowd.parties[at].missing(FILES);
        ensure!(lost <= AT_ONCE, "{lost} are lost");
        drop(job);
        let party = &crowd.parties[at];
        party.account.end_processes();
        // What a process has not asked for, the kernel tells when it has taken its ring down.
        let (lost, told) = wait::until("what was lost is told", || {
            let told = crowd.daemon.operations()?.iter().filter(|operation| operation.pid == pid).count();
            let lost = party.missing(FILES);
            Ok((told >= lost).then_some((lost, told)))
        })?;
        println!("{how}: {lost} lost, {told} told");
        ensure!(told <= lost + untrue, "{lost} are lost, and {told} are told");
        Ok(())
    })?;
    crowd.end().map(drop)
}
