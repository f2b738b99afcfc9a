//! What is known of the host at one time, with the most urgent first.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::api::{
    AccountView, BudgetView, IncidentDetail, IncidentSummary, ProcessView, Standing, State, Status,
};

/// What the daemon has said.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) status: Status,
    /// Those that are open, then those that were, newest first.
    pub(super) incidents: Vec<IncidentSummary>,
    /// The processes that do not go on.
    pub(super) waiting: Vec<Waiting>,
    /// How many processes wait in incidents beyond those that were looked into.
    pub(super) more_wait: u64,
    /// The one with this number, which is open on the screen, or why it cannot be shown.
    pub(super) story: Option<(u64, Result<IncidentDetail, String>)>,
    /// The operations of each account since the last time; none if nobody has counted them.
    pub(super) operations: Option<BTreeMap<String, u64>>,
}

/// A process that does not go on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Waiting {
    pub(super) process: ProcessView,
    pub(super) incident: u64,
    pub(super) account: Option<String>,
}

impl Facts {
    /// In the order in which they are shown.
    pub(super) fn sorted(mut self) -> Self {
        self.status.accounts.sort_by_key(urgency);
        for account in &mut self.status.accounts {
            account.budgets.sort_by_key(|budget| Reverse(fullness(budget)));
        }
        self.incidents.sort_by_key(|one| (!is_open(one), Reverse(one.id)));
        self.incidents.dedup_by_key(|one| one.id);
        self.waiting.sort_by_key(|one| (Reverse(one.incident), one.process.pid));
        self
    }

    pub(super) fn incident(&self, id: u64) -> Option<&IncidentSummary> {
        self.incidents.iter().find(|one| one.id == id)
    }

    pub(super) fn account(&self, name: &str) -> Option<&AccountView> {
        self.status.accounts.iter().find(|one| one.name == name)
    }
}

impl Waiting {
    /// Those of an incident.
    pub(super) fn of(incident: &IncidentDetail) -> impl Iterator<Item = Self> {
        let waits = |process: &&ProcessView| process.held || process.stopped || process.frozen;
        incident.processes.iter().filter(waits).map(|process| Self {
            process: process.clone(),
            incident: incident.summary.id,
            account: incident.summary.account.clone(),
        })
    }
}

/// Whether something is still to come of it.
pub(super) fn is_open(incident: &IncidentSummary) -> bool {
    match incident.state {
        State::Held | State::Stopped | State::Freezing | State::Frozen | State::Proposed | State::Leased => {
            true
        }
        State::Denied => incident.closed_at.is_none(),
        State::Observed
        | State::Approved
        | State::Expired
        | State::Revoked
        | State::Thawed
        | State::Killed
        | State::Gone
        | State::Unseen
        | State::Rebooted
        | State::Left => false,
    }
}

/// Whether processes of it wait for somebody to decide.
pub(super) fn is_waiting(incident: &IncidentSummary) -> bool {
    matches!(incident.state, State::Held | State::Stopped | State::Freezing | State::Frozen)
}

/// How much of it is used, in thousandths. A limit of nothing is full with the first operation.
pub(super) fn fullness(budget: &BudgetView) -> u64 {
    match budget.limit {
        0 => u64::from(budget.used > 0) * 1000,
        limit => budget.used.saturating_mul(1000) / limit,
    }
}

/// What sorts accounts: who waits, who is stopped or denied, who is closest to a budget.
fn urgency(account: &AccountView) -> impl Ord + use<> {
    let waits = account.held + account.stopped + account.frozen > 0;
    let standing = match account.standing {
        Standing::Tripped => 0,
        Standing::Denied => 1,
        Standing::Granted => 2,
        Standing::Armed => 3,
    };
    let fullest = account.budgets.iter().map(fullness).max().unwrap_or(0);
    (!waits, standing, Reverse(fullest), account.name.clone())
}
