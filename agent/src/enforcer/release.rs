//! Lets stopped processes go on.
//!
//! sudo, runuser, nsenter, script and shells stop *themselves* when their child stops. So a release continues the
//! stopped ancestors of a stopped process as well, except those that had been stopped before it was; and outermost
//! first, because sudo with a terminal fails when its child goes on before it does.
//!
//! One pass is not enough: a wrapper that goes on may only now learn that its child had stopped, and stop itself. So the
//! release looks again until nothing that it continued is stopped any more.

mod abandoned;
mod wake;

pub(crate) use wake::{DECIDED, Woken};

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use rustix::process::Signal;

use super::pidfd::Handle;
use crate::{
    processes::proc::{self, Process},
    sensor::Member,
};

/// The waits between two looks. Wrappers react within a few milliseconds; the longer ones are for a busy host.
const LOOK_AGAIN_MS: [u64; 8] = [2, 5, 10, 20, 50, 100, 200, 500];
/// After how many looks in a row at which nothing was stopped the release is complete.
const QUIET_LOOKS: u32 = 3;

/// Continues the members that were stopped, and their wrappers; the pids that were continued. Blocks until they go on,
/// for a second at most.
pub(crate) fn release(members: &[Member]) -> Vec<u32> {
    let going = Release::plan(members).begin();
    let pids = going.pids().collect();
    going.settle(|| true);
    pids
}

/// The processes to continue, outermost first.
pub(crate) struct Release(Vec<Process>);

impl Release {
    /// As things stand now: a wrapper is found only while what it wraps is there.
    pub(crate) fn plan(members: &[Member]) -> Self {
        Self(order(members, proc::process))
    }

    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.0.iter()
    }

    /// Continues each.
    pub(crate) fn begin(self) -> Going {
        Going(self.0.into_iter().filter(resume).collect())
    }
}

/// Processes that were continued.
pub(crate) struct Going(Vec<Process>);

impl Going {
    pub(crate) fn pids(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().map(|process| process.pid)
    }

    /// Looks again until none of them is stopped any more, as long as they `may` go on: what is stopped for a new reason must
    /// stay so. Blocks for a second at most.
    #[expect(clippy::disallowed_methods, reason = "called where nothing else is kept waiting")]
    pub(crate) fn settle(self, may: impl Fn() -> bool) {
        let mut quiet = 0;
        for wait in LOOK_AGAIN_MS {
            if quiet == QUIET_LOOKS || self.0.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(wait));
            let stopped: Vec<_> = self.0.iter().filter(|process| is_stopped(process)).collect();
            quiet = if stopped.is_empty() { quiet + 1 } else { 0 };
            for process in stopped {
                if !may() {
                    return;
                }
                resume(process);
            }
        }
    }
}

fn is_stopped(process: &Process) -> bool {
    proc::process(process.pid).is_some_and(|now| now.start == process.start && now.stopped)
}

/// The processes to continue, outermost first: the members that were stopped, and those of their ancestors that are now. One
/// that runs is no end of it: the middle one of sudo's three processes does not stop.
///
/// Whether a member is stopped does not matter: one that was frozen, or waits for a CPU, stops only when it runs next. The
/// signal to go on takes back one that is still to come.
fn order(members: &[Member], now: impl Fn(u32) -> Option<Process>) -> Vec<Process> {
    // How far above a member it is, at most.
    let mut found: BTreeMap<u32, (u32, Process)> = BTreeMap::new();
    let mut add = |above: u32, process: Process| {
        let known = found.entry(process.pid).or_insert((above, process));
        known.0 = known.0.max(above);
    };
    for member in members.iter().filter(|member| member.stopped) {
        let Some(process) = now(member.pid).filter(|process| process.start == member.start) else {
            continue;
        };
        let mut parent = process.parent;
        add(0, process);
        for generation in 0..u32::BITS {
            if parent <= 1 || member.stopped_ancestors >> generation & 1 == 1 {
                break;
            }
            let Some(ancestor) = now(parent) else { break };
            parent = ancestor.parent;
            if ancestor.stopped {
                add(generation + 1, ancestor);
            }
        }
    }
    let mut ordered: Vec<(u32, Process)> = found.into_values().collect();
    ordered.sort_by_key(|(above, process)| (Reverse(*above), process.pid));
    ordered.into_iter().map(|(_, process)| process).collect()
}

fn resume(process: &Process) -> bool {
    Handle::open(process.id()).is_some_and(|handle| handle.signal(Signal::CONT).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> Process {
        Process { pid, parent, start: u64::from(pid), stopped: true, uid: 0, login: 0 }
    }

    fn member(pid: u32, stopped_ancestors: u32) -> Member {
        Member { pid, start: u64::from(pid), account: 1, stopped: true, stopped_ancestors, grant: 0 }
    }

    fn check(members: &[Member], stopped: &[Process], expected: &[u32]) {
        let pids: Vec<_> = order(members, |pid| stopped.iter().find(|process| process.pid == pid).copied())
            .into_iter()
            .map(|process| process.pid)
            .collect();
        assert_eq!(pids, expected);
    }

    #[test]
    fn wrappers_go_on_before_what_they_wrap() {
        // A shell runs sudo, sudo its monitor, the monitor rm; the pids say nothing about the order.
        check(&[member(50, 0)], &[process(50, 60), process(60, 70), process(70, 10)], &[70, 60, 50]);
    }

    #[test]
    fn what_was_stopped_before_stays_stopped() {
        check(&[member(50, 0b10)], &[process(50, 60), process(60, 70), process(70, 10)], &[60, 50]);
        check(&[member(50, 0b01)], &[process(50, 60), process(60, 70)], &[50]);
    }

    /// As under script: sudo, which has stopped itself, its monitor, which has not, and rm.
    #[test]
    fn a_wrapper_behind_one_that_runs_goes_on_first() {
        let running = Process { stopped: false, ..process(60, 70) };
        check(&[member(50, 0)], &[process(50, 60), running, process(70, 80), process(80, 10)], &[80, 70, 50]);
    }

    #[test]
    fn a_stop_that_is_still_to_come_is_taken_back() {
        check(&[member(50, 0)], &[Process { stopped: false, ..process(50, 1) }], &[50]);
    }

    #[test]
    fn two_children_of_one_wrapper() {
        check(
            &[member(50, 0), member(51, 0)],
            &[process(50, 60), process(51, 60), process(60, 9)],
            &[60, 50, 51],
        );
    }

    #[test]
    fn a_later_process_of_the_same_pid_is_left_alone() {
        let other = Process { start: 1, ..process(50, 60) };
        check(&[member(50, 0)], &[other], &[]);
        let running = Member { stopped: false, ..member(50, 0) };
        check(&[running], &[process(50, 60)], &[]);
    }
}
