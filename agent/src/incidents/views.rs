//! Incidents and accounts as a responder sees them.

use std::time::Duration;

use agent_common::{
    rules::{Kind, NEVER, judge::Phase},
    wire::Counter,
};

use super::{
    Incidents,
    about::told,
    impact::{impact, path_of},
    incident::{Decided, Incident},
    kinds,
    lease::lease_view,
    restore::span,
    stage::{Closed, Stage},
    words::{counted, next, what},
};
use crate::{
    api::{
        self, AccountView, Answer, BudgetView, Bytes, Decision, Filter, GrantedBy, GrantedView, HeldView,
        IncidentDetail, IncidentSummary, Mode, PolicyView, Problem, Standing, State, Status, Verb,
    },
    daemon::{AccountFacts, Facts, HeldFacts, ProcessFacts},
    policy::Then,
    sensor::{Grant, Holder},
    store::Past,
};

impl Incidents {
    /// The host at a glance.
    pub(crate) fn status(&self, facts: &Facts) -> Status {
        let about = &facts.about;
        let total = |wanted: &dyn Fn(Counter) -> bool| {
            facts.counters.iter().filter(|(counter, _)| wanted(*counter)).map(|(_, total)| total).sum()
        };
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode: match (self.off, about.enforces) {
                (Some(_), _) => Mode::Off,
                (None, true) => Mode::Enforce,
                (None, false) => Mode::Observe,
            },
            governor: self.governor_view(facts),
            off_until: self.off.and_then(|off| off.until).map(|until| facts.wall(until)),
            tier: about.tier.word().to_owned(),
            tier_note: about.tier.note.clone(),
            kernel: about.kernel.clone(),
            pid: std::process::id(),
            armed_at: facts.wall(about.armed_at),
            self_test_at: facts.wall(about.self_test_at),
            policy: PolicyView {
                sources: about.policy_sources.iter().map(|path| path.as_path().into()).collect(),
                sha256: about.policy_sha256.clone(),
                loaded_at: facts.wall(about.policy_loaded_at),
                changed: facts.policy_changed,
                warnings: about.policy_warnings.clone(),
            },
            accounts: self.accounts(facts),
            trees: about.trees.iter().map(|path| path.as_path().into()).collect(),
            processes: facts.accounts.iter().map(|account| account.processes).sum(),
            records_lost: total(&|counter| counter == Counter::RecordLost),
            kernel_errors: total(&Counter::is_fault),
            would_have_stopped: self.incidents.values().map(|one| would_have_stopped(one, facts)).sum(),
            open_incidents: self.incidents.values().filter(|incident| incident.is_open()).count() as u64,
            store: facts.store.clone(),
            webhooks: facts.webhooks.clone(),
            keeper: facts.keeper.clone(),
        }
    }

    /// The incidents that wait for a decision.
    pub(crate) fn open_ones(&self, facts: &Facts) -> Vec<IncidentSummary> {
        let open = self.incidents.values().filter(|incident| incident.is_open());
        open.map(|incident| Self::summary(incident, facts)).collect()
    }

    pub(super) fn accounts(&self, facts: &Facts) -> Vec<AccountView> {
        facts.accounts.iter().map(|account| self.account_view(account, facts)).collect()
    }

    fn account_view(&self, account: &AccountFacts, facts: &Facts) -> AccountView {
        let of_account = self.incidents.values().rev();
        let going: Vec<_> = of_account
            .filter(|incident| incident.goes_on() && incident.account() == Some(&account.name))
            .collect();
        let latest = going.first();
        let granted = self.granted(account, facts);
        let passes = self.passes(account, facts);
        let standing = account.standing.at(facts.now);
        let ends = (standing.until < NEVER && standing.phase != Phase::Armed).then_some(standing.until);
        let decided = latest.filter(|incident| then(incident).is_some()).and_then(|incident| incident.until);
        AccountView {
            name: account.name.clone(),
            note: account.note.clone(),
            response: account.response.to_owned(),
            standing: match standing.phase {
                Phase::Armed if granted.is_some() || passes.is_some() => Standing::Granted,
                other => phase(other),
            },
            until: ends
                .or(decided)
                .or(granted.map(|grant| grant.until))
                .map(|until| facts.wall(until))
                .or(passes.as_ref().and_then(|passes| passes.until)),
            budgets: account
                .budgets
                .iter()
                .map(|budget| BudgetView {
                    kind: plural(budget.kind),
                    used: budget.used,
                    limit: budget.limit,
                    window_ms: budget.window / 1_000_000,
                })
                .collect(),
            processes: account.processes,
            stopped: account.stopped,
            // A process may be in several freezes.
            frozen: going.iter().map(|incident| frozen(incident)).max().unwrap_or(0),
            held: account.held_processes(),
            refused: account.refused,
            held_since: account.held.first().map(|held| facts.wall(held.call.at)),
            incident: latest.map(|incident| incident.id).or(granted.map(|grant| grant.incident)),
            granted: passes.or_else(|| {
                granted.filter(|_| latest.is_none()).map(|grant| self.granted_view(grant, facts))
            }),
            then: latest.and_then(|incident| then(incident)),
        }
    }

    /// What is granted to an account that is armed: of several what ends last.
    fn granted(&self, account: &AccountFacts, facts: &Facts) -> Option<Grant> {
        let armed = account.standing.at(facts.now).phase == Phase::Armed;
        let index = self.names.index(&account.name).filter(|_| armed)?;
        let grants = facts.grants.iter().map(|granted| granted.grant);
        grants.filter(|grant| grant.account == index).max_by_key(|grant| grant.until)
    }

    fn granted_view(&self, grant: Grant, facts: &Facts) -> GrantedView {
        let (by, verb) = match grant.holder {
            Holder::Account => (GrantedBy::Lease, Verb::Lease),
            Holder::Processes => (GrantedBy::Approve, Verb::Approve),
        };
        let decisions = self.incidents.get(&grant.incident).map(|incident| &incident.decisions);
        let decided = decisions.and_then(|all| all.iter().rev().find(|decided| decided.verb == verb));
        GrantedView {
            by,
            reason: decided.map(|decided| decided.reason.clone()).unwrap_or_default(),
            until: Some(facts.wall(grant.until)),
        }
    }

    /// Newest first, those of earlier daemons behind those of this one.
    pub(super) fn list(&self, filter: &Filter, facts: &Facts, past: Past) -> Answer {
        let since =
            filter.since_s.map_or(0, |back| facts.now.saturating_sub(back.saturating_mul(1_000_000_000)));
        let wanted = self.incidents.values().rev().filter(|incident| {
            (!filter.open || incident.is_open())
                && filter.account.as_deref().is_none_or(|account| incident.names() == Some(account))
                && incident.last >= since
        });
        let since = filter.since_s.and_then(|back| {
            let back = Duration::from_secs(back);
            facts.wall.checked_sub(back).ok()
        });
        let before = past.listed.into_iter().filter(|one| {
            !filter.open
                && !self.incidents.contains_key(&one.id)
                && filter.account.as_deref().is_none_or(|account| one.account.as_deref() == Some(account))
                && since.is_none_or(|since| one.closed_at.unwrap_or(one.opened_at) >= since)
        });
        let mut listed: Vec<IncidentSummary> =
            wanted.map(|incident| Self::summary(incident, facts)).chain(before).collect();
        listed.sort_by_key(|one| std::cmp::Reverse(one.id));
        listed.truncate(filter.limit.unwrap_or(usize::MAX));
        Answer::Incidents(listed)
    }

    pub(super) fn summary(incident: &Incident, facts: &Facts) -> IncidentSummary {
        let account = incident.account().and_then(|account| facts.account(account));
        let waiting = match incident.stage.shown() {
            State::Held => account.map_or(0, |account| account.held.len() as u64),
            State::Stopped => account.map_or(incident.stopped.len() as u64, |account| account.stopped),
            State::Frozen => frozen(incident),
            _ => 0,
        };
        let until = match incident.stage {
            Stage::Closed { how: Closed::Approved, .. } => {
                facts.grant_of(incident.id).map(|granted| granted.grant.until)
            }
            Stage::Leased => incident.until,
            Stage::Denied => account.map(|account| account.standing.until).filter(|until| *until < NEVER),
            _ => incident.until.filter(|_| incident.is_open()),
        };
        IncidentSummary {
            id: incident.id,
            opened_at: facts.wall(incident.opened),
            account: incident.names().map(str::to_owned),
            what: what(incident),
            impact: impact(incident),
            done: incident.done,
            state: incident.stage.shown(),
            would_have_stopped: would_have_stopped(incident, facts),
            passed: incident.passed.map(|pass| pass.view(facts)),
            waiting,
            refused: incident.refused,
            approved: incident.approved,
            approvals: incident.approvals(facts),
            until: until.map(|until| facts.wall(until)),
            then: then(incident).filter(|_| until.is_some()),
            by: incident.decisions.last().map(|decided| decided.by.clone()),
            closed_at: match incident.stage {
                Stage::Closed { at, .. } => Some(facts.wall(at)),
                _ => None,
            },
        }
    }

    /// One incident; of an earlier daemon as the record has it.
    pub(super) fn detail(
        &self,
        id: u64,
        facts: &Facts,
        about: Vec<ProcessFacts>,
        past: Past,
    ) -> Result<Answer, Problem> {
        let detail = match self.incidents.get(&id) {
            Some(incident) => Box::new(Self::whole(incident, facts, about)),
            None => past.shown.ok_or_else(|| self.not_in(past.is_read, id))?,
        };
        Ok(Answer::Incident(detail))
    }

    pub(super) fn whole(incident: &Incident, facts: &Facts, about: Vec<ProcessFacts>) -> IncidentDetail {
        let acts = incident.acts.iter().map(|act| api::Act {
            at: facts.wall(act.at),
            kinds: kinds(act.kinds).into_iter().map(str::to_owned).collect(),
            path: act.path.clone(),
            tree: act.tree.clone(),
            pid: act.pid,
            comm: act.comm.clone(),
            over: act.over,
            sizes: act.sizes,
            impact: incident.surveyed.of(act.whole.as_ref()),
        });
        IncidentDetail {
            summary: Self::summary(incident, facts),
            acts: acts.collect(),
            held: held(incident, facts, &about),
            kinds: counted(incident).map(|(kind, count)| (kind.word().to_owned(), count)).collect(),
            told: about.iter().filter_map(|process| told(process, facts)).collect(),
            processes: about.into_iter().map(|process| process.view).collect(),
            decisions: incident.decided().map(|decided| decision(decided, facts)).collect(),
            span: span(incident, facts),
            lease: lease_view(incident, facts),
            contact: incident.names().and_then(|account| facts.account(account)?.contact.clone()),
            next: next(incident, incident.approvals(facts).as_ref()),
        }
    }
}

