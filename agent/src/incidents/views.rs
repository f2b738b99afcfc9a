//! Incidents and accounts as a responder sees them.

use agent_common::{
    rules::{BootNs, Kind, NEVER, judge},
    wire::Counter,
};

use super::{
    Incidents,
    decide::no_incident,
    incident::{Cause, Decided, Incident, Stage},
    kinds,
};
use crate::{
    api::{
        self, AccountView, Answer, BudgetView, Code, Decision, Filter, IncidentDetail, IncidentSummary, Mode,
        PolicyView, Problem, ProcessView, Standing, State, Status, Whois, Why,
    },
    daemon::{AccountFacts, Facts, ProcessFacts},
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
            off_until: self.off.and_then(|off| off.until).map(|until| facts.wall(until)),
            tier: about.tier.word().to_owned(),
            tier_note: about.tier.note.clone(),
            kernel: about.kernel.clone(),
            pid: std::process::id(),
            armed_at: about.armed_at,
            self_test_at: about.self_test_at,
            policy: PolicyView {
                sources: about.policy_sources.iter().map(|path| path.as_path().into()).collect(),
                sha256: about.policy_sha256.clone(),
                loaded_at: about.policy_loaded_at,
                changed: facts.policy_changed,
                warnings: about.policy_warnings.clone(),
            },
            accounts: self.accounts(facts),
            trees: about.trees.iter().map(|path| path.as_path().into()).collect(),
            processes: facts.accounts.iter().map(|account| account.processes).sum(),
            records_lost: total(&|counter| counter == Counter::RecordLost),
            kernel_errors: total(&Counter::is_fault),
            open_incidents: self.incidents.values().filter(|incident| incident.is_open()).count() as u64,
        }
    }

    pub(super) fn accounts(&self, facts: &Facts) -> Vec<AccountView> {
        facts.accounts.iter().map(|account| self.account_view(account, facts)).collect()
    }

    fn account_view(&self, account: &AccountFacts, facts: &Facts) -> AccountView {
        let standing = account.standing.at(facts.now);
        let ends = standing.until < NEVER && standing.phase != judge::Phase::Armed;
        let open = self.incidents.values().rev();
        let open: Vec<_> =
            open.filter(|open| open.is_open() && open.account() == Some(&account.name)).collect();
        AccountView {
            name: account.name.clone(),
            response: account.response.to_owned(),
            standing: phase(standing.phase),
            until: ends.then(|| facts.wall(standing.until)),
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
            frozen: open.iter().map(|incident| frozen(incident)).max().unwrap_or(0),
            incident: open.first().map(|incident| incident.id),
        }
    }

    pub(super) fn list(&self, filter: &Filter, facts: &Facts) -> Answer {
        let since =
            filter.since_s.map_or(0, |back| facts.now.saturating_sub(back.saturating_mul(1_000_000_000)));
        let wanted = self.incidents.values().rev().filter(|incident| {
            (!filter.open || incident.is_open())
                && filter.account.as_deref().is_none_or(|account| incident.names() == Some(account))
                && incident.last >= since
        });
        Answer::Incidents(
            wanted
                .take(filter.limit.unwrap_or(usize::MAX))
                .map(|incident| Self::summary(incident, facts))
                .collect(),
        )
    }

    fn summary(incident: &Incident, facts: &Facts) -> IncidentSummary {
        let waiting = match incident.state() {
            State::Stopped => incident
                .account()
                .and_then(|account| facts.account(account))
                .map_or(incident.stopped.len() as u64, |account| account.stopped),
            State::Frozen => frozen(incident),
            _ => 0,
        };
        IncidentSummary {
            id: incident.id,
            opened_at: facts.wall(incident.opened),
            account: incident.names().map(str::to_owned),
            what: what(incident),
            done: incident.done,
            state: incident.state(),
            waiting,
            until: incident.until.filter(|_| incident.is_open()).map(|until| facts.wall(until)),
            closed_at: match incident.stage {
                Stage::Closed { at, .. } => Some(facts.wall(at)),
                _ => None,
            },
        }
    }

    pub(super) fn detail(&self, id: u64, facts: &Facts, about: Vec<ProcessFacts>) -> Result<Answer, Problem> {
        let incident = self.incidents.get(&id).ok_or_else(|| no_incident(id))?;
        let acts = incident.acts.iter().map(|act| api::Act {
            at: facts.wall(act.at),
            kinds: kinds(act.kinds).into_iter().map(str::to_owned).collect(),
            path: act.path.clone(),
            tree: act.tree.clone(),
            pid: act.pid,
            comm: act.comm.clone(),
            over: act.over,
        });
        Ok(Answer::Incident(Box::new(IncidentDetail {
            summary: Self::summary(incident, facts),
            acts: acts.collect(),
            kinds: counted(incident).map(|(kind, count)| (kind.word().to_owned(), count)).collect(),
            processes: about.into_iter().map(|process| process.view).collect(),
            decisions: incident.decisions.iter().map(|decided| decision(decided, facts)).collect(),
            next: next(incident),
        })))
    }

    pub(super) fn whois(pid: u32, about: Vec<ProcessFacts>) -> Result<Answer, Problem> {
        let mut about = about.into_iter();
        let process = about.next().ok_or_else(|| no_process(pid))?;
        Ok(Answer::Whois(Whois {
            evidence: evidence(&process),
            account: process.account,
            process: process.view,
            ancestors: about.map(|ancestor| ancestor.view).collect(),
            spared: process.spared.map(str::to_owned),
        }))
    }

    pub(super) fn why(&self, pid: u32, facts: &Facts, about: Vec<ProcessFacts>) -> Result<Answer, Problem> {
        let process = about.into_iter().next().ok_or_else(|| no_process(pid))?;
        let account = process.account.as_deref().and_then(|name| facts.account(name));
        let incident = self.incidents.values().rev().find(|incident| {
            incident.is_open() && incident.account().is_some_and(|of| process.account.as_deref() == Some(of))
        });
        let because = match (&process.account, incident) {
            (None, _) => "it acts for no watched account: burstguard does not hinder it".to_owned(),
            (Some(account), None) => format!("nothing hinders it: account {account} is within its budgets"),
            (Some(account), Some(incident)) => format!(
                "account {account} waits for a decision on incident {}: {}",
                incident.id,
                what(incident)
            ),
        };
        Ok(Answer::Why(Why {
            pid,
            account: process.account.clone(),
            standing: account.map(|account| phase(account.standing.at(facts.now).phase)),
            incident: incident.map(|incident| Self::summary(incident, facts)),
            because,
        }))
    }
}

