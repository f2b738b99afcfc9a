//! What an account did of late, while it has no incident.

use std::collections::VecDeque;

use agent_common::rules::{BootNs, Kinds};

use super::incident::{ACTS, Act, Incident};

/// The acts of an account that came last, which a burst looks back on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    /// All of them, as far as there is room: when they were done, when they were judged, and what they were.
    kinds: VecDeque<(BootNs, BootNs, Kinds)>,
    /// The last of them, whole.
    acts: VecDeque<Act>,
}

impl Recent {
    /// The largest budget there may be, twice.
    const ROOM: usize = 2048;

    pub(crate) fn push(&mut self, act: Act) {
        self.kinds.keep_last(Self::ROOM - 1);
        self.kinds.push_back((act.at, act.judged, act.kinds));
        self.acts.keep_last(ACTS - 1);
        self.acts.push_back(act);
    }

    /// What was done until then is of no burst any more.
    pub(crate) fn forget_until(&mut self, until: BootNs) {
        self.kinds.retain(|(at, ..)| *at > until);
        self.acts.retain(|act| act.at > until);
    }

    /// Hands the acts since a moment over to an incident.
    pub(crate) fn move_into(&mut self, incident: &mut Incident, since: BootNs) {
        let Self { kinds, acts } = std::mem::take(self);
        let whole = acts.into_iter().filter(|act| act.at >= since);
        let counted = kinds.into_iter().filter(|(at, ..)| *at >= since);
        for (at, judged, kinds) in counted {
            incident.count(at, judged, kinds);
        }
        incident.acts.extend(whole);
    }
}

trait KeepLast {
    fn keep_last(&mut self, most: usize);
}

impl<T> KeepLast for VecDeque<T> {
    fn keep_last(&mut self, most: usize) {
        while self.len() > most {
            self.pop_front();
        }
    }
}
