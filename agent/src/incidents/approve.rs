//! Decisions about calls that wait: that they may happen, and how much more, or that they fail.

use std::{collections::BTreeSet, time::Duration};

use agent_common::rules::BootNs;

use super::{
    Incidents,
    decide::{already, no_incident},
    incident::Incident,
    nanoseconds,
    people::{Agreed, Heard, How, Order},
    stage::{Closed, Stage},
};
use crate::{
    api::{Bytes, Code, Problem, Reason, Responder, Scope, Verb},
    daemon::{CallId, Effect, Leave, Within},
    policy::Then,
    sensor::LONGEST_PATH,
};

/// For how long what is approved may go on, if nothing else is said.
pub(super) const USUAL: Duration = Duration::from_hours(1);

impl Incidents {
    pub(super) fn approve(
        &mut self,
        id: u64,
        scope: Scope,
        order: Order<'_>,
    ) -> Result<Vec<Effect>, Problem> {
        let scope = match self.proposed(id, &scope)? {
            Some(scope) => return self.let_go_on(&[id], &How::Approve(scope), order),
            None => scope,
        };
        self.waits_in_calls(id, Verb::Approve)?;
        self.within(&scope.trees)?;
        self.let_go_on(&[id], &How::Approve(scope), order)
    }

    /// Lets go on what waits in these, as soon as as many people have said so as it takes.
    pub(super) fn let_go_on(
        &mut self,
        ids: &[u64],
        how: &How,
        order: Order<'_>,
    ) -> Result<Vec<Effect>, Problem> {
        let (mut effects, mut pending, mut verb) = (Vec::new(), Vec::new(), how.verb());
        for id in ids {
            match self.say(*id, how.clone(), &order)? {
                Heard::Enough(agreed) => {
                    effects.extend(self.go_on(*id, &agreed, &order.by, order.reason.as_str(), order.now)?);
                    verb = if ids.len() == 1 { agreed.how.verb() } else { verb };
                }
                Heard::TooFew(more, said) => {
                    effects.push(Effect::Report(said));
                    pending.push(more);
                }
            }
        }
        self.wait(order.call, verb, ids, order.by, order.now);
        self.wait_for_nobody(order.call, &pending);
        effects.extend(self.answer_those(|waiting| waiting.call == order.call && waiting.open.is_empty()));
        Ok(effects)
    }

    /// An incident goes on as was agreed.
    pub(super) fn go_on(
        &mut self,
        id: u64,
        agreed: &Agreed,
        by: &Responder,
        reason: &str,
        now: BootNs,
    ) -> Result<Vec<Effect>, Problem> {
        match &agreed.how {
            How::Approve(scope) if self.is_proposed(id) => {
                let effect = self.put_into_force(id, scope, by.clone(), reason, None, now)?;
                Ok(effect.into_iter().collect())
            }
            How::Approve(scope) => {
                let account = self.incidents.get(&id).and_then(Incident::account).map(str::to_owned);
                let account = account.ok_or_else(|| no_incident(id))?;
                let mut effect = self.approved(id, account, scope, by, reason, now)?;
                if let Effect::Approve { leave, .. } = &mut effect {
                    leave.seen = agreed.seen;
                }
                Ok(vec![effect])
            }
            How::Thaw => {
                self.decide(id, Verb::Thaw, by, reason, now)?;
                Ok(self.thawed(id, now))
            }
        }
    }

    pub(super) fn deny(
        &mut self,
        call: CallId,
        id: u64,
        by: Responder,
        reason: &Reason,
        now: BootNs,
    ) -> Result<Vec<Effect>, Problem> {
        let account = self.waits_in_calls(id, Verb::Deny)?;
        self.decide(id, Verb::Deny, &by, reason.as_str(), now)?;
        self.wait(call, Verb::Deny, &[id], by, now);
        Ok(vec![Effect::Deny { incident: id, account }])
    }

    /// Nobody has decided in time.
    pub(super) fn undecided(&mut self, id: u64, then: Then, now: BootNs) -> Option<Effect> {
        let account = self.incidents.get(&id)?.account()?.to_owned();
        let (by, reason) = (Responder::Deadline, "nobody decided in time");
        let effect = match then {
            Then::Approve => self.approved(id, account, &Scope::default(), &by, reason, now),
            Then::Deny => {
                self.decide(id, Verb::Deny, &by, reason, now).map(|()| Effect::Deny { incident: id, account })
            }
        };
        effect.ok()
    }

    /// The account of an incident whose calls wait; else why this cannot be decided about it.
    fn waits_in_calls(&self, id: u64, verb: Verb) -> Result<String, Problem> {
        let incident = self.incidents.get(&id).ok_or_else(|| self.missing(id))?;
        if !incident.admits(verb) {
            return Err(already(incident, &self.facts));
        }
        let account = incident.account().filter(|_| incident.then.is_some());
        let account = account.ok_or_else(|| after_the_fact(id, verb))?;
        let held = self.facts.account(account).is_some_and(|account| !account.held.is_empty());
        if !held && incident.stage == Stage::Held {
            let over = Incident {
                stage: Stage::Closed { at: self.facts.now, how: Closed::Gone },
                ..incident.clone()
            };
            return Err(already(&over, &self.facts));
        }
        Ok(account.to_owned())
    }

    fn approved(
        &mut self,
        id: u64,
        account: String,
        scope: &Scope,
        by: &Responder,
        reason: &str,
        now: BootNs,
    ) -> Result<Effect, Problem> {
        // First what may be refused: what is decided is carried out.
        let whole = self.within(&scope.trees)?;
        self.decide(id, Verb::Approve, by, reason, now)?;
        let until = now.saturating_add(nanoseconds(scope.until.unwrap_or(USUAL)));
        let arm = self.account_of(id).is_some();
        let incident = self.incidents.get_mut(&id).ok_or_else(|| no_incident(id))?;
        incident.approved_until = (!scope.once).then_some(until);
        let within: BTreeSet<Within> = shown(incident).chain(whole).collect();
        let leave = Leave {
            once: scope.once,
            until,
            seen: None,
            allowance: scope.budget.clone(),
            within: within.into_iter().collect(),
        };
        Ok(Effect::Approve { incident: id, account, arm, leave })
    }
}

/// The directories of the acts that the incident shows; a path that was cut off does not tell its own.
fn shown(incident: &Incident) -> impl Iterator<Item = Within> + '_ {
    incident.acts.iter().filter_map(|act| {
        let (tree, path) = (act.tree.as_ref()?, act.path.as_bytes());
        let directory = path.iter().rposition(|byte| *byte == b'/').map_or(&[][..], |end| &path[..end]);
        let Bytes::Text(tree) = tree else { return None };
        (path.len() < LONGEST_PATH).then(|| Within { tree: tree.into(), path: directory.to_vec() })
    })
}

fn after_the_fact(id: u64, verb: Verb) -> Problem {
    let message = format!("no call of incident {id} waits, so there is none to {}", verb.word());
    Problem::new(Code::Invalid, message)
        .help(format!("what was stopped or frozen goes on after: burstguard thaw {id}"))
}