fn no_process(pid: u32) -> Problem {
    Problem::new(Code::NotFound, format!("there is no process {pid}"))
}

fn evidence(process: &ProcessFacts) -> Vec<String> {
    let ProcessView { uid, login, .. } = &process.view;
    let login = login.map_or("nobody logged in".to_owned(), |login| format!("login uid {login}"));
    match &process.account {
        Some(account) => vec![
            format!(
                "a member of the lineage of {account}: its user, or the user of a process that it comes from"
            ),
            format!("real uid {uid}, {login}"),
        ],
        None => vec![format!("real uid {uid}, {login}: no account of the policy")],
    }
}

fn phase(phase: judge::Phase) -> Standing {
    match phase {
        judge::Phase::Armed => Standing::Armed,
        judge::Phase::Tripped | judge::Phase::Frozen => Standing::Tripped,
        judge::Phase::Denied => Standing::Denied,
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

fn counted(incident: &Incident) -> impl Iterator<Item = (Kind, u64)> + '_ {
    Kind::ALL.into_iter().zip(incident.kinds).filter(|(_, count)| *count > 0)
}

/// The incident in a few words.
fn what(incident: &Incident) -> String {
    match &incident.cause {
        Cause::Freeze { target } => format!("freeze of {target}"),
        Cause::Left { target } => format!("freeze of {target} by an earlier daemon"),
        Cause::Attempt { times, .. } => format!("tried to decide {times} times"),
        Cause::Found { .. } => "tripped before this daemon started".to_owned(),
        Cause::Burst { whole, .. } => {
            let counts: Vec<String> = counted(incident)
                .map(|(kind, count)| format!("{count} {}{}", kind.word(), if count == 1 { "" } else { "s" }))
                .collect();
            let tree = incident.acts.iter().find_map(|act| act.tree.as_ref());
            let place = tree.map(|tree| format!(" in {tree}")).unwrap_or_default();
            let whole = if *whole { ", a whole tree at once" } else { "" };
            format!("{} in {}{place}{whole}", counts.join(", "), span(incident.last - incident.opened))
        }
    }
}

fn span(ns: BootNs) -> String {
    match ns / 1_000_000 {
        0 => format!("{} µs", ns / 1000),
        ms @ 1..1000 => format!("{ms} ms"),
        ms @ 1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        ms => format!("{} min", ms / 60_000),
    }
}

fn decision(decided: &Decided, facts: &Facts) -> Decision {
    Decision {
        at: facts.wall(decided.at),
        verb: decided.verb,
        by: decided.by.clone(),
        reason: decided.reason.clone(),
        outcome: decided.outcome.clone(),
    }
}

/// What a responder can type now.
fn next(incident: &Incident) -> Vec<String> {
    if !incident.is_open() {
        return Vec::new();
    }
    let id = incident.id;
    vec![
        format!("burstguard thaw {id}   let these processes go on"),
        format!("burstguard kill {id}   end them"),
    ]
}
