//! The governor: if more than so many accounts trip, or more than so many incidents stop somebody, within so long a time, the rule
//! is wrong or the host is being upgraded. Then nobody else is stopped until that is over.
//!
//! Whoever trips it on purpose gains nothing: what is held stays held, and who has tripped goes on being held to his budgets until
//! a person has let him go on. It lasts for as long as the very condition holds that engaged it, with what is now only observed
//! counted too, and its time after that. So it needs no longest time: one account that goes on and on neither engages it nor keeps it
//! engaged, since one is not more than so many, and of its incidents no more count than are allowed; and if as many others as that
//! go on, they are what it is for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use agent_common::rules::BootNs;
use serde::{Deserialize, Serialize};

use super::nanoseconds;
use crate::policy::{self, Budget};

/// What was counted, and whether it acts.
#[derive(Clone, Debug, Default)]
pub(super) struct Governor {
    accounts: Seen<String>,
    /// By account.
    incidents: Seen<(String, u64)>,
    /// The latest that was counted: what is reported a moment late counts as just now.
    latest: BootNs,
    engaged: Option<Engaged>,
}

/// Accounts that have not tripped are only observed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Engaged {
    pub(crate) since: BootNs,
    pub(crate) until: BootNs,
    pub(crate) why: String,
    /// Who has tripped and was not let go on by a person since: held to their budgets all the same.
    tripped: BTreeSet<String>,
}

/// Somebody was over a budget, or had others act.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over<'a> {
    pub(super) at: BootNs,
    pub(super) account: &'a str,
    /// The incident that this has opened, if it has.
    pub(super) incident: Option<u64>,
    /// Whether it was stopped; else it has passed because the governor is engaged, and only because of that.
    pub(super) stopped: bool,
}

/// When each was seen last. What was seen before that is not asked for: the times never go back.
#[derive(Clone, Debug)]
struct Seen<K>(BTreeMap<K, BootNs>);

impl<K> Default for Seen<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Seen<K> {
    fn add(&mut self, key: K, at: BootNs) {
        self.0.insert(key, at);
    }

    /// How many in the time of a limit that ends at `at`, as `count` counts them, if that is more than it allows. Without a limit
    /// nothing is kept.
    fn exceeds(
        &mut self,
        limit: Option<Budget>,
        at: BootNs,
        count: impl FnOnce(&BTreeMap<K, BootNs>, usize) -> usize,
    ) -> Option<Exceeded> {
        let window = limit.map_or(0, |limit| nanoseconds(limit.window()));
        self.0.retain(|_, seen| at - *seen < window);
        let limit = limit?;
        let most = limit.count() as usize;
        let count = count(&self.0, most);
        (count > most).then_some(Exceeded { count, limit, window })
    }
}

/// Of each account no more than are allowed, so that one alone does not exceed that.
fn of_several(incidents: &BTreeMap<(String, u64), BootNs>, most: usize) -> usize {
    let mut by_account: BTreeMap<&str, usize> = BTreeMap::new();
    for (account, _) in incidents.keys() {
        *by_account.entry(account).or_default() += 1;
    }
    by_account.into_values().map(|count| count.min(most.max(1))).sum()
}

/// A limit that does not hold.
struct Exceeded {
    count: usize,
    limit: Budget,
    window: BootNs,
}

impl Exceeded {
    fn says(&self, what: impl Display) -> String {
        format!("{} {what}, where the policy allows {}", self.count, self.limit)
    }
}

impl Governor {
    /// As an earlier daemon has left it.
    pub(super) fn left(engaged: Option<Engaged>) -> Self {
        Self { engaged, ..Self::default() }
    }

    pub(super) fn engaged(&self) -> Option<&Engaged> {
        self.engaged.as_ref()
    }

    /// Whether it lets an account pass, until when; it never does so if the account waits for anything, which is not known here.
    pub(super) fn lets_pass(&self, account: &str) -> Option<BootNs> {
        self.engaged
            .as_ref()
            .filter(|engaged| !engaged.tripped.contains(account))
            .map(|engaged| engaged.until)
    }

    /// Counts. True if it is engaged by that, or for longer.
    pub(super) fn count(&mut self, limits: policy::Governor, over: Over<'_>) -> bool {
        let Self { accounts, incidents, latest, engaged } = self;
        let at = over.at.max(*latest);
        *latest = at;
        accounts.add(over.account.to_owned(), at);
        over.incident.into_iter().for_each(|incident| incidents.add((over.account.to_owned(), incident), at));
        if let Some(engaged) = engaged.as_mut().filter(|_| over.stopped) {
            engaged.tripped.insert(over.account.to_owned());
        }
        let by_accounts = accounts.exceeds(limits.accounts, at, |accounts, _| accounts.len());
        let by_incidents = incidents.exceeds(limits.incidents, at, of_several);
        let windows = by_accounts.iter().chain(&by_incidents).map(|exceeded| exceeded.window);
        let Some(window) = windows.max() else { return false };
        match engaged {
            Some(engaged) if engaged.until >= at.saturating_add(window) => false,
            Some(engaged) => {
                // In steps: what goes on is not another time for each operation.
                engaged.until = at.saturating_add(window + window / 8);
                true
            }
            None => {
                let why = by_accounts.map(|exceeded| exceeded.says("accounts tripped"));
                let why = why.or(by_incidents.map(|exceeded| exceeded.says("incidents stopped somebody")));
                *engaged = Some(Engaged {
                    since: at,
                    until: at.saturating_add(window + window / 8),
                    why: why.unwrap_or_default(),
                    tripped: accounts
                        .0
                        .keys()
                        .chain(incidents.0.keys().map(|(account, _)| account))
                        .cloned()
                        .collect(),
                });
                true
            }
        }
    }

    /// A person has let an account go on.
    pub(super) fn forgive(&mut self, account: &str) {
        self.accounts.0.remove(account);
        self.incidents.0.retain(|(of, _), _| of != account);
        if let Some(engaged) = &mut self.engaged {
            engaged.tripped.remove(account);
        }
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self, now: BootNs) -> bool {
        self.engaged.as_ref().is_some_and(|engaged| engaged.until <= now)
    }

    /// Ends it, and forgets what was counted: some of it was only observed.
    pub(super) fn end(&mut self) -> Option<Engaged> {
        std::mem::take(self).engaged
    }
}

#[cfg(test)]
mod tests;
