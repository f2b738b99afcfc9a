//! What becomes of leases: whether they are in force, and how they end.

use std::sync::Arc;

use agent_common::rules::BootNs;

use super::{
    super::{
        Incidents,
        decide::no_incident,
        facts::SETTLED,
        incident::{Cause, Incident},
        stage::{Closed, Stage},
        waiting::reply,
    },
    lease_view,
};
use crate::{
    api::{Answer, Code, Problem, Responder, Verb},
    daemon::{CallId, Effect, Facts, Touched},
    report::Event,
};

impl Incidents {
    /// Whether it is in force now the kernel's maps have said.
    pub(in super::super) fn on_leased(
        &mut self,
        call: Option<CallId>,
        id: u64,
        done: Result<(), String>,
        now: BootNs,
    ) -> Vec<Effect> {
        let facts = Arc::clone(&self.facts);
        let Some(incident) = self.incidents.get_mut(&id) else { return Vec::new() };
        let (stage, outcome) = match &done {
            Ok(()) => (Stage::Leased, "in force".to_owned()),
            Err(error) => (Stage::Closed { at: now, how: Closed::Gone }, format!("not in force: {error}")),
        };
        incident.stage = stage;
        let by = incident.decisions.last_mut().map_or(Responder::Before, |decided| {
            decided.outcome = outcome;
            decided.by.clone()
        });
        let Cause::Lease(lease) = &incident.cause else { return Vec::new() };
        let (account, what) = (lease.account.clone(), lease.to_string());
        let (event, answer) = match done {
            Ok(()) => {
                let until = incident.until.map(|until| facts.wall(until).strftime("%FT%TZ").to_string());
                let event = Event::Leased { incident: id, account, what, by: by.to_string(), until };
                (event, lease_view(incident, &facts).map(Answer::Lease).ok_or_else(|| no_incident(id)))
            }
            Err(error) => {
                let problem =
                    Problem::new(Code::Failed, format!("cannot lease {what} to {account}: {error}"));
                (Event::EffectFailed { incident: id, effect: "lease", error }, Err(problem))
            }
        };
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.open.contains(&id)) {
            waiting.failed.extend(answer.as_ref().err().map(|problem| problem.message.clone()));
            waiting.moved.confirmed_us = Some(0);
        }
        let reply = call.map(|call| reply(call, answer));
        let mut effects: Vec<Effect> = std::iter::once(Effect::Report(event)).chain(reply).collect();
        effects.extend(self.done(id));
        effects
    }

    pub(in super::super) fn on_revoked(
        &mut self,
        id: u64,
        done: Result<(), String>,
        now: BootNs,
    ) -> Vec<Effect> {
        let touched = Touched { began: now, ..Touched::default() };
        match done {
            Ok(()) => self.on_ended(id, Verb::Revoke, touched, now),
            Err(error) => {
                if let Some(incident) = self.incidents.get_mut(&id) {
                    incident.stage = Stage::Leased;
                    if let Some(decided) = incident.decisions.last_mut() {
                        decided.outcome.clone_from(&error);
                    }
                }
                for waiting in self.waiting.iter_mut().filter(|waiting| waiting.open.contains(&id)) {
                    waiting.failed.push(format!("cannot end lease {id}: {error}"));
                }
                let failed = Event::EffectFailed { incident: id, effect: "revoke", error };
                let answers = self.done(id);
                std::iter::once(Effect::Report(failed)).chain(answers).collect()
            }
        }
    }

    /// Leases whose time is over, which the kernel programs know by themselves; and those that are not in the kernel, since the policy
    /// in force does not know their account any more.
    pub(in super::super) fn end_leases(&mut self, facts: &Facts, now: BootNs) -> Vec<Effect> {
        let mut effects = Vec::new();
        let is_lease = |incident: &&mut Incident| matches!(incident.stage, Stage::Proposed | Stage::Leased);
        for incident in self.incidents.values_mut().filter(is_lease) {
            let is_in_force = incident.decisions.last().is_some_and(|last| !last.outcome.is_empty());
            let is_old = facts.now > incident.opened.saturating_add(SETTLED);
            let how = if incident.until.is_some_and(|until| until <= now) {
                Closed::Expired
            } else if incident.stage == Stage::Leased
                && is_in_force
                && is_old
                && facts.grant_of(incident.id).is_none()
            {
                Closed::Gone
            } else {
                continue;
            };
            incident.stage = Stage::Closed { at: now, how };
            effects.push(Effect::Report(Event::LeaseOver {
                incident: incident.id,
                account: incident.names().unwrap_or_default().to_owned(),
                operations: incident.approved,
            }));
        }
        effects
    }
}
