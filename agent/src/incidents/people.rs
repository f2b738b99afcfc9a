//! What takes more than one person: to let go on what waits. To refuse it, one is enough.

use std::time::Duration;

use agent_common::rules::BootNs;
use serde::{Deserialize, Serialize};

use super::{
    Incidents,
    approve::USUAL,
    incident::{Cause, Decided, Incident},
    stage::{Open, Stage},
};
use crate::{
    api::{Approval, Approvals, Bytes, Code, Pending, Problem, Reason, Responder, Scope, Target, Verb},
    daemon::{CallId, Effect, Facts},
    report::Event,
};

/// Who asks for something, and why.
#[derive(Clone, Debug)]
pub(super) struct Order<'a> {
    pub(super) call: CallId,
    pub(super) by: Responder,
    /// Who that is: a person counts once, whatever user it has become.
    pub(super) person: u32,
    pub(super) reason: &'a Reason,
    pub(super) now: BootNs,
}

/// Somebody has said that what waits may go on.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Said {
    at: BootNs,
    person: u32,
    by: Responder,
    reason: String,
    how: How,
}

/// How what waits may go on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum How {
    Approve(Scope),
    Thaw,
}

/// What it has come to when as many people have said so as it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) how: How,
    /// When the first of them said so: what waits since then was not shown to all.
    pub(super) seen: Option<BootNs>,
}

/// What is to be done now that somebody has said so.
#[derive(Debug)]
pub(super) enum Heard {
    Enough(Agreed),
    /// Nothing yet; this is to be reported.
    TooFew(Pending, Event),
}

impl How {
    pub(super) fn verb(&self) -> Verb {
        match self {
            Self::Approve(_) => Verb::Approve,
            Self::Thaw => Verb::Thaw,
        }
    }

    /// What both allow. A thaw gives a whole budget and no place, an approval a place and no budget: they have the calls that wait in
    /// common, and nothing else.
    fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Thaw, Self::Thaw) => Self::Thaw,
            (Self::Approve(one), Self::Approve(other)) => Self::Approve(smaller(one, other)),
            (Self::Approve(_), Self::Thaw) | (Self::Thaw, Self::Approve(_)) => Self::Approve(Scope::once()),
        }
    }
}

fn smaller(one: &Scope, other: &Scope) -> Scope {
    if one.once || other.once {
        return Scope::once();
    }
    let span = |scope: &Scope| scope.until.unwrap_or(USUAL);
    let until = (one.until.is_some() || other.until.is_some()).then(|| span(one).min(span(other)));
    Scope {
        once: false,
        until,
        trees: one.trees.iter().filter(|tree| other.trees.contains(tree)).cloned().collect(),
        budget: match (&one.budget, &other.budget) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.clone().or_else(|| other.clone()),
        },
    }
}

impl Scope {
    fn once() -> Self {
        Self { once: true, ..Self::default() }
    }
}

impl Facts {
    /// How many people it takes to let go on what waits.
    fn people(&self) -> usize {
        usize::from(self.about.approvals.max(1))
    }
}

impl Incident {
    /// Whether something waits in it that the policy has stopped, not a person; or a lease that one person alone may not give. Who has frozen what an earlier daemon left, nobody
    /// knows.
    fn is_the_policys(&self) -> bool {
        let waits = matches!(self.stage.open(), Some(Open::Held | Open::Stopped | Open::Frozen { .. }));
        let cause = match &self.cause {
            Cause::Burst { .. } | Cause::Escape { .. } | Cause::Found { .. } => true,
            Cause::Left { target } => matches!(target, Target::Account(_)),
            Cause::Freeze { .. } | Cause::Attempt { .. } | Cause::Tampering(_) | Cause::Lease(_) => false,
        };
        waits && cause || self.stage == Stage::Proposed
    }

    /// Who has said that it may go on; none if one person is enough.
    pub(super) fn approvals(&self, facts: &Facts) -> Option<Approvals> {
        let needed = facts.people();
        (needed > 1 && self.is_the_policys()).then(|| Approvals {
            needed: needed as u64,
            given: self.said.iter().map(|said| said.view(facts)).collect(),
        })
    }

