//! What becomes of effects, and what follows.

use agent_common::rules::BootNs;

use super::{
    Incidents, Off,
    incident::{Cause, Incident},
    join::joined,
    stage::{Closed, Stage},
    waiting::reply,
};
use crate::{
    api::{Answer, Code, Problem, Reloaded, Responder, Tested, Verb},
    daemon::{CallId, Effect, NotReloaded, Outcome, Reload, SelfTested, Touched},
    enforcer::freezer::FreezeState,
    report::Event,
};

impl Incidents {
    pub(super) fn on_outcome(&mut self, outcome: Outcome, now: BootNs) -> Vec<Effect> {
        match outcome {
            Outcome::Froze { incident, done } => self.on_froze(incident, done, now),
            Outcome::Thawed { incident, done } => self.on_ended(incident, Verb::Thaw, done, now),
            Outcome::Approved { incident, done } => self.on_ended(incident, Verb::Approve, done, now),
            Outcome::Denied { incident, done } => self.on_ended(incident, Verb::Deny, done, now),
            Outcome::Killed { incident, done } => self.on_ended(incident, Verb::Kill, done, now),
            Outcome::Off { call, done } => self.on_off(call, done, now),
            Outcome::On { call } => {
                self.order_done(call, "enforced again");
                let mut effects = vec![Effect::Report(Event::On)];
                effects.extend(self.answer_those(|waiting| Some(waiting.call) == call));
                effects
            }
            Outcome::Leased { call, incident, done } => self.on_leased(call, incident, done, now),
            Outcome::Revoked { incident, done } => self.on_revoked(incident, done, now),
            Outcome::SelfTested { call, done } => self.on_self_tested(call, done),
            Outcome::Joined { call, account, process, done } => joined(call, account, *process, done, now),
            Outcome::Reloaded { call, done } => self.on_reloaded(call, done, now),
            Outcome::Surveyed { incident, found } => {
                self.on_surveyed(incident, found);
                Vec::new()
            }
        }
    }

    /// The processes are on their way; whether they are frozen, the kernel says.
    fn on_froze(&mut self, id: u64, touched: Touched, now: BootNs) -> Vec<Effect> {
        let Some(incident) = self.incidents.get_mut(&id) else { return Vec::new() };
        if touched.processes.is_empty() {
            let error = nobody(&touched);
            if let Some(decision) = incident.freeze_decided() {
                decision.outcome.clone_from(&error);
            }
            incident.stage = match incident.cause {
                Cause::Freeze { .. } | Cause::Left { .. } | Cause::Lease(_) => {
                    Stage::Closed { at: now, how: Closed::Gone }
                }
                Cause::Burst { .. }
                | Cause::Escape { .. }
                | Cause::Found { .. }
                | Cause::Attempt { .. }
                | Cause::Tampering(_) => incident.waits(),
            };
            for waiting in self.waiting.iter_mut().filter(|waiting| waiting.open.contains(&id)) {
                waiting.failed.push(format!("incident {id}: {error}"));
            }
            let mut effects =
                vec![Effect::Report(Event::EffectFailed { incident: id, effect: "freeze", error })];
            effects.extend(self.done(id));
            return effects;
        }
        self.add_touched(id, &touched);
        Vec::new()
    }

    pub(super) fn on_frozen(&mut self, state: FreezeState, now: BootNs) -> Vec<Effect> {
        let Some(incident) = self.incidents.get_mut(&state.id) else { return Vec::new() };
        let count = state.processes as u64;
        match incident.stage {
            Stage::Freezing { since } if state.frozen && count > 0 => {
                incident.stage = Stage::Frozen { processes: count };
                let took = now.saturating_sub(since);
                let by = incident.freeze_decided().map_or(Responder::Policy, |decision| {
                    decision.outcome = format!("{count} processes frozen, confirmed by the kernel");
                    decision.by.clone()
                });
                let event = Event::Frozen {
                    incident: state.id,
                    target: incident.whom().to_string(),
                    processes: count,
                    took_us: took / 1000,
                };
                for waiting in self.waiting.iter_mut().filter(|waiting| waiting.open.contains(&state.id)) {
                    waiting.moved.confirmed_us = Some(took / 1000);
                }
                let mut effects = vec![
                    Effect::Report(event),
                    Effect::Decided { verb: Verb::Freeze, by, took, processes: count },
                ];
                effects.extend(self.done(state.id));
                effects
            }
            // An account stays frozen without a process: what acts for it next is stopped.
            Stage::Frozen { .. } if count == 0 && incident.account().is_none() => {
                incident.stage = Stage::Closed { at: now, how: Closed::Gone };
                // Its leaf is removed.
                vec![Effect::Thaw { incident: state.id, account: None }]
            }
            Stage::Frozen { .. } => {
                incident.stage = Stage::Frozen { processes: count };
                Vec::new()
            }
            Stage::Freezing { .. }
            | Stage::Observed
            | Stage::Held
            | Stage::Denied
            | Stage::Stopped
            | Stage::Proposed
            | Stage::Leased
            | Stage::Ending { .. }
            | Stage::Closed { .. } => Vec::new(),
        }
    }

