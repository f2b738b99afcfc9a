//! How things stand. The loop replaces it as a whole each second, and each scrape makes its metrics anew from it: what is not in
//! it has no series.

use agent_common::wire::Counter;
use jiff::Timestamp;
use prometheus::proto::MetricFamily;

use super::family::Family;
use crate::api::{AccountView, GrantedBy, Mode, Standing, Status, StoreView};

/// How things stand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    /// What `burstguard status` says too, so that both say the same.
    pub(crate) status: Status,
    /// Why the last self-test failed, if it did.
    pub(crate) self_test_failure: Option<String>,
    /// Why the generation in force is not pinned, if it is not.
    pub(crate) unpinned: Option<String>,
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
        let families =
            [self.daemon(), self.policy(), self.accounts(), self.budgets(), self.kernel()].concat();
        families.into_iter().filter(|family| !family.get_metric().is_empty()).collect()
    }

    fn daemon(&self) -> Vec<MetricFamily> {
        let status = &self.status;
        let mut tier = Family::gauges("tier_info", "What this kernel lets burstguard do; always 1.");
        tier.add(&[("tier", &status.tier)], 1);
        let mut mode = Family::gauges("mode", "1 for the mode in force, 0 for the others.");
        for (each, word) in MODES {
            mode.add(&[("mode", word)], (each == status.mode).into());
        }
        vec![
            tier.done(),
            mode.done(),
            one(
                "self_test_passed",
                "Whether the last self-test passed.",
                self.self_test_failure.is_none().into(),
            ),
            one(
                "self_test_timestamp_seconds",
                "When the last self-test ended.",
                seconds(status.self_test_at),
            ),
            one("armed_timestamp_seconds", "When watching began.", seconds(status.armed_at)),
            one(
                "pinned",
                "Whether enforcement stays when the daemon is killed.",
                self.unpinned.is_none().into(),
            ),
            one(
                "governor_engaged",
                "Whether the governor is engaged, so that accounts that have not tripped are only observed.",
                status.governor.is_some().into(),
            ),
            one("incidents_open", "Incidents that wait for a decision.", status.open_incidents),
        ]
        .into_iter()
        .chain(self.store())
        .collect()
    }

    fn store(&self) -> [MetricFamily; 4] {
        let StoreView { degraded, last: _, hash: _, size, missed, unrecorded } = &self.status.store;
        let counter = |name, help, value| {
            let mut family = Family::counters(name, help);
            family.add(&[], value);
            family.done()
        };
        [
            one("store_degraded", "Whether incidents cannot be written down.", degraded.is_some().into()),
            one("store_size_bytes", "How large the record of incidents is.", *size),
            counter("store_missed_total", "Entries that are lost for the record of incidents.", *missed),
            counter(
                "store_unrecorded_total",
                "Decisions that were carried out before they were on the disk.",
                *unrecorded,
            ),
        ]
    }

    fn policy(&self) -> Vec<MetricFamily> {
        let policy = &self.status.policy;
        let mut info = Family::gauges("policy_info", "The policy in force; always 1.");
        info.add(&[("sha256", &policy.sha256)], 1);
        let changed = "Whether the policy's files say something else than the policy in force.";
        let warnings = "Warnings about the policy in force.";
        let loaded = "When the policy in force was loaded.";
        vec![
            info.done(),
            one("policy_loaded_timestamp_seconds", loaded, seconds(policy.loaded_at)),
            one("policy_changed", changed, policy.changed.into()),
            one("policy_warnings", warnings, policy.warnings.len() as u64),
        ]
    }

    fn accounts(&self) -> Vec<MetricFamily> {
        let mut info =
            Family::gauges("account_info", "What happens past the budgets of an account; always 1.");
        let mut standing =
            Family::gauges("account_standing", "1 for the standing of the account, 0 for the others.");
        let mut granted =
            Family::gauges("account_granted", "1 for what lets the account pass, 0 for what else could.");
        let mut processes = Family::gauges("processes", "Processes that act for the account.");
        let mut stopped =
            Family::gauges("processes_stopped", "Processes of the account that are stopped now.");
        let mut frozen = Family::gauges("processes_frozen", "Processes of the account that are frozen now.");
        let mut held = Family::gauges(
            "processes_held",
            "Processes of the account with a call that waits for a decision.",
        );
        let help = "When the call began to wait that has waited longest; not there if none waits.";
        let mut oldest = Family::gauges("oldest_held_timestamp_seconds", help);
        let help = "Calls of the account that were refused since the kernel programs were loaded.";
        let mut refused = Family::counters("calls_refused_total", help);
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
        let mut used = Family::gauges("budget_used", "Operations in the budget's window that ends now.");
        let mut limit =
            Family::gauges("budget_limit", "How many operations the budget admits in its window.");
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

    fn kernel(&self) -> Vec<MetricFamily> {
        let help = "Faults of the kernel programs: what they could not do.";
        let mut faults = Family::counters("kernel_faults_total", help);
        let help = "What the kernel programs met that is beyond this tier.";
        let mut limits = Family::counters("kernel_limits_total", help);
        for (counter, total) in &self.counters {
            let counters = if counter.is_fault() { &mut faults } else { &mut limits };
            counters.add(&[("counter", counter.label())], *total);
        }
        let mut entries = Family::gauges("map_entries", "Entries in a map of the kernel programs.");
        let mut capacity = Family::gauges("map_capacity", "How many entries a map has room for.");
        for fill in &self.maps {
            entries.add(&[("map", fill.map)], fill.entries);
            capacity.add(&[("map", fill.map)], fill.capacity);
        }
        [faults, limits, entries, capacity].map(Family::done).into()
    }
}

/// A metric without labels.
fn one(name: &str, help: &str, value: u64) -> MetricFamily {
    let mut family = Family::gauges(name, help);
    family.add(&[], value);
    family.done()
}

/// Since 1970.
fn seconds(at: Timestamp) -> u64 {
    at.as_second().try_into().unwrap_or(0)
}
