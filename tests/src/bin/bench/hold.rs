//! How long a responder's approval takes until the call that waited is done.

use anyhow::{Context as _, Result, ensure};
use tests::{Crowd, Party, Socket, Tier, clock, truth};

use crate::row::Row;
use crate::scale::Scale;

/// The hundredth part is one of them.
const ROUNDS: usize = 100;

/// Each file is one call that waits, is approved and completes, in a process of its own.
pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
    let rounds = ROUNDS.min(scale.files);
    let holds_all = |policy: tests::Policy| policy.in_tier(Tier::Lsm).budget("deletes", "0/1h");
    let mut crowd = Crowd::watched(vec![Party::new(rounds)?], holds_all)?;
    let mut socket = Socket::connect()?;
    let mut took = Vec::new();
    for number in 0..rounds {
        let party = &crowd.parties[0];
        let job = party.hand(&["each", "1", &format!("unlink {}", truth::file_name(number)), "clock"])?;
        job.until_stopped()?;
        let held = crowd.daemon.held_by(job.pid())?;
        let asked = clock::boot_ns();
        let path = format!("/v1/incidents/{}/approve", held.incident.0);
        let (status, answer) = socket.post(&path, r#"{"reason":"bench"}"#)?;
        ensure!(status == 200, "the agent answered {status}: {answer}");
        job.until_done()?;
        let done: u64 = job.output()?.trim().parse().context("the time at which the call was done")?;
        took.push(done.saturating_sub(asked) as f64 / 1e6);
    }
    let left = rounds - crowd.parties[0].missing(rounds);
    ensure!(left == 0, "{left} files are left of {rounds}, whose deletion was approved");
    crowd.end()?;
    Ok(vec![
        Row::new("approve, from the request to the end of the call, in the tier lsm", "ms", took)
            .mostly(20.0),
    ])
}
