//! What follows from how things stand: incidents of accounts that were found so, and incidents that are over by themselves.

use std::{collections::HashMap, sync::Arc};

use agent_common::{
    rules::{BootNs, judge::Phase},
    wire::Counter,
};

use super::{
    Incidents,
    incident::{Cause, Closed, Incident, Stage},
    records::refused,
};
use crate::{
    api::Responder,
    daemon::{AccountFacts, Effect, Facts},
    report::Event,
};

/// What was reported so shortly before the facts may not be in them.
const SETTLED: BootNs = 1_000_000_000;

impl Incidents {
    /// How things stand: counters that moved are said, an account that is found tripped gets its incident, and what nobody
    /// waits for any more is over.
    pub(super) fn on_facts(&mut self, facts: Arc<Facts>, now: BootNs) -> Vec<Effect> {
        let mut effects = self.counted(&facts);
        self.forget_observed(&facts, now);
        self.count_refused(&facts);
        self.end_held(&facts, now);
        self.end_denied(&facts, now);
        effects.extend(self.find(&facts, now));
        effects.extend(withdrawn(&facts));
        self.facts = facts;
        effects
    }

    fn counted(&mut self, facts: &Facts) -> Vec<Effect> {
        let before: HashMap<_, _> =
            self.counters.iter().map(|(counter, total)| (counter.label(), *total)).collect();
        let moved =
            |(counter, total): &&(Counter, u64)| before.get(counter.label()).copied().unwrap_or(0) != *total;
        let effects = facts
            .counters
            .iter()
            .filter(moved)
            .map(|(counter, total)| {
                Effect::Report(Event::Counter {
                    name: counter.label(),
                    total: *total,
                    fault: counter.is_fault(),
                    help: counter.help(),
                })
            })
            .collect();
        self.counters.clone_from(&facts.counters);
        effects
    }

    /// An observed burst is over when its account is armed again: what it does then belongs to no incident.
    fn forget_observed(&mut self, facts: &Facts, now: BootNs) {
        let Self { current, incidents, .. } = self;
        current.retain(|account, id| {
            let observed = incidents.get(id).is_some_and(|incident| incident.stage == Stage::Observed);
            let armed = |account: &AccountFacts| account.standing.at(now).phase == Phase::Armed;
            !(observed && facts.account(account).is_some_and(armed))
        });
    }

    fn count_refused(&mut self, facts: &Facts) {
        let going = self.incidents.values_mut().filter(|incident| incident.goes_on());
        for incident in going {
            let now =
                incident.account().and_then(|account| facts.account(account)).map_or(0, |now| now.refused);
            incident.refused = now.saturating_sub(incident.refused_before);
        }
    }

    /// The processes that waited were ended by others, by their session or a time limit of their job.
    fn end_held(&mut self, facts: &Facts, now: BootNs) {
        let is_over = |incident: &&Incident| {
            let held = incident.account().and_then(|account| facts.account(account));
            incident.stage == Stage::Held
                && facts.now > incident.held_at.max(incident.opened) + SETTLED
                && held.is_none_or(|account| account.held.is_empty())
        };
        let over: Vec<u64> = self.incidents.values().filter(is_over).map(|incident| incident.id).collect();
        over.into_iter().for_each(|id| self.end(id, Closed::Gone, now));
    }

    /// An account has been quiet for as long as it takes.
    fn end_denied(&mut self, facts: &Facts, now: BootNs) {
        let is_over = |incident: &&Incident| {
            let account = incident.account().and_then(|account| facts.account(account));
            incident.stage == Stage::Denied
                && facts.now > incident.opened + SETTLED
                && account.is_none_or(|account| account.standing.at(facts.now).phase == Phase::Armed)
        };
        let over: Vec<u64> = self.incidents.values().filter(is_over).map(|incident| incident.id).collect();
        over.into_iter().for_each(|id| self.end(id, Closed::Denied, now));
    }

    fn end(&mut self, id: u64, how: Closed, now: BootNs) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        incident.stage = Stage::Closed { at: now, how };
        if let Some(account) = incident.account().map(str::to_owned) {
            self.current.remove(&account);
            self.recent.remove(&account);
        }
    }

    /// Accounts that have tripped without an incident of ours: an earlier daemon's. One that nobody waits for, since all have
    /// ended, is armed with what it has left of its budget: it has gained nothing by it.
    fn find(&mut self, facts: &Facts, now: BootNs) -> Vec<Effect> {
        let mut found = Vec::new();
        for account in &facts.accounts {
            let phase = account.standing.at(now).phase;
            let waits = phase != Phase::Armed && account.response != "observe" && self.off.is_none();
            if !waits || self.has_open(&account.name) {
                continue;
            }
            let cause = Cause::Found { account: account.name.clone() };
            let oldest = account.held.first().map(|held| held.call.at);
            let incident = match (facts.can_hold(), phase, oldest) {
                (false, ..) => self.open(cause, now, Stage::Stopped),
                (true, Phase::Denied, _) => {
                    let incident = self.open(cause, now, Stage::Denied);
                    incident.decisions.push(refused(now, Responder::Before, ""));
                    incident
                }
                (true, _, Some(oldest)) => {
                    let incident = self.open(cause, now, Stage::Held);
                    incident.hold(oldest, account.hold);
                    incident
                }
                (true, _, None) => {
                    found.push(Effect::Arm { account: account.name.clone() });
                    continue;
                }
            };
            incident.refused_before = account.refused;
            let (incident, target) = (incident.id, account.name.clone());
            self.current.insert(target.clone(), incident);
            let processes = account.stopped + account.held_processes();
            found.push(Effect::Report(Event::Found { incident, target, processes }));
        }
        found
    }

    /// Whether an account has an incident that waits, or one that is just ending.
    fn has_open(&self, account: &str) -> bool {
        self.incidents.values().any(|incident| incident.account() == Some(account) && incident.goes_on())
    }
}

/// Approvals that are over, or that nobody acts under any more.
fn withdrawn(facts: &Facts) -> impl Iterator<Item = Effect> {
    let is_over = |facts_now: BootNs, until: BootNs, processes: u64| until <= facts_now || processes == 0;
    let over = facts
        .approvals
        .iter()
        .filter(move |approved| is_over(facts.now, approved.approval.until, approved.processes));
    over.map(|approved| Effect::Withdraw { approval: approved.index })
}
