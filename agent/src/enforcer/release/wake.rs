//! Wakes calls that wait in the kernel. One signal is not enough: sent after a program has decided that the call waits and
//! before it has stopped the process, it is lost. So it is repeated until the kernel programs have judged the call again, or its
//! thread has given it up.

use std::time::{Duration, Instant};

use super::{Going, Release, abandoned::Watched};
use crate::{
    processes::{
        proc::{self, Process, ProcessId},
        thread::Doing,
    },
    sensor::{HeldCall, Member, Waiting},
};

/// The first wait between two signals, which doubles.
const FIRST: Duration = Duration::from_millis(5);
/// The longest. Every signal has each thread of the process judged again, and too many within a second are refused.
const LONGEST: Duration = Duration::from_secs(1);
/// How long a decision is carried out: a process that has not heard it by then is frozen, or its CPU is.
pub(crate) const DECIDED: Duration = Duration::from_mins(10);

/// What has become of calls that were woken.
pub(crate) struct Woken {
    /// What was continued.
    pub(crate) going: Going,
    /// The calls that still wait.
    pub(crate) left: Vec<HeldCall>,
    /// The processes of those that were given up. The kernel programs do not know that these go on.
    pub(crate) given_up: Vec<ProcessId>,
}

impl Release {
    /// Continues each, again and again until no call is among those that are `waiting`, or its thread has ended or given it up;
    /// for so long at most. `members` are the processes of the calls.
    #[expect(clippy::disallowed_methods, reason = "called where nothing else is kept waiting")]
    pub(crate) fn wake(
        self,
        calls: &[HeldCall],
        members: &[Member],
        waiting: &impl Waiting,
        longest: Duration,
    ) -> Woken {
        let began = Instant::now();
        let mut left: Vec<Watched<'_>> = calls.iter().map(Watched::new).collect();
        // In what they are stopped.
        for watched in &mut left {
            let _ = look(watched, waiting, began); // nothing is decided by the first look
        }
        let mut going = self.begin();
        let mut given_up = Vec::new();
        let mut pause = FIRST;
        loop {
            let of = |call: &HeldCall| {
                members.iter().filter(|member| member.id() == call.process).copied().collect::<Vec<_>>()
            };
            left.retain_mut(|watched| {
                let now = look(watched, waiting, began);
                if matches!(now, Now::GivenUp) {
                    forget(watched.call, waiting);
                    given_up.push(watched.call.process);
                    going.add(Self::plan(&of(watched.call)).begin());
                }
                matches!(now, Now::Waits)
            });
            if left.is_empty() || began.elapsed() > longest {
                let left = left.into_iter().map(|watched| watched.call.clone()).collect();
                return Woken { going, left, given_up };
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST);
            let again: Vec<Member> = left.iter().flat_map(|watched| of(watched.call)).collect();
            // A wrapper may have stopped itself only now.
            going.add(Self::plan(&again).begin());
        }
    }
}

/// How it stands with a call.
enum Now {
    Waits,
    /// It was judged again, though it may wait on, or its thread has ended.
    Decided,
    GivenUp,
}

fn look(watched: &mut Watched<'_>, waiting: &impl Waiting, began: Instant) -> Now {
    let call = watched.call;
    let doing = || Doing::look(call.process.pid, call.tid).filter(|_| is_there(call));
    let Some((judged, doing)) = waiting.judged(call).and_then(|judged| Some((judged, doing()?))) else {
        return Now::Decided;
    };
    if watched.gives_up(judged, doing, began.elapsed()) {
        return Now::GivenUp;
    }
    if watched.waits_on() { Now::Decided } else { Now::Waits }
}

fn forget(call: &HeldCall, waiting: &impl Waiting) {
    if let Err(error) = waiting.give_up(call) {
        log::error!("thread {} has given its call up, and is shown as if it waited: {error}", call.tid);
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

/// Whether the process is still the one whose call it was.
fn is_there(call: &HeldCall) -> bool {
    proc::stat(call.process.pid).is_some_and(|now| now.start == call.process.start)
}

#[cfg(test)]
pub(super) mod tests {
    use std::{cell::Cell, process::Command};

    use agent_common::rules::Kinds;
    use rustix::process::Signal;

    use super::*;
    use crate::{
        enforcer::pidfd::Handle,
        sensor::{Judged, MapError},
    };

    pub(in super::super) fn call(process: ProcessId) -> HeldCall {
        let (path, names) = (Vec::new(), Vec::new());
        HeldCall {
            tid: process.pid,
            process,
            parent: 1,
            account: 1,
            at: 1,
            kinds: Kinds::NONE,
            command: false,
            path,
            names,
        }
    }

    fn member(ProcessId { pid, start }: ProcessId) -> Member {
        Member { pid, start, account: 1, stopped: true, stopped_ancestors: 0, grant: 0 }
    }

    /// Calls wait as long as this says so, at each look.
    struct While<F>(F);

    impl<F: Fn() -> bool> Waiting for While<F> {
        fn judged(&self, _: &HeldCall) -> Option<Judged> {
            (self.0)().then_some(Judged::NEVER)
        }

        fn give_up(&self, call: &HeldCall) -> Result<(), MapError> {
            panic!("{call:?} was not given up")
        }
    }

    /// Stops it again, as a program does that decided before it heard of the decision.
    #[test]
    fn a_signal_that_is_lost_is_sent_again() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep");
        let id = proc::process(child.id()).expect("the child").id();
        let handle = Handle::open(id).expect("the child");
        handle.signal(Signal::STOP).expect("a signal");
        let looks = Cell::new(0);
        let waits = || {
            looks.set(looks.get() + 1);
            if looks.get() < 4 {
                handle.signal(Signal::STOP).expect("a signal");
            }
            looks.get() < 5 || proc::process(id.pid).expect("the child").stopped
        };
        let Woken { going, left, .. } =
            Release::plan(&[member(id)]).wake(&[call(id)], &[member(id)], &While(waits), DECIDED);
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
        let always = While(|| true);
        let Woken { going, left, .. } =
            Release::plan(&[member(id)]).wake(&[call(id)], &[member(id)], &always, DECIDED);
        assert_eq!((going.pids().count(), left), (0, Vec::new()));
    }

    #[test]
    fn a_call_that_never_goes_on_is_left() {
        let id = proc::process(std::process::id()).expect("we").id();
        let longest = Duration::from_millis(20);
        let Woken { going, left, .. } = Release::plan(&[]).wake(&[call(id)], &[], &While(|| true), longest);
        assert_eq!((going.pids().count(), left), (0, vec![call(id)]));
    }
}
