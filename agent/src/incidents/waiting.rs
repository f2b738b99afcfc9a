//! Who waits for an answer, and the answer.

use std::collections::BTreeSet;

use agent_common::rules::BootNs;

use super::Incidents;
use crate::{
    api::{Answer, Code, Moved, Pending, Problem, Responder, Verb},
    daemon::{CallId, Effect},
};

/// How long a responder waits for the kernel's confirmation, if it does not say otherwise.
pub(super) const CONFIRM: BootNs = 3_000_000_000;

/// A call that is answered when what it asked for is done.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) call: CallId,
    /// Until then; later it is answered that it was not confirmed.
    pub(super) until: BootNs,
    /// After so long.
    patience: BootNs,
    /// The incidents whose effects are not done yet.
    pub(super) open: BTreeSet<u64>,
    pub(super) moved: Moved,
    pub(super) failed: Vec<String>,
}

impl Incidents {
    pub(super) fn wait(&mut self, call: CallId, verb: Verb, ids: &[u64], by: Responder, now: BootNs) {
        let incident = if let [id] = ids { Some(*id) } else { None };
        let whom: Vec<String> = ids
            .iter()
            .filter_map(|id| self.incidents.get(id))
            .map(|incident| incident.whom().to_string())
            .collect();
        let until = match verb {
            Verb::Freeze => incident.and_then(|id| self.incidents.get(&id)?.until),
            Verb::Approve => incident.and_then(|id| self.incidents.get(&id)?.approved_until),
            Verb::Off => self.off.and_then(|off| off.until),
            Verb::Deny
            | Verb::Thaw
            | Verb::Kill
            | Verb::Lease
            | Verb::Revoke
            | Verb::Reload
            | Verb::On
            | Verb::Selftest
            | Verb::Restore => None,
        };
        self.waiting.push(Waiting {
            call,
            until: now.saturating_add(self.patience),
            patience: self.patience,
            open: ids.iter().copied().collect(),
            moved: Moved {
                incident,
                verb,
                target: if incident.is_none() { "everything".to_owned() } else { whom.join(", ") },
                by,
                processes: Vec::new(),
                cgroups: 0,
                confirmed_us: None,
                until: until.map(|until| self.facts.wall(until)),
                left_alone: Vec::new(),
                pending: Vec::new(),
            },
            failed: Vec::new(),
        });
    }

    /// Of these nothing is to come: more people have to say so.
    pub(super) fn wait_for_nobody(&mut self, call: CallId, pending: &[Pending]) {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.call == call) {
            waiting.open.retain(|id| !pending.iter().any(|more| more.incident == *id));
            waiting.moved.pending = pending.to_vec();
        }
    }

    /// One incident of a call is done; the last one answers it.
    pub(super) fn done(&mut self, id: u64) -> Vec<Effect> {
        for waiting in &mut self.waiting {
            waiting.open.remove(&id);
        }
        self.answer_those(|waiting| waiting.open.is_empty())
    }

    pub(super) fn answer_those(&mut self, ready: impl Fn(&Waiting) -> bool) -> Vec<Effect> {
        let (ready, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(ready);
        self.waiting = waiting;
        let answer = |Waiting { call, moved, failed, open, patience, .. }: Waiting| {
            let answer = if !failed.is_empty() {
                Err(Problem::new(Code::Failed, failed.join("; ")))
            } else if open.is_empty() {
                Ok(Answer::Moved(moved))
            } else {
                let message =
                    format!("the kernel has not confirmed it within {} s", patience / 1_000_000_000);
                Err(Problem::new(Code::NotConfirmed, message)
                    .help(
                        "it is still under way: burstguard incidents --open shows how it stands; --wait waits longer",
                    ))
            };
            reply(call, answer)
        };
        ready.into_iter().map(answer).collect()
    }
}

pub(super) fn reply(call: CallId, answer: Result<Answer, Problem>) -> Effect {
    Effect::Reply(call, Box::new(answer))
}
