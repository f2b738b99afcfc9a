//! Calls that their thread has given up without making them again: it has jumped out of a handler for SIGCONT, or the call fails
//! now before any of our programs is asked, because its file is gone. Nobody judges such a call, so what waits for it would wait
//! for ever.
//!
//! To take a call for given up that is not does no harm to a file: when it comes, it is a new call, judged by what was decided.
//! Only that exactly this one may happen is lost, and then it waits anew.

use std::time::Duration;

use crate::{
    processes::thread::{Call, Doing},
    sensor::{HeldCall, Judged},
};

/// For how long a thread must have been seen to do something else: longer than handlers for SIGCONT take that redraw a screen.
const LONG_ENOUGH: Duration = Duration::from_millis(500);
/// How often.
const OFTEN_ENOUGH: u32 = 3;

/// A call that waits, and what its thread was seen to do.
pub(super) struct Watched<'a> {
    pub(super) call: &'a HeldCall,
    judged: Option<Judged>,
    /// How often it was seen to have been judged again.
    again: u32,
    /// In what it was stopped last.
    stopped_in: Option<Call>,
    user_time: Option<u64>,
    /// Since when it does something else, and how often that was seen.
    elsewhere: Option<(Duration, u32)>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(call: &'a HeldCall) -> Self {
        Self { call, judged: None, again: 0, stopped_in: None, user_time: None, elsewhere: None }
    }

    /// Looks once more, at this time: whether the call is given up.
    pub(super) fn gives_up(&mut self, judged: Judged, doing: Doing, at: Duration) -> bool {
        let before = self.judged.replace(judged);
        let again = before != Some(judged);
        self.again += u32::from(again && before.is_some());
        let worked = self.user_time.replace(doing.user_time).is_some_and(|before| doing.user_time > before);
        if again || doing.stopped {
            self.elsewhere = None;
            if doing.stopped {
                self.stopped_in = Some(doing.call);
            }
            return false;
        }
        match doing.call {
            // Of one that was never seen to be stopped it is not known in what. It runs, and was not judged again.
            Call::In(_) if self.stopped_in.as_ref() == Some(&doing.call) => self.elsewhere = None,
            Call::In(_) => self.see(at),
            // Begun anew, the call is the kernel's work from its first moment on.
            Call::Running if worked => self.see(at),
            Call::Running | Call::Unknown => {}
        }
        self.elsewhere
            .is_some_and(|(since, times)| times >= OFTEN_ENOUGH && at.saturating_sub(since) >= LONG_ENOUGH)
    }

    /// Whether it was decided that it waits on: what was approved was not for it, or the budget is used up again. The first
    /// time it may have been judged by what had been decided before.
    pub(super) fn waits_on(&self) -> bool {
        self.again >= 2
    }

    fn see(&mut self, at: Duration) {
        let (since, times) = self.elsewhere.unwrap_or((at, 0));
        self.elsewhere = Some((since, times + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::wake::tests::call, *};
    use crate::processes::proc::ProcessId;

    fn doing(stopped: bool, call: Call) -> Doing {
        Doing { stopped, call, user_time: 7 }
    }

    #[test]
    fn what_is_judged_again_and_again_waits_on() {
        let call = call(ProcessId { pid: 7, start: 1 });
        let mut watched = Watched::new(&call);
        for (judged, expected) in [(1, false), (1, false), (2, false), (2, false), (3, true)] {
            assert!(!watched.gives_up(Judged::times(judged), stopped("87"), Duration::ZERO));
            assert_eq!(watched.waits_on(), expected, "{judged}");
        }
    }

    fn in_call(line: &str) -> Doing {
        doing(false, Call::In(line.to_owned()))
    }

    fn stopped(line: &str) -> Doing {
        doing(true, Call::In(line.to_owned()))
    }

    fn worked(user_time: u64) -> Doing {
        Doing { user_time, ..doing(false, Call::Running) }
    }

    /// A look every 200 ms; at which of them the call is given up.
    fn given_up_at(looks: &[Doing]) -> Option<usize> {
        given_up_when(looks.iter().map(|doing| (Judged::NEVER, doing.clone())))
    }

    fn given_up_when(looks: impl Iterator<Item = (Judged, Doing)>) -> Option<usize> {
        let call = call(ProcessId { pid: 7, start: 1 });
        let mut watched = Watched::new(&call);
        let mut looks = (0_u64..).zip(looks);
        looks.position(|(at, (judged, doing))| {
            watched.gives_up(judged, doing, Duration::from_millis(200 * at))
        })
    }

    #[test]
    fn who_does_something_else_for_a_while_has_given_it_up() {
        let mut looks =
            vec![stopped("unlink"), in_call("read"), in_call("write"), in_call("read"), in_call("read")];
        assert_eq!(given_up_at(&looks), Some(4));
        // Three looks at once are none of a while, and two in a while are not often.
        looks.truncate(4);
        assert_eq!(given_up_at(&looks), None);
        let works = [stopped("unlink"), worked(7), worked(8), worked(9), worked(9), worked(11)];
        assert_eq!(given_up_at(&works), Some(5));
    }

    #[test]
    fn who_was_not_stopped_and_is_not_judged_has_given_it_up() {
        assert_eq!(given_up_at(&vec![in_call("read"); 9]), Some(4));
    }

    /// It is frozen, or waits for a lock or a disk on its way.
    #[test]
    fn who_is_in_the_same_call_has_not() {
        let mut looks = vec![stopped("unlink")];
        looks.extend(vec![in_call("unlink"); 20]);
        assert_eq!(given_up_at(&looks), None);
        // Stopped elsewhere in between by somebody else, and back.
        let handler =
            [stopped("unlink"), in_call("write"), in_call("write"), in_call("unlink"), in_call("write")];
        assert_eq!(given_up_at(&handler), None);
    }

    #[test]
    fn who_is_stopped_or_waits_for_a_cpu_has_not() {
        for doing in [stopped("unlink"), worked(7), doing(false, Call::Unknown)] {
            let mut looks = vec![stopped("unlink")];
            looks.extend(vec![doing; 20]);
            assert_eq!(given_up_at(&looks), None);
        }
    }

    #[test]
    fn who_is_judged_again_has_not() {
        let looks = (0..20).map(|judged| (Judged::times(judged), in_call("read")));
        assert_eq!(given_up_when(looks), None);
    }
}
