//! Who started a process that is held, and has not stopped with it.
//!
//! A program that waits for its child without asking for stops knows nothing of the hold. One that asks hears that its child has
//! stopped: sudo, su and script stop themselves then, and a shell that controls jobs goes on with its next line.

use agent_common::rules::BootNs;

use super::{
    proc::{self, Process, TICK},
    view::comm,
};
use crate::api::{Above, Named, Whereabouts};

/// What has become of those above a process whose call waits since then, if they do not simply wait for it. `parent` was its parent,
/// and `before` says which of its ancestors were stopped already, the parent in bit 0.
pub(crate) fn above(held: &Process, parent: u32, before: u32, since: BootNs) -> Option<Above> {
    if held.parent != parent {
        let named = Named { pid: parent, comm: "".as_bytes().into() };
        return Some(Above { process: named, whereabouts: Whereabouts::Ended, started: Vec::new() });
    }
    let pid = goes_on(held.pid, before, look)?;
    let children = proc::processes().unwrap_or_default().into_iter().filter(|process| process.parent == pid);
    let started =
        children.filter(|child| child.pid != held.pid && may_have_started_since(child.start, since));
    let started = started.map(|process| named(process.pid)).collect();
    Some(Above { process: named(pid), whereabouts: Whereabouts::GoesOn, started })
}

/// Whether what started in this clock tick may have started after that instant: a shell takes less than a tick to go on, so what
/// started in the very tick of the hold is told as well.
fn may_have_started_since(tick: u64, since: BootNs) -> bool {
    tick >= since / TICK
}

fn named(pid: u32) -> Named {
    Named { pid, comm: comm(pid) }
}

/// What one look at a process tells.
#[derive(Clone, Copy, Debug)]
struct Seen {
    parent: u32,
    stopped: bool,
    /// Its parent has heard that it has stopped.
    heard: bool,
}

fn look(pid: u32) -> Option<Seen> {
    let stat = proc::stat(pid)?;
    Some(Seen { parent: stat.parent, stopped: stat.stopped(), heard: stat.seen_to_stop(pid) })
}

/// The ancestor that goes on: it has heard that what it waits for has stopped, and neither it nor anybody above it has stopped for
/// that. Of sudo's processes the middle one hears of it and runs on; the outer one stops.
fn goes_on(held: u32, before: u32, look: impl Fn(u32) -> Option<Seen>) -> Option<u32> {
    let mut below = look(held).filter(|held| held.stopped && held.heard)?;
    let mut found = None;
    for generation in 0..u32::BITS {
        let pid = below.parent;
        let stopped_before = before >> generation & 1 == 1;
        let Some(ancestor) = look(pid).filter(|_| pid > 1 && !stopped_before) else { break };
        below = ancestor;
        match (ancestor.stopped, ancestor.heard) {
            (true, true) => found = None,
            (true, false) => return None,
            (false, _) => found = found.or(Some(pid)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: (bool, bool) = (false, false);
    const HEARD: (bool, bool) = (true, true);
    const UNHEARD: (bool, bool) = (true, false);

    /// The held process, which is number 10, and its ancestors.
    fn check(chain: &[(bool, bool)], before: u32, expected: Option<u32>) {
        let look = |pid: u32| {
            let (stopped, heard) = *chain.get(pid.checked_sub(10)? as usize)?;
            Some(Seen { parent: pid + 1, stopped, heard })
        };
        assert_eq!(goes_on(10, before, look), expected, "{chain:?}");
    }

    #[test]
    fn who_hears_of_it_and_runs_has_gone_on() {
        check(&[HEARD, RUNS, RUNS], 0, Some(11));
        // Of sudo, which has stopped itself.
        check(&[HEARD, HEARD, RUNS], 0, Some(12));
    }

    #[test]
    fn who_has_not_heard_of_it_waits() {
        check(&[UNHEARD, RUNS], 0, None);
        check(&[HEARD, UNHEARD, RUNS], 0, None);
        check(&[RUNS, RUNS], 0, None);
    }

    /// sudo with a terminal: its monitor runs the command, and it itself waits for the monitor.
    #[test]
    fn one_in_the_middle_runs_for_the_outer_one() {
        check(&[HEARD, RUNS, UNHEARD, RUNS], 0, None);
        check(&[HEARD, RUNS, HEARD, RUNS], 0, Some(13));
    }

    #[test]
    fn what_starts_in_the_tick_of_the_hold_is_told() {
        let held_at = 700 * TICK + 4_000_000;
        assert!(!may_have_started_since(699, held_at));
        assert!(may_have_started_since(700, held_at));
        assert!(may_have_started_since(701, held_at));
    }

    #[test]
    fn who_was_stopped_before_goes_nowhere() {
        check(&[HEARD, HEARD, RUNS], 0b1, None);
        check(&[HEARD], 0, None);
    }
}
