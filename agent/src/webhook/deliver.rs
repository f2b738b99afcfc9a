//! The thread that delivers: the oldest first, until it has arrived, with longer and longer pauses.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use rustix::rand::{GetRandomFlags, getrandom};

use super::{
    Desk, Dropped,
    send::{Outcome, Sender},
};

/// How long it is waited after an attempt that has failed, at first and at most.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// When a queue that cannot be read is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Until the webhook is gone.
pub(super) fn run(desk: &Desk) {
    let mut sender = Sender::default();
    let mut pause = FIRST;
    loop {
        let (settings, ended) = {
            let mut now = desk.now();
            (now.more, now.changed) = (false, false);
            (now.settings.clone(), now.ended)
        };
        if ended {
            return;
        }
        let (next, is_degraded) = {
            let mut queue = desk.queue();
            (queue.next(), queue.degraded().is_some())
        };
        let Some((place, message)) = next else {
            // What cannot be read now may wait all the same.
            wait(desk, is_degraded.then_some(LOOK_AGAIN));
            continue;
        };
        let outcome = sender.send(&settings, &message);
        let is_gone = matches!(outcome, Outcome::Failed { .. }) || {
            let mut queue = desk.queue();
            let is_gone = queue.remove(place, &message);
            desk.look(&queue);
            is_gone
        };
        note(desk, &outcome);
        let after = match outcome {
            Outcome::Failed { after, .. } => after,
            _ if is_gone => {
                pause = FIRST;
                continue;
            }
            // It would be sent again at once, and so for ever.
            _ => None,
        };
        let changed = wait(desk, Some(with_jitter(after.map_or(pause, |told| told.clamp(FIRST, LONGEST)))));
        pause = if changed { FIRST } else { (pause * 2).min(LONGEST) };
    }
}

/// Counts it, and says what is new about it.
fn note(desk: &Desk, outcome: &Outcome) {
    let mut now = desk.now();
    let name = now.settings.name.clone();
    let before = match outcome {
        Outcome::Delivered => {
            now.standing.delivered += 1;
            now.standing.failing.take()
        }
        Outcome::Refused { why } => {
            now.standing.drop(Dropped::Refused, 1);
            now.standing.failing.replace(why.clone())
        }
        Outcome::Failed { reason, why, .. } => {
            now.standing.fail(*reason);
            now.standing.failing.replace(why.clone())
        }
    };
    drop(now);
    match (before, outcome) {
        (Some(_), Outcome::Delivered) => log::info!("webhook {name} is delivered again"),
        (before, Outcome::Refused { why } | Outcome::Failed { why, .. }) if before.as_ref() != Some(why) => {
            log::warn!("webhook {name}: {why}");
        }
        _ => {}
    }
}

/// Waits so long, or until something else is wanted; for ever, until there is more to send. Whether something else is wanted.
fn wait(desk: &Desk, long: Option<Duration>) -> bool {
    let until = long.map(|long| Instant::now() + long);
    let mut now = desk.now();
    loop {
        if now.changed || now.ended {
            return true;
        }
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        now = match left {
            None if now.more => return false,
            None => desk.stirred.wait(now).unwrap_or_else(PoisonError::into_inner),
            Some(Duration::ZERO) => return false,
            Some(left) => desk.stirred.wait_timeout(now, left).unwrap_or_else(PoisonError::into_inner).0,
        };
    }
}

/// Up to a quarter more: hosts that have failed together should not come back together.
fn with_jitter(pause: Duration) -> Duration {
    let mut byte = [0_u8];
    let _ = getrandom(&mut byte, GetRandomFlags::empty()); // without chance there is none
    pause + pause * byte[0].into() / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_longer_by_a_quarter_at_most() {
        let pauses: Vec<Duration> = (0..200).map(|_| with_jitter(LONGEST)).collect();
        assert!(pauses.iter().all(|pause| (LONGEST..LONGEST * 5 / 4).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
