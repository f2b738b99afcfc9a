//! Wakes calls that wait in the kernel. One signal is not enough: sent after a program has decided that the call waits and
//! before it has stopped the process, it is lost. So it is repeated until the kernel programs have judged the call again.

use std::time::{Duration, Instant};

use super::{Going, Release};
use crate::{
    processes::proc::{self, Process},
    sensor::{HeldCall, Member},
};

/// The first wait between two signals, which doubles.
const FIRST: Duration = Duration::from_millis(5);
/// The longest. Every signal has each thread of the process judged again, and too many within a second are refused.
const LONGEST: Duration = Duration::from_secs(1);
/// How long a decision is carried out: a process that has not heard it by then is frozen, or its CPU is.
pub(crate) const DECIDED: Duration = Duration::from_mins(10);

impl Release {
    /// Continues each, again and again until no call is among those that `wait`, or its thread has ended; for so long at most.
    /// `members` are the processes of the calls. What was continued, and the calls that still wait.
    #[expect(clippy::disallowed_methods, reason = "called where nothing else is kept waiting")]
    pub(crate) fn wake(
        self,
        calls: &[HeldCall],
        members: &[Member],
        waits: impl Fn(&HeldCall) -> bool,
        longest: Duration,
    ) -> (Going, Vec<HeldCall>) {
        let began = Instant::now();
        let mut going = self.begin();
        let mut left: Vec<&HeldCall> = calls.iter().collect();
        let mut pause = FIRST;
        loop {
            left.retain(|call| waits(call) && is_there(call));
            if left.is_empty() || began.elapsed() > longest {
                return (going, left.into_iter().cloned().collect());
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST);
            let of_left = |member: &&Member| left.iter().any(|call| call.process == member.id());
            let again: Vec<Member> = members.iter().filter(of_left).copied().collect();
            // A wrapper may have stopped itself only now.
            going.add(Self::plan(&again).begin());
        }
    }
}

impl Going {
    fn add(&mut self, other: Self) {
        let is_new = |process: &Process, all: &[Process]| !all.iter().any(|known| known.pid == process.pid);
        for process in other.0 {
            if is_new(&process, &self.0) {
                self.0.push(process);
            }
        }
    }
}

fn is_there(call: &HeldCall) -> bool {
    let HeldCall { tid, process, .. } = call;
    std::fs::exists(format!("/proc/{}/task/{tid}", process.pid)).unwrap_or(true)
        && proc::stat(process.pid).is_some_and(|now| now.start == process.start)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, process::Command};

    use agent_common::rules::Kinds;
    use rustix::process::Signal;

    use super::*;
    use crate::{enforcer::pidfd::Handle, processes::proc::ProcessId};

    fn call(process: ProcessId) -> HeldCall {
        let (path, names) = (Vec::new(), Vec::new());
        HeldCall { tid: process.pid, process, account: 1, at: 1, kinds: Kinds::NONE, path, names }
    }

    fn member(ProcessId { pid, start }: ProcessId) -> Member {
        Member { pid, start, account: 1, stopped: true, stopped_ancestors: 0, approval: 0 }
    }

    /// Stops it again, as a program does that decided before it heard of the decision.
    #[test]
    fn a_signal_that_is_lost_is_sent_again() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep");
        let id = proc::process(child.id()).expect("the child").id();
        let handle = Handle::open(id).expect("the child");
        handle.signal(Signal::STOP).expect("a signal");
        let looks = Cell::new(0);
        let waits = |_: &HeldCall| {
            looks.set(looks.get() + 1);
            if looks.get() < 3 {
                handle.signal(Signal::STOP).expect("a signal");
            }
            looks.get() < 4 || proc::process(id.pid).expect("the child").stopped
        };
        let (going, left) = Release::plan(&[member(id)]).wake(&[call(id)], &[member(id)], waits, DECIDED);
        let stopped = proc::process(id.pid).expect("the child").stopped;
        handle.signal(Signal::KILL).expect("a signal");
        child.wait().expect("its status");
        assert!(!stopped && left.is_empty(), "{left:?}");
        assert_eq!(going.pids().collect::<Vec<_>>(), [id.pid]);
    }

    #[test]
    fn a_thread_that_has_ended_is_not_waited_for() {
        let mut child = Command::new("true").spawn().expect("true");
        let id = proc::process(child.id()).expect("the child").id();
        child.wait().expect("its status");
        let (going, left) = Release::plan(&[member(id)]).wake(&[call(id)], &[member(id)], |_| true, DECIDED);
        assert_eq!((going.pids().count(), left), (0, Vec::new()));
    }

    #[test]
    fn a_call_that_never_goes_on_is_given_up() {
        let id = proc::process(std::process::id()).expect("we").id();
        let (going, left) = Release::plan(&[]).wake(&[call(id)], &[], |_| true, Duration::from_millis(20));
        assert_eq!((going.pids().count(), left), (0, vec![call(id)]));
    }
}