/// What is decided at its end if nobody does.
fn then(incident: &Incident) -> Option<Verb> {
    let then = match incident.then {
        Some(Then::Deny) => Verb::Deny,
        Some(Then::Approve) => Verb::Approve,
        None => Verb::Thaw,
    };
    (incident.is_open() && incident.until.is_some()).then_some(then)
}

/// The calls that wait for it.
fn held(incident: &Incident, facts: &Facts, about: &[ProcessFacts]) -> Vec<HeldView> {
    let account = incident.account().and_then(|account| facts.account(account));
    let waiting = account.filter(|_| incident.is_open() && incident.then.is_some());
    let view = |held: &HeldFacts| HeldView {
        at: facts.wall(held.call.at),
        kinds: kinds(held.call.kinds).into_iter().map(str::to_owned).collect(),
        path: Bytes::from(&held.call.path[..]),
        impact: incident.surveyed.of(path_of(held).as_ref()),
        tree: held.tree.as_deref().map(Bytes::from),
        pid: held.call.process.pid,
        tid: held.call.tid,
        above: about
            .iter()
            .find(|process| process.id == held.call.process)
            .and_then(|process| process.above.clone()),
    };
    waiting.map(|account| account.held.iter().map(view).collect()).unwrap_or_default()
}

pub(super) fn phase(phase: Phase) -> Standing {
    match phase {
        Phase::Armed => Standing::Armed,
        Phase::Tripped | Phase::Frozen => Standing::Tripped,
        Phase::Denied => Standing::Denied,
    }
}

fn frozen(incident: &Incident) -> u64 {
    match incident.stage {
        Stage::Frozen { processes } => processes,
        _ => 0,
    }
}

fn plural(kind: Kind) -> String {
    format!("{}s", kind.word())
}

pub(super) fn decision(decided: &Decided, facts: &Facts) -> Decision {
    Decision {
        at: facts.wall(decided.at),
        verb: decided.verb,
        by: decided.by.clone(),
        reason: decided.reason.clone(),
        outcome: decided.outcome.clone(),
    }
}

/// What an observed burst did past its budget. Where calls cannot be held, the first of it happens in any case.
fn would_have_stopped(incident: &Incident, facts: &Facts) -> u64 {
    let happens = u64::from(!facts.can_hold());
    if incident.stage == Stage::Observed { incident.past.saturating_sub(happens) } else { 0 }
}