    pub(super) fn on_ended(&mut self, id: u64, verb: Verb, touched: Touched, now: BootNs) -> Vec<Effect> {
        let Some(incident) = self.incidents.get_mut(&id) else { return Vec::new() };
        if !matches!(incident.stage, Stage::Ending { .. }) {
            return Vec::new();
        }
        let took = now.saturating_sub(incident.opened);
        let processes = touched.processes.len() as u64;
        incident.ended(now, format!("{processes} processes"));
        let (by, reason) = incident
            .decisions
            .last()
            .map_or((Responder::Policy, String::new()), |last| (last.by.clone(), last.reason.clone()));
        let event = Event::Decided {
            incident: id,
            verb,
            target: incident.whom().to_string(),
            by: by.to_string(),
            reason,
            pids: touched.processes.iter().map(|process| process.pid).collect(),
        };
        // A denial, a kill, and the end of a freeze by hand let nobody go on.
        let lets_go = matches!(verb, Verb::Approve | Verb::Thaw) && matches!(by, Responder::User { .. });
        let of_burst = !matches!(self.incidents[&id].cause, Cause::Freeze { .. } | Cause::Left { .. });
        if let (true, Some(account)) = (lets_go && of_burst, self.incidents[&id].account()) {
            self.governor.forgive(account);
        }
        let incident = &self.incidents[&id];
        // What is refused from now on belongs to it.
        if !incident.goes_on() {
            self.leave(id);
        }
        self.add_touched(id, &touched);
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.open.contains(&id)) {
            waiting.moved.confirmed_us = Some(now.saturating_sub(touched.began) / 1000);
        }
        let mut effects = vec![Effect::Report(event), Effect::Decided { verb, by, took, processes }];
        effects.extend(self.done(id));
        effects
    }

    fn add_touched(&mut self, id: u64, touched: &Touched) {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.open.contains(&id)) {
            waiting.moved.processes.extend_from_slice(&touched.processes);
            waiting.moved.left_alone.extend_from_slice(&touched.left_alone);
            waiting.moved.cgroups += touched.cgroups;
        }
    }

    fn on_off(&mut self, call: CallId, touched: Touched, now: BootNs) -> Vec<Effect> {
        let ending = |stage| matches!(stage, Stage::Ending { verb: Verb::Off, .. });
        let ending: Vec<u64> = self
            .incidents
            .values()
            .filter(|incident| ending(incident.stage))
            .map(|incident| incident.id)
            .collect();
        let pids = touched.processes.iter().map(|process| process.pid).collect();
        self.order_done(Some(call), format!("{} processes go on", touched.processes.len()));
        let off = self.off.unwrap_or(Off { until: None });
        let mut effects = vec![Effect::Report(off.begun(pids, &self.facts))];
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.call == call) {
            waiting.moved.processes = touched.processes;
            waiting.moved.confirmed_us = Some(now.saturating_sub(touched.began) / 1000);
        }
        for id in ending {
            // Which of the processes were whose does not matter: all go on.
            effects.extend(self.on_ended(
                id,
                Verb::Off,
                Touched { began: touched.began, ..Touched::default() },
                now,
            ));
        }
        effects.extend(self.answer_those(|waiting| waiting.call == call));
        effects
    }

    fn on_self_tested(&mut self, call: CallId, done: Result<SelfTested, String>) -> Vec<Effect> {
        let (answer, records) = match done {
            Ok(SelfTested { took, records }) => {
                let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                (
                    Ok(Answer::Tested(Tested { tier: self.facts.about.tier.word().to_owned(), took_us })),
                    records,
                )
            }
            Err(error) => {
                (Err(Problem::new(Code::Failed, format!("the self-test failed: {error}"))), Vec::new())
            }
        };
        let mut effects: Vec<Effect> = records.iter().flat_map(|record| self.on_record(record)).collect();
        effects.push(reply(call, answer));
        effects
    }

    /// Nobody holds these accounts to anything any more: what waits for a decision about them goes on.
    fn free(&mut self, accounts: &[String], now: BootNs) -> Vec<Effect> {
        let is_of = |incident: &Incident| accounts.iter().any(|free| incident.account() == Some(free));
        let open = self.incidents.values().filter(|incident| incident.admits(Verb::Thaw) && is_of(incident));
        let ids: Vec<u64> = open.map(|incident| incident.id).collect();
        let why = "the policy does not hold the account to its budgets any more";
        ids.into_iter()
            .filter(|id| self.decide(*id, Verb::Thaw, &Responder::Policy, why, now).is_ok())
            .map(|incident| Effect::Thaw { incident, account: None })
            .collect()
    }

    fn on_reloaded(&mut self, call: CallId, done: Result<Reload, NotReloaded>, now: BootNs) -> Vec<Effect> {
        match done {
            Err(NotReloaded { before, problem, loosens }) => {
                let error = problem.message.clone();
                self.order_done(Some(call), format!("not reloaded, {before} stays"));
                vec![
                    Effect::Report(Event::NotReloaded { kept: before, error, loosens }),
                    reply(call, Err(problem)),
                ]
            }
            Ok(Reload { names, before, after, accounts, warnings, freed, records }) => {
                self.names = names;
                self.order_done(Some(call), format!("{before} is now {after}"));
                let freed_accounts = freed.clone();
                let event = Event::Reloaded { before: before.clone(), after: after.clone(), freed };
                let mut effects = vec![Effect::Report(event)];
                effects.extend(records.iter().flat_map(|record| self.on_record(record)));
                effects.extend(self.free(&freed_accounts, now));
                effects
                    .push(reply(call, Ok(Answer::Reloaded(Reloaded { before, after, accounts, warnings }))));
                effects
            }
        }
    }
}

fn nobody(touched: &Touched) -> String {
    match &touched.left_alone[..] {
        [] => "every process had ended before it could be frozen".to_owned(),
        [first, ..] => format!("no process was frozen; pid {}: {}", first.pid, first.why),
    }
}