    fn agreed(&self) -> Option<Agreed> {
        let how = self.said.iter().map(|said| said.how.clone()).reduce(|all, one| all.and(&one))?;
        Some(Agreed { how, seen: self.said.iter().map(|said| said.at).min() })
    }
}

impl Said {
    /// Whether it is what was written down as this decision.
    pub(super) fn is(&self, decided: &Decided) -> bool {
        (self.at, &self.by, self.how.verb()) == (decided.at, &decided.by, decided.verb)
    }

    fn view(&self, facts: &Facts) -> Approval {
        let Self { at, person, by, reason, how } = self;
        let scope = if let How::Approve(scope) = how { scope.clone() } else { Scope::default() };
        Approval {
            at: facts.wall(*at),
            by: by.clone(),
            person: *person,
            verb: how.verb(),
            reason: reason.clone(),
            once: scope.once,
            for_s: scope.until.as_ref().map(Duration::as_secs),
            trees: scope.trees.iter().map(|tree| Bytes::from(tree.as_path())).collect(),
            budget: scope.budget,
        }
    }
}

impl Incidents {
    /// Somebody says that an incident may go on, of which that can be said.
    pub(super) fn say(&mut self, id: u64, how: How, order: &Order<'_>) -> Result<Heard, Problem> {
        let Order { by, person, reason, now, .. } = order;
        let needed = self.facts.people();
        let missing = self.missing(id);
        let incident = self.incidents.get_mut(&id).ok_or(missing)?;
        if needed == 1 || !incident.is_the_policys() {
            return Ok(Heard::Enough(Agreed { how, seen: None }));
        }
        if let Some(before) = incident.said.iter().find(|said| said.person == *person) {
            return Err(twice(id, before, incident.said.len(), &self.facts));
        }
        let (verb, reason) = (how.verb(), reason.as_str().to_owned());
        let said = Said { at: *now, person: *person, by: by.clone(), reason: reason.clone(), how };
        incident.said.push(said);
        let given = incident.said.len();
        if given >= needed
            && let Some(agreed) = incident.agreed()
        {
            return Ok(Heard::Enough(agreed));
        }
        incident.decisions.push(Decided {
            at: *now,
            verb,
            by: by.clone(),
            reason: reason.clone(),
            outcome: format!("{given} of {needed}: nothing goes on yet"),
        });
        let target = incident.whom().to_string();
        let (given, needed) = (given as u64, needed as u64);
        let event = Event::Approval { incident: id, verb, target, by: by.to_string(), reason, given, needed };
        Ok(Heard::TooFew(Pending { incident: id, given, needed }, event))
    }

    /// Whether this person has said already that it may go on.
    pub(super) fn has_said(&self, id: u64, person: u32) -> Option<Problem> {
        let said = &self.incidents.get(&id)?.said;
        let before = said.iter().find(|said| said.person == person)?;
        Some(twice(id, before, said.len(), &self.facts))
    }

    /// A policy that wants fewer people may find that enough have said so.
    pub(super) fn carry_out_what_is_agreed(&mut self, now: BootNs) -> Vec<Effect> {
        let needed = self.facts.people();
        let enough = |incident: &&Incident| incident.is_the_policys() && incident.said.len() >= needed.max(1);
        let agreed: Vec<(u64, Agreed)> = self
            .incidents
            .values()
            .filter(enough)
            .filter_map(|incident| Some((incident.id, incident.agreed()?)))
            .collect();
        let why = "as many people as the policy wants now have said so";
        let carry_out = |(id, agreed)| self.go_on(id, &agreed, &Responder::Policy, why, now).ok();
        agreed.into_iter().filter_map(carry_out).flatten().collect()
    }
}

fn twice(id: u64, before: &Said, given: usize, facts: &Facts) -> Problem {
    let Said { at, by, reason, how, .. } = before;
    let message = format!(
        "incident {id} waits for another person: {by} has {} it already, at {}, reason {reason:?}; {given} of {}",
        how.verb().past(),
        facts.wall(*at).strftime("%FT%TZ"),
        facts.people(),
    );
    Problem::new(Code::AlreadyDecided, message).help(format!(
        "somebody else with the role \"respond\" has to say so too: burstguard {} {id}; to refuse, one is enough",
        how.verb().word()
    ))
}
