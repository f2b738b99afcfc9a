//! What the page shows, as JSON.

use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use super::lately::Timeline;
use crate::{
    api::{AccountView, BudgetView, IncidentSummary, Mode, Standing, State, Verb},
    metrics::Metrics,
};

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct View {
    at: Timestamp,
    host: String,
    version: &'static str,
    /// Why nothing is watched, or not as it should be; none if all is well.
    trouble: Option<String>,
    /// None until the daemon is armed.
    daemon: Option<Daemon>,
    accounts: Vec<Account>,
    /// Those that wait for a decision, the newest first.
    incidents: Vec<Incident>,
    timeline: Timeline,
}

#[derive(Debug, Serialize)]
struct Daemon {
    mode: Mode,
    tier: String,
    off_until: Option<Timestamp>,
    governor_until: Option<Timestamp>,
    armed_at: Timestamp,
    records_lost: u64,
    kernel_errors: u64,
}

/// Without what was said about it.
#[derive(Debug, Serialize)]
struct Account {
    name: String,
    response: String,
    standing: Standing,
    until: Option<Timestamp>,
    then: Option<Verb>,
    budgets: Vec<BudgetView>,
    processes: u64,
    stopped: u64,
    frozen: u64,
    held: u64,
    incident: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Incident {
    id: u64,
    opened_at: Timestamp,
    account: Option<String>,
    what: String,
    done: u64,
    state: State,
    waiting: u64,
    until: Option<Timestamp>,
    then: Option<Verb>,
}

impl View {
    /// As things stand now.
    pub(super) fn of(metrics: &Metrics) -> Self {
        let facts = metrics.last_facts();
        let daemon = facts.as_ref().map(|facts| Daemon {
            mode: facts.status.mode,
            tier: facts.status.tier.clone(),
            off_until: facts.status.off_until,
            governor_until: facts.status.governor.as_ref().map(|governor| governor.until),
            armed_at: facts.status.armed_at,
            records_lost: facts.status.records_lost,
            kernel_errors: facts.status.kernel_errors,
        });
        let (accounts, mut incidents) =
            facts.map_or_else(Default::default, |facts| (facts.status.accounts, facts.waiting));
        incidents.sort_by_key(|incident| std::cmp::Reverse(incident.id));
        Self {
            at: Timestamp::now(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            version: env!("CARGO_PKG_VERSION"),
            trouble: metrics.ready().err(),
            daemon,
            accounts: accounts.into_iter().map(Account::of).collect(),
            incidents: incidents.into_iter().map(Incident::of).collect(),
            timeline: metrics.timeline(Instant::now()),
        }
    }
}

impl Account {
    fn of(view: AccountView) -> Self {
        let AccountView {
            name,
            note: _,
            response,
            standing,
            until,
            budgets,
            processes,
            stopped,
            frozen,
            held,
            refused: _,
            held_since: _,
            incident,
            granted: _,
            then,
        } = view;
        Self { name, response, standing, until, then, budgets, processes, stopped, frozen, held, incident }
    }
}

impl Incident {
    fn of(summary: IncidentSummary) -> Self {
        let IncidentSummary { id, opened_at, account, what, done, state, waiting, until, then, .. } = summary;
        Self { id, opened_at, account, what, done, state, waiting, until, then }
    }
}
