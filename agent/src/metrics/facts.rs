//! How things stand. The loop replaces it as a whole each second, and each scrape makes its metrics anew from it: what is not in
//! it has no series.

use std::collections::BTreeMap;

use agent_common::wire::Counter;
use jiff::Timestamp;
use prometheus::proto::MetricFamily;

use super::{
    catalog::{self, Metric},
    family::Family,
};
use crate::{
    api::{AccountView, GrantedBy, IncidentSummary, Mode, Standing, State, Status, StoreView},
    keeper::{self, Why},
    recording,
    webhook::{self, Dropped, Failed},
};

/// How things stand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    /// What `burstguard status` says too, so that both say the same.
    pub(crate) status: Status,
    /// The incidents that wait for a decision.
    pub(crate) waiting: Vec<IncidentSummary>,
    /// Why the last self-test failed, if it did.
    pub(crate) self_test_failure: Option<String>,
    /// Why the generation in force is not pinned, if it is not.
    pub(crate) unpinned: Option<String>,
    /// How the recording of what accounts do stands.
    pub(crate) recording: recording::Standing,
    /// How each webhook stands, by its name.
    pub(crate) webhooks: Vec<(String, webhook::Standing)>,
    /// How what is kept of protected trees stands.
    pub(crate) keeper: keeper::Standing,
    /// By map of the kernel programs; only those that can fill up.
    pub(crate) maps: Vec<MapFill>,
    /// The kernel programs' counters.
    pub(crate) counters: Vec<(Counter, u64)>,
}

/// How full a map of the kernel programs is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapFill {
    pub(crate) map: &'static str,
    pub(crate) entries: u64,
    pub(crate) capacity: u64,
}

const MODES: [(Mode, &str); 3] = [(Mode::Observe, "observe"), (Mode::Enforce, "enforce"), (Mode::Off, "off")];
const STANDINGS: [(Standing, &str); 4] = [
    (Standing::Armed, "armed"),
    (Standing::Tripped, "tripped"),
    (Standing::Denied, "denied"),
    (Standing::Granted, "granted"),
];

impl Facts {
    /// The response of an account; none if there is no such account.
    pub(super) fn response(&self, account: &str) -> Option<&str> {
        let found = self.status.accounts.iter().find(|known| known.name == account)?;
        Some(&found.response)
    }

    /// Whether these are the accounts and responses of `other`.
    pub(super) fn has_accounts_of(&self, other: &Self) -> bool {
        let same = |a: &AccountView, b: &AccountView| a.name == b.name && a.response == b.response;
        let (these, those) = (&self.status.accounts, &other.status.accounts);
        these.len() == those.len() && these.iter().zip(those).all(|(a, b)| same(a, b))
    }

