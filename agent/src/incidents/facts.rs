//! What follows from how things stand: incidents of accounts that were found so, and incidents that are over by themselves.

use std::{collections::HashMap, sync::Arc};

use agent_common::{
    rules::{BootNs, judge::Phase},
    wire::Counter,
};

use super::{
    Incidents,
    incident::{Cause, Incident},
    records::refused,
    stage::{Closed, Stage},
};
use crate::{
    api::Responder,
    daemon::{AccountFacts, Effect, Facts, GrantFacts},
    report::Event,
    sensor::Holder,
};

/// What was reported so shortly before the facts may not be in them.
pub(super) const SETTLED: BootNs = 1_000_000_000;

impl Incidents {
    /// How things stand: counters that moved are said, an account that is found tripped gets its incident, and what nobody
    /// waits for any more is over.
    pub(super) fn on_facts(&mut self, facts: Arc<Facts>, now: BootNs) -> Vec<Effect> {
        let mut effects = self.counted(&facts);
        self.forget_observed(&facts, now);
        self.count_refused(&facts);
        self.end_those_that_are_over(&facts, now);
        effects.extend(self.on_passing(&facts));
        effects.extend(self.find(&facts, now));
        effects.extend(self.end_leases(&facts, now));
        effects.extend(withdrawn(&facts));
        self.facts = facts;
        effects.extend(self.carry_out_what_is_agreed(now));
        effects.extend(self.grants(now));
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

    /// Incidents that are over though nobody has ended them.
    fn end_those_that_are_over(&mut self, facts: &Facts, now: BootNs) {
        let over = |incident: &Incident| Some((incident.id, how_it_is_over(incident, facts)?));
        let over: Vec<_> = self.incidents.values().filter_map(over).collect();
        over.into_iter().for_each(|(id, how)| self.end(id, how, now));
    }

    fn end(&mut self, id: u64, how: Closed, now: BootNs) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        incident.stage = Stage::Closed { at: now, how };
        self.leave(id);
    }

    /// What its account does from now on does not belong to it. It may belong to another already: one that began when the account
    /// went on, before the kernel had confirmed that. What it has done since it was let go on may yet be of a burst.
    pub(super) fn leave(&mut self, id: u64) {
        let Some(incident) = self.incidents.get(&id) else { return };
        let Some(account) = incident.account() else { return };
        if self.current.get(account).is_none_or(|current| *current == id) {
            self.current.remove(account);
            let let_go = incident.decisions.last().map_or(BootNs::MAX, |decided| decided.at);
            if let Some(recent) = self.recent.get_mut(account) {
                recent.forget_until(let_go);
            }
        }
    }

    /// Accounts that have tripped without an incident of ours: an earlier daemon's. One that nobody waits for, since all have
    /// ended, is armed with what it has left of its budget: it has gained nothing by it.
    fn find(&mut self, facts: &Facts, now: BootNs) -> Vec<Effect> {
        let mut found = Vec::new();
        for account in &facts.accounts {
            let phase = account.standing.at(now).phase;
            let passes = now < account.granted_until || self.off.is_some();
            let waits = phase != Phase::Armed && account.response != "observe" && !passes;
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
            // Its burst was not reported, unless it was to the daemon before.
            if self.facts.now > 0 {
                self.count_over(&target, now, Some(incident), None);
            }
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

/// How an incident is over by itself, if it is: the processes that waited were ended by others, by their session or a time limit of
/// their job; or an account that is denied has been quiet for as long as it takes.
fn how_it_is_over(incident: &Incident, facts: &Facts) -> Option<Closed> {
    let account = incident.account().and_then(|account| facts.account(account));
    let (since, how, is_over) = match incident.stage {
        Stage::Held => {
            let nobody = account.is_none_or(|account| account.held.is_empty());
            (incident.held_at.max(incident.opened), Closed::Gone, nobody)
        }
        Stage::Denied => {
            let armed = |account: &AccountFacts| account.standing.at(facts.now).phase == Phase::Armed;
            (incident.opened, Closed::Denied, account.is_none_or(armed))
        }
        _ => return None,
    };
    (is_over && facts.now > since + SETTLED).then_some(how)
}

/// Grants that are over, and approvals that nobody acts under any more.
fn withdrawn(facts: &Facts) -> impl Iterator<Item = Effect> {
    let is_over = |granted: &&GrantFacts| {
        let nobody = granted.grant.holder == Holder::Processes && granted.processes == 0;
        granted.grant.until <= facts.now || nobody
    };
    facts.grants.iter().filter(is_over).map(|granted| Effect::Withdraw { grant: granted.index })
}
