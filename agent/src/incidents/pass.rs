//! What lets an account pass whatever it does, for a time: `off`, its warm-up, the governor. Of it the kernel programs know until
//! when, and end it by themselves; why, is known here.

use std::collections::BTreeSet;

use agent_common::rules::{BootNs, NEVER, judge::Phase};
use serde::{Deserialize, Serialize};

use super::{Incidents, governor::Over, incident::Incident};
use crate::{
    api::{GovernorView, GrantedBy, GrantedView, Responder, Verb},
    daemon::{AccountFacts, CallId, Effect, Facts},
    policy,
    report::Event,
};

/// What lets an account pass, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Pass {
    pub(super) by: GrantedBy,
    pub(super) until: BootNs,
}

impl AccountFacts {
    /// Whether its policy does more than to observe it.
    fn is_enforced(&self) -> bool {
        self.response != "observe" || self.escapes != "observe"
    }

    /// Whether it is new here: see [`AccountFacts::warm_until`].
    fn is_warm(&self, now: BootNs) -> bool {
        now < self.warm_until && self.is_enforced()
    }
}

impl Incidents {
    /// What is to let an account pass. Nobody who waits for a decision, or is refused, passes but by `off`, which lets everybody go.
    fn pass(&self, account: &AccountFacts, waiting: &BTreeSet<&str>, now: BootNs) -> Option<Pass> {
        if let Some(off) = self.off {
            return Some(Pass { by: GrantedBy::Off, until: off.end() });
        }
        let standing = account.standing.at(now);
        let is_held = standing.phase != Phase::Armed && !standing.is_observed();
        if is_held || waiting.contains(&*account.name) || !account.is_enforced() {
            return None;
        }
        let warm = account.is_warm(now).then_some(Pass { by: GrantedBy::Warmup, until: account.warm_until });
        let governor = self.governor.lets_pass(&account.name).filter(|until| *until > now);
        let governor = governor.map(|until| Pass { by: GrantedBy::Governor, until });
        warm.into_iter().chain(governor).max_by_key(|pass| pass.until)
    }

    /// The accounts with an incident that is not over.
    fn waiting_accounts(&self) -> BTreeSet<&str> {
        self.incidents.values().filter(|incident| incident.goes_on()).filter_map(Incident::account).collect()
    }

    /// Has the kernel let pass who is to pass, and nobody else. What somebody has decided about it waits for the disk first.
    pub(super) fn grants(&self, now: BootNs) -> Vec<Effect> {
        if self.ordered.values().any(|order| matches!(order.verb, Verb::Off | Verb::On)) {
            return Vec::new();
        }
        self.granted_anew(now).filter(|(account, until)| account.granted_until != *until).map(grant).collect()
    }

    fn granted_anew(&self, now: BootNs) -> impl Iterator<Item = (&AccountFacts, BootNs)> {
        let waiting = self.waiting_accounts();
        let until = move |account| self.pass(account, &waiting, now).map_or(0, |pass| pass.until);
        self.facts.accounts.iter().map(move |account| (account, until(account)))
    }

    /// It is on again: nobody passes by `off` any more. First that, so that there is no moment in between for who passes still.
    pub(super) fn switched_on(&self, call: Option<CallId>, now: BootNs) -> Vec<Effect> {
        self.granted_anew(now).map(grant).chain([Effect::On { call }]).collect()
    }

    /// What has let an account pass at a moment.
    pub(super) fn passed(&self, account: &str, at: BootNs) -> Option<Pass> {
        let by_off = self.off.map(|off| Pass { by: GrantedBy::Off, until: off.end() });
        by_off.or_else(|| self.passed.get(account).copied().filter(|pass| at < pass.until))
    }

    /// How accounts pass now, by the kernel's word. An end that came early is known only to have come before it was looked.
    pub(super) fn on_passing(&mut self, facts: &Facts) -> Vec<Effect> {
        let Self { passed, governor, off, .. } = self;
        passed.retain(|account, _| facts.account(account).is_some());
        for account in &facts.accounts {
            let by = match () {
                () if off.is_some() => GrantedBy::Off,
                () if account.is_warm(facts.now) => GrantedBy::Warmup,
                () if governor.engaged().is_some() => GrantedBy::Governor,
                () => GrantedBy::Off,
            };
            if facts.now < account.granted_until {
                passed.insert(account.name.clone(), Pass { by, until: account.granted_until });
            } else if let Some(pass) = passed.get_mut(&account.name) {
                pass.until = pass.until.min(facts.now);
            }
        }
        self.on_warmups(facts)
    }

    fn on_warmups(&mut self, facts: &Facts) -> Vec<Effect> {
        let is_warm = |name: &str| facts.account(name).is_some_and(|account| account.is_warm(facts.now));
        let over: Vec<String> = self.warm.iter().filter(|name| !is_warm(name)).cloned().collect();
        self.warm.retain(|name| is_warm(name));
        // One that has left the policy may come back.
        let over = over.into_iter().filter(|name| facts.account(name).is_some());
        let mut events: Vec<Event> = over.map(|account| Event::WarmupOver { account }).collect();
        for account in facts.accounts.iter().filter(|account| account.is_warm(facts.now)) {
            if self.warm.insert(account.name.clone()) {
                let until = said(facts, account.warm_until);
                events.push(Event::Warmup { account: account.name.clone(), until });
            }
        }
        events.into_iter().map(Effect::Report).collect()
    }

