//! What is written down of incidents and of what was decided, and when: at once if somebody decided or it stands otherwise, now
//! and then if only more of the same has happened.

use std::{
    mem::{Discriminant, discriminant},
    sync::Arc,
};

use agent_common::rules::BootNs;

use super::{
    Incidents,
    incident::{Cause, Incident},
    stage::Stage,
};
use crate::{
    api::{Decision, Responder, Verb},
    daemon::{CallId, Effect},
    store::{Entry, Says, Step},
};

/// How long counts may run ahead of the record.
const COUNTS: BootNs = 10_000_000_000;
/// How long one that is not over may stand in the record without having been written down again.
const DAY: BootNs = 86_400_000_000_000;
/// How many calls that wait are written down.
const HELD: usize = 32;

/// What of an incident is in the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mark {
    at: BootNs,
    stage: Discriminant<Stage>,
    cause: Discriminant<Cause>,
    decisions: usize,
    outcomes: usize,
    counts: [u64; 5],
}

impl Mark {
    pub(super) fn of(incident: &Incident, at: BootNs) -> Self {
        Self {
            at,
            stage: discriminant(&incident.stage),
            cause: discriminant(&incident.cause),
            decisions: incident.decided().count(),
            outcomes: incident.decided().filter(|decided| !decided.outcome.is_empty()).count(),
            counts: [
                incident.done,
                incident.refused,
                incident.approved,
                incident.last,
                incident.surveyed.len(),
            ],
        }
    }
}

impl Incident {
    /// What has come of it that is not in the record, which may be so far `behind` with counts.
    fn step(&self, now: BootNs, behind: BootNs) -> Option<Step> {
        let Some(before) = self.mark else { return Some(Step::Opened) };
        let is = Mark { at: before.at, ..Mark::of(self, now) };
        let closed = matches!(self.stage, Stage::Closed { .. }) && is.stage != before.stage;
        if is == before {
            // What may be carried on is not to be among what is pruned.
            (self.goes_on() && now >= before.at.saturating_add(DAY)).then_some(Step::Counted)
        } else if is.decisions > before.decisions {
            Some(Step::Decided)
        } else if closed {
            Some(Step::Closed)
        } else if (Mark { counts: before.counts, ..is }) != before {
            Some(Step::Moved)
        } else {
            (now >= before.at.saturating_add(behind)).then_some(Step::Counted)
        }
    }

    /// Whether a decision was made that nothing has come of yet, by somebody who wants to know that it is not lost. What the policy
    /// does at once waits for no disk.
    fn is_being_decided(&self) -> bool {
        let by_somebody = |by: &Responder| matches!(by, Responder::User { .. } | Responder::Deadline);
        let under_way = matches!(self.stage, Stage::Ending { .. } | Stage::Freezing { .. } | Stage::Leased);
        let last = self.decisions.last().filter(|last| by_somebody(&last.by));
        // Of two people the first is answered that it was heard; what it comes to is still to come.
        last.is_some_and(|last| {
            under_way && last.outcome.is_empty()
                || matches!(self.stage, Stage::Frozen { .. }) && last.verb == Verb::Freeze
                || self.said.last().is_some_and(|said| said.is(last))
        }) || self.restores.last().is_some_and(|last| last.outcome.is_empty())
    }
}

impl Incidents {
    /// The effects of an input, and that what has come of it is written down: what was decided first of all; and all of it if the
    /// daemon `ends`.
    pub(super) fn recorded(&mut self, effects: Vec<Effect>, now: BootNs, ends: bool) -> Vec<Effect> {
        let facts = Arc::clone(&self.facts);
        let wall = facts.wall(now);
        let mut first = self.orders.iter().any(|order| order.outcome.is_empty())
            || self.others.iter().any(|entry| matches!(entry.says, Says::Incident(Step::Decided, _)));
        let orders =
            self.orders.drain(..).map(|order| Entry { at: now, wall, says: Says::Order(order), carry: None });
        let mut entries: Vec<Entry> = orders.chain(self.others.drain(..)).collect();
        for incident in self.incidents.values_mut() {
            let Some(step) = incident.step(now, if ends { 0 } else { COUNTS }) else { continue };
            first |= matches!(step, Step::Opened | Step::Decided) && incident.is_being_decided();
            incident.mark = Some(Mark::of(incident, now));
            let mut detail = Self::whole(incident, &facts, Vec::new());
            detail.held.truncate(HELD);
            let step = match incident.stage {
                Stage::Closed { .. } if step == Step::Decided => Step::Closed,
                _ => step,
            };
            let says = Says::Incident(step, Box::new(detail));
            entries.push(Entry { at: now, wall, says, carry: incident.carry(now) });
        }
        match (entries.is_empty(), first) {
            (true, _) => effects,
            (false, true) => vec![Effect::Record { entries, then: effects }],
            (false, false) => {
                let record = Effect::Record { entries, then: Vec::new() };
                std::iter::once(record).chain(effects).collect()
            }
        }
    }

    /// Somebody decided what is about no incident; its outcome is said by the same call.
    pub(super) fn order(
        &mut self,
        call: Option<CallId>,
        verb: Verb,
        by: Responder,
        reason: &str,
        now: BootNs,
    ) {
        let order = Decision {
            at: self.facts.wall(now),
            verb,
            by,
            reason: reason.to_owned(),
            outcome: String::new(),
        };
        self.orders.push(order.clone());
        self.ordered.insert(call, order);
    }

    /// The same, when it is carried out at once: it waits for no disk.
    pub(super) fn order_carried_out(
        &mut self,
        verb: Verb,
        by: Responder,
        reason: &str,
        outcome: String,
        now: BootNs,
    ) {
        let at = self.facts.wall(now);
        self.orders.push(Decision { at, verb, by, reason: reason.to_owned(), outcome });
    }

    /// What has come of it.
    pub(super) fn order_done(&mut self, call: Option<CallId>, outcome: impl Into<String>) {
        if let Some(order) = self.ordered.remove(&call) {
            self.orders.push(Decision { outcome: outcome.into(), ..order });
        }
    }
}