    /// The metrics of these facts. Those without a series are left out, as the text format has it.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        let families = [
            self.daemon(),
            self.policy(),
            self.incidents(),
            self.accounts(),
            self.budgets(),
            self.webhooks(),
            self.keeper(),
            self.kernel(),
        ]
        .concat();
        families.into_iter().filter(|family| !family.get_metric().is_empty()).collect()
    }

    fn daemon(&self) -> Vec<MetricFamily> {
        let status = &self.status;
        let mut tier = Family::of(&catalog::TIER_INFO);
        tier.add(&[("tier", &status.tier)], 1);
        let mut mode = Family::of(&catalog::MODE_IN_FORCE);
        for (each, word) in MODES {
            mode.add(&[("mode", word)], (each == status.mode).into());
        }
        let recording = &self.recording;
        let StoreView { degraded, last: _, hash: _, size, missed, unrecorded } = &status.store;
        vec![
            tier.done(),
            mode.done(),
            one(&catalog::SELF_TEST_PASSED, self.self_test_failure.is_none().into()),
            one(&catalog::SELF_TEST_AT, seconds(status.self_test_at)),
            one(&catalog::ARMED, seconds(status.armed_at)),
            one(&catalog::PINNED, self.unpinned.is_none().into()),
            one(&catalog::GOVERNOR_ENGAGED, status.governor.is_some().into()),
            one(&catalog::STORE_DEGRADED, degraded.is_some().into()),
            one(&catalog::STORE_SIZE, *size),
            one(&catalog::STORE_MISSED, *missed),
            one(&catalog::STORE_UNRECORDED, *unrecorded),
            one(&catalog::RECORDING_DEGRADED, recording.degraded.is_some().into()),
            one(&catalog::RECORDING_SIZE, recording.size),
            one(&catalog::RECORDING_WRITTEN, recording.written),
            one(&catalog::RECORDING_MISSED, recording.lost),
        ]
    }

    fn policy(&self) -> Vec<MetricFamily> {
        let policy = &self.status.policy;
        let mut info = Family::of(&catalog::POLICY_INFO);
        info.add(&[("sha256", &policy.sha256)], 1);
        vec![
            info.done(),
            one(&catalog::POLICY_LOADED, seconds(policy.loaded_at)),
            one(&catalog::POLICY_CHANGED, policy.changed.into()),
            one(&catalog::POLICY_WARNINGS, policy.warnings.len() as u64),
        ]
    }

    fn incidents(&self) -> Vec<MetricFamily> {
        let mut number = Family::of(&catalog::OLDEST_INCIDENT_NUMBER);
        let mut since = Family::of(&catalog::OLDEST_INCIDENT_AT);
        for ((account, state), incident) in oldest(&self.waiting) {
            let labels = [("account", account), ("state", state)];
            number.add(&labels, incident.id);
            since.add(&labels, seconds(incident.opened_at));
        }
        vec![one(&catalog::INCIDENTS_OPEN, self.status.open_incidents), number.done(), since.done()]
    }

    fn accounts(&self) -> Vec<MetricFamily> {
        let mut info = Family::of(&catalog::ACCOUNT_INFO);
        let mut standing = Family::of(&catalog::ACCOUNT_STANDING);
        let mut granted = Family::of(&catalog::ACCOUNT_GRANTED);
        let mut processes = Family::of(&catalog::PROCESSES);
        let mut stopped = Family::of(&catalog::PROCESSES_STOPPED);
        let mut frozen = Family::of(&catalog::PROCESSES_FROZEN);
        let mut held = Family::of(&catalog::PROCESSES_HELD);
        let mut oldest = Family::of(&catalog::OLDEST_HELD);
        let mut refused = Family::of(&catalog::REFUSED);
        for account in &self.status.accounts {
            let name = ("account", account.name.as_str());
            info.add(&[name, ("response", &account.response)], 1);
            for (each, word) in STANDINGS {
                standing.add(&[name, ("standing", word)], (each == account.standing).into());
            }
            for by in GrantedBy::ALL {
                let lets_pass = account.granted.as_ref().is_some_and(|granted| granted.by == by);
                granted.add(&[name, ("by", by.word())], lets_pass.into());
            }
            processes.add(&[name], account.processes);
            stopped.add(&[name], account.stopped);
            frozen.add(&[name], account.frozen);
            held.add(&[name], account.held);
            refused.add(&[name], account.refused);
            if let Some(since) = account.held_since {
                oldest.add(&[name], seconds(since));
            }
        }
        [info, standing, granted, processes, stopped, frozen, held, oldest, refused].map(Family::done).into()
    }

    fn budgets(&self) -> Vec<MetricFamily> {
        let mut used = Family::of(&catalog::BUDGET_USED);
        let mut limit = Family::of(&catalog::BUDGET_LIMIT);
        for account in &self.status.accounts {
            for budget in &account.budgets {
                // The policy's "deletes" is the "delete" of the operations: one label for both, so that they can be joined.
                let kind = ("kind", budget.kind.strip_suffix('s').unwrap_or(&budget.kind));
                let labels = [("account", account.name.as_str()), kind];
                used.add(&labels, budget.used);
                limit.add(&labels, budget.limit);
            }
        }
        [used, limit].map(Family::done).into()
    }

    fn keeper(&self) -> Vec<MetricFamily> {
        let keeper = &self.keeper;
        let mut left = Family::of(&catalog::KEEPER_LEFT);
        for (why, count) in Why::ALL.iter().zip(keeper.left) {
            left.add(&[("why", why.word())], count);
        }
        let mut looked = Family::of(&catalog::KEEPER_LOOKED);
        if let Some(at) = keeper.looked {
            looked.add(&[], seconds(at));
        }
        vec![
            one(&catalog::KEEPER_DEGRADED, keeper.degraded.is_some().into()),
            one(&catalog::KEEPER_FAILURES, keeper.failures),
            one(&catalog::KEEPER_NAMES, keeper.names),
            one(&catalog::KEEPER_VERSIONS, keeper.versions),
            one(&catalog::KEEPER_BYTES, keeper.bytes),
            left.done(),
            one(&catalog::KEEPER_UNSETTLED, keeper.unsettled),
            one(&catalog::KEEPER_BEHIND, keeper.behind().as_secs()),
            one(&catalog::KEEPER_UNWATCHED, keeper.unwatched),
            looked.done(),
            one(&catalog::KEEPER_LOST, keeper.lost),
            one(&catalog::KEEPER_LATE, keeper.late),
        ]
    }

    fn webhooks(&self) -> Vec<MetricFamily> {
        let mut waiting = Family::of(&catalog::WEBHOOK_WAITING);
        let mut oldest = Family::of(&catalog::WEBHOOK_OLDEST);
        let mut queued = Family::of(&catalog::WEBHOOK_QUEUED);
        let mut delivered = Family::of(&catalog::WEBHOOK_DELIVERED);
        let mut failed = Family::of(&catalog::WEBHOOK_FAILED);
        let mut dropped = Family::of(&catalog::WEBHOOK_DROPPED);
        for (name, standing) in &self.webhooks {
            let name = ("webhook", name.as_str());
            waiting.add(&[name], standing.waiting);
            if let Some(at) = standing.oldest {
                oldest.add(&[name], seconds(at));
            }
            queued.add(&[name], standing.queued);
            delivered.add(&[name], standing.delivered);
            for why in Failed::ALL {
                failed.add(&[name, ("reason", why.word())], standing.failed(why));
            }
            for why in Dropped::ALL {
                dropped.add(&[name, ("reason", why.word())], standing.dropped(why));
            }
        }
        [waiting, oldest, queued, delivered, failed, dropped].map(Family::done).into()
    }

    fn kernel(&self) -> Vec<MetricFamily> {
        let mut faults = Family::of(&catalog::KERNEL_FAULTS);
        let mut limits = Family::of(&catalog::KERNEL_LIMITS);
        for (counter, total) in &self.counters {
            let counters = if counter.is_fault() { &mut faults } else { &mut limits };
            counters.add(&[("counter", counter.label())], *total);
        }
        let mut entries = Family::of(&catalog::MAP_ENTRIES);
        let mut capacity = Family::of(&catalog::MAP_CAPACITY);
        for fill in &self.maps {
            entries.add(&[("map", fill.map)], fill.entries);
            capacity.add(&[("map", fill.map)], fill.capacity);
        }
        [faults, limits, entries, capacity].map(Family::done).into()
    }
}

/// Of those that wait, by account and state the one that has waited longest. What waits for no decision is not among them.
fn oldest(waiting: &[IncidentSummary]) -> BTreeMap<(&str, &'static str), &IncidentSummary> {
    let mut oldest: BTreeMap<_, &IncidentSummary> = BTreeMap::new();
    for incident in waiting {
        let state = match incident.state {
            State::Held => "held",
            State::Stopped => "stopped",
            State::Freezing => "freezing",
            State::Frozen => "frozen",
            _ => continue,
        };
        let before = oldest.entry((incident.account.as_deref().unwrap_or(""), state)).or_insert(incident);
        if (incident.opened_at, incident.id) < (before.opened_at, before.id) {
            *before = incident;
        }
    }
    oldest
}

/// A metric without labels.
fn one(metric: &Metric, value: u64) -> MetricFamily {
    let mut family = Family::of(metric);
    family.add(&[], value);
    family.done()
}

/// Since 1970.
fn seconds(at: Timestamp) -> u64 {
    at.as_second().try_into().unwrap_or(0)
}