    /// Accounts that the daemon before has let pass, and nothing does any more: it was forgotten why, or is in the policy no longer.
    pub(super) fn unexplained(&self, facts: &Facts, now: BootNs) -> Option<Effect> {
        let waiting = self.waiting_accounts();
        let passes = |account: &&AccountFacts| now < account.granted_until;
        let accounts = facts.accounts.iter().filter(passes);
        let unexplained = accounts.filter(|account| self.pass(account, &waiting, now).is_none());
        let accounts: Vec<String> = unexplained.map(|account| account.name.clone()).collect();
        (!accounts.is_empty()).then_some(Effect::Report(Event::Unexplained { accounts }))
    }

    /// Counts for the governor what was over a budget, or an escape, unless it passes by something else than the governor.
    pub(super) fn count_over(
        &mut self,
        account: &str,
        at: BootNs,
        incident: Option<u64>,
        pass: Option<Pass>,
    ) {
        if self.facts.about.drill.as_deref() == Some(account) {
            return; // nobody real is let pass because of a drill
        }
        let limits = self.limits();
        let stopped = match pass.map(|pass| pass.by) {
            None => true,
            Some(GrantedBy::Governor) => false,
            Some(_) => return,
        };
        self.governor.count(limits, Over { at, account, incident, stopped });
    }

    fn limits(&self) -> policy::Governor {
        self.facts.about.governor
    }

    /// When the governor's time is over, if it is engaged.
    pub(super) fn governed_until(&self) -> Option<BootNs> {
        self.governor.engaged().map(|engaged| engaged.until)
    }

    /// What the governor does about an input, before which it was engaged until `before`.
    pub(super) fn govern(&mut self, before: Option<BootNs>, now: BootNs) -> Vec<Effect> {
        let Some(engaged) = self.governor.engaged() else { return Vec::new() };
        if self.governor.is_over(now) {
            return self.disengaged("it was quiet for its time", now);
        }
        if self.limits() == policy::Governor::default() && self.facts.now > 0 {
            return self.disengaged("the policy has no governor any more", now);
        }
        if before == Some(engaged.until) {
            return Vec::new();
        }
        let (why, until) = (engaged.why.clone(), said(&self.facts, engaged.until));
        let grants = self.grants(now);
        if before.is_some() {
            return grants;
        }
        let accounts =
            grants.iter().filter(|effect| matches!(effect, Effect::Grant { until, .. } if *until > 0));
        let accounts = accounts.count() as u64;
        let outcome = format!("{accounts} accounts that have not tripped are only observed");
        self.order_carried_out(Verb::Off, Responder::Governor, &why, outcome, now);
        let engaged = Effect::Report(Event::GovernorEngaged { why, until, accounts });
        grants.into_iter().chain([engaged]).collect()
    }

    fn disengaged(&mut self, why: &str, now: BootNs) -> Vec<Effect> {
        let over = self.end_governor(why);
        self.order_carried_out(Verb::On, Responder::Governor, why, "enforced again".to_owned(), now);
        self.grants(now).into_iter().chain(over).collect()
    }

    /// Ends it, if it is engaged.
    pub(super) fn end_governor(&mut self, why: &str) -> Option<Effect> {
        let ended = self.governor.end()?;
        let since = said(&self.facts, ended.since);
        Some(Effect::Report(Event::GovernorOver { since, why: why.to_owned() }))
    }

    /// It is engaged since before this daemon.
    pub(super) fn goes_on_governing(&self, facts: &Facts) -> Option<Effect> {
        let engaged = self.governor.engaged()?;
        let (why, until) = (engaged.why.clone(), said(facts, engaged.until));
        Some(Effect::Report(Event::GovernorEngaged { why, until, accounts: self.governed(facts) }))
    }

    /// How many accounts the governor lets pass.
    fn governed(&self, facts: &Facts) -> u64 {
        let by_governor = |pass: &&Pass| pass.by == GrantedBy::Governor && facts.now < pass.until;
        self.passed.values().filter(by_governor).count() as u64
    }

    pub(super) fn governor_view(&self, facts: &Facts) -> Option<GovernorView> {
        let engaged = self.governor.engaged()?;
        Some(GovernorView {
            since: facts.wall(engaged.since),
            until: facts.wall(engaged.until),
            why: engaged.why.clone(),
            accounts: facts.accounts.iter().filter(|account| facts.now < account.granted_until).count()
                as u64,
        })
    }

    /// What lets an account pass whatever it does now.
    pub(super) fn passes(&self, account: &AccountFacts, facts: &Facts) -> Option<GrantedView> {
        if facts.now >= account.granted_until {
            return None;
        }
        let by = self.passed(&account.name, facts.now).map_or(GrantedBy::Off, |pass| pass.by);
        let reason = match by {
            GrantedBy::Governor => self.governor.engaged().map(|engaged| engaged.why.clone()),
            _ => None,
        };
        Some(GrantedView {
            by,
            reason: reason.unwrap_or_default(),
            until: (account.granted_until < NEVER).then(|| facts.wall(account.granted_until)),
        })
    }
}

impl Pass {
    pub(super) fn view(self, facts: &Facts) -> GrantedView {
        let until = (self.until < NEVER).then(|| facts.wall(self.until));
        GrantedView { by: self.by, reason: String::new(), until }
    }
}

fn grant((account, until): (&AccountFacts, BootNs)) -> Effect {
    Effect::Grant { account: account.name.clone(), until }
}

fn said(facts: &Facts, at: BootNs) -> String {
    facts.wall(at).strftime("%FT%TZ").to_string()
}
