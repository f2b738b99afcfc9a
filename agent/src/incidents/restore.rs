//! What is put back of what an incident destroyed. A command does it, which root runs: the daemon writes down who, why and what came
//! of it, and says which of the account's operations are the incident's.

use std::sync::Arc;

use super::{
    Incidents,
    incident::{Cause, Decided, Incident},
    people::Order,
    views::decision,
    waiting::reply,
};
use crate::{
    api::{Answer, Decision, IncidentDetail, Problem, Restore, Restored, Span, Verb},
    daemon::{CallId, Effect, Facts},
    report::Event,
    store::{Entry, Past, Says, Step},
};

/// Which of its account's operations are an incident's.
pub(super) fn span(incident: &Incident, facts: &Facts) -> Option<Span> {
    if matches!(incident.cause, Cause::Attempt { .. } | Cause::Tampering(_)) {
        return None;
    }
    Some(Span {
        account: incident.names()?.to_owned(),
        boot: facts.about.boot.clone(),
        from_ns: incident.judged?,
        until_ns: incident.last,
        approved_until_ns: incident.approved_last,
    })
}

impl Incidents {
    /// Writes down that it is done, or what has come of it. It decides nothing: whatever waits goes on waiting.
    pub(super) fn restore(
        &mut self,
        call: CallId,
        id: u64,
        restore: Restore,
        order: Order<'_>,
        past: Past,
    ) -> Result<Vec<Effect>, Problem> {
        let mut told = vec![told(id, &restore, &order)];
        if restore.done.is_none() {
            told.push(Effect::Decided { verb: Verb::Restore, by: order.by.clone(), took: 0, processes: 0 });
        }
        let facts = Arc::clone(&self.facts);
        let decided = match self.incidents.get_mut(&id) {
            Some(incident) => decision(incident.restored(restore.done, &order), &facts),
            None => {
                let mut detail = past.shown.ok_or_else(|| self.not_in(past.is_read, id))?;
                let new = decision(&decided(restore.done, &order), &facts);
                let new = add_to(&mut detail, restore.done.is_some(), new);
                let says = Says::Incident(Step::Decided, detail);
                self.others.push(Entry { at: order.now, wall: facts.wall(order.now), says, carry: None });
                new
            }
        };
        told.push(reply(call, Ok(Answer::Decision(decided))));
        Ok(told)
    }
}

impl Incident {
    /// Is put back, or was.
    fn restored(&mut self, done: Option<Restored>, order: &Order<'_>) -> &Decided {
        let decided = decided(done, order);
        let open = |before: &Decided| before.outcome.is_empty() && before.by.is_same_user(&decided.by);
        let at = match self.restores.iter().rposition(open).filter(|_| done.is_some()) {
            Some(at) => {
                self.restores[at].outcome = decided.outcome;
                at
            }
            None => {
                self.restores.push(decided);
                self.restores.len() - 1
            }
        };
        &self.restores[at]
    }
}

/// The same of one that only the record has.
fn add_to(detail: &mut IncidentDetail, is_done: bool, new: Decision) -> Decision {
    let open = |before: &Decision| {
        before.verb == Verb::Restore && before.outcome.is_empty() && before.by.is_same_user(&new.by)
    };
    match detail.decisions.iter_mut().rev().find(|before| open(before)).filter(|_| is_done) {
        Some(before) => {
            before.outcome = new.outcome;
            before.clone()
        }
        None => {
            detail.decisions.push(new.clone());
            new
        }
    }
}

fn decided(done: Option<Restored>, order: &Order<'_>) -> Decided {
    Decided {
        at: order.now,
        verb: Verb::Restore,
        by: order.by.clone(),
        reason: order.reason.as_str().to_owned(),
        outcome: done.map(|done| done.to_string()).unwrap_or_default(),
    }
}

fn told(id: u64, restore: &Restore, order: &Order<'_>) -> Effect {
    let by = order.by.to_string();
    Effect::Report(match restore.done {
        None => Event::Restoring {
            incident: id,
            by,
            reason: order.reason.as_str().to_owned(),
            paths: restore.paths,
            to: restore.to.as_ref().map(ToString::to_string),
        },
        Some(Restored { back, over, left, failed }) => {
            Event::Restored { incident: id, by, back, over, left, failed }
        }
    })
}
