//! How kernel and host stand at one moment, as plain data.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use agent_common::{
    rules::{
        BootNs,
        identity::Evidence,
        judge::{self, Tier},
    },
    wire::Counter,
};
use jiff::{Timestamp, ToSpan as _};

use super::tier::Chosen;
use crate::api::{Above, Bytes, KeeperView, ProcessView, StoreView, WebhookView};
use crate::policy::{self, Hold};
use crate::processes::proc::ProcessId;
use crate::sensor::{BudgetUse, Grant, HeldCall};

/// Taken each second, and for each call.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// One moment on both clocks.
    pub(crate) now: BootNs,
    pub(crate) wall: Timestamp,
    pub(crate) about: Arc<About>,
    pub(crate) accounts: Vec<AccountFacts>,
    /// What responders have granted and is not over yet.
    pub(crate) grants: Vec<GrantFacts>,
    /// Every counter; none where nobody asks for them.
    pub(crate) counters: Vec<(Counter, u64)>,
    /// Whether the policy's files say something else than what is in force.
    pub(crate) policy_changed: bool,
    /// How the record stands.
    pub(crate) store: StoreView,
    pub(crate) webhooks: Vec<WebhookView>,
    pub(crate) keeper: KeeperView,
}

/// What changes only with a reload or a self-test. Its times are of the kernel's clock, so that setting the other one makes
/// nothing older.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) kernel: String,
    /// The kernel's id of the boot.
    pub(crate) boot: String,
    pub(crate) tier: Chosen,
    pub(crate) armed_at: BootNs,
    pub(crate) self_test_at: BootNs,
    pub(crate) trees: Vec<PathBuf>,
    pub(crate) enforces: bool,
    /// How many people it takes to let go on what waits; 0 before there is a policy.
    pub(crate) approvals: u8,
    pub(crate) governor: policy::Governor,
    /// The account of a drill, if there is one.
    pub(crate) drill: Option<String>,
    pub(crate) policy_sources: Vec<PathBuf>,
    pub(crate) policy_sha256: String,
    pub(crate) policy_loaded_at: BootNs,
    pub(crate) policy_warnings: Vec<String>,
}

/// An account as the kernel has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AccountFacts {
    pub(crate) name: String,
    /// Why it is watched, as the policy says.
    pub(crate) note: Option<String>,
    /// The word of the policy.
    pub(crate) response: &'static str,
    /// The same, to somebody else being asked to act.
    pub(crate) escapes: &'static str,
    pub(crate) standing: judge::Standing,
    /// Until when it is granted whatever it does; 0 if it is not.
    pub(crate) granted_until: BootNs,
    /// Until when it is new on this host, by its policy; 0 if it never was.
    pub(crate) warm_until: BootNs,
    pub(crate) budgets: Vec<BudgetUse>,
    pub(crate) processes: u64,
    /// The processes that the kernel programs stopped.
    pub(crate) stopped: u64,
    /// The calls that wait, the oldest first.
    pub(crate) held: Vec<HeldFacts>,
    /// How many calls were refused so far.
    pub(crate) refused: u64,
    /// What becomes of calls that wait if nobody decides.
    pub(crate) hold: Hold,
    /// Whom to ask about them.
    pub(crate) contact: Option<String>,
}

/// A call that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldFacts {
    pub(crate) call: HeldCall,
    /// The protected root of its first name; none for a directory above one.
    pub(crate) tree: Option<PathBuf>,
}

/// A grant in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrantFacts {
    pub(crate) index: u32,
    pub(crate) grant: Grant,
    /// The processes in whose rows it is; none of a lease.
    pub(crate) processes: u64,
}

/// One process, with what a request needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessFacts {
    pub(crate) id: ProcessId,
    pub(crate) view: ProcessView,
    /// The account that it acts for.
    pub(crate) account: Option<String>,
    /// By what it does, or why it does not; looked up for whoever asks just that.
    pub(crate) identity: Option<Identity>,
    /// Who started it and does not simply wait for it; looked up of a held one, for whoever asks for its incident.
    pub(crate) above: Option<Above>,
    /// Why it is never frozen or killed, if so.
    pub(crate) spared: Option<&'static str>,
}

/// Why a process acts for an account, or for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Member {
        evidence: Evidence,
        /// The entry of the policy, in words, if it is still in it.
        entry: Option<String>,
        since: BootNs,
        /// The process that this was seen of.
        origin: u32,
        /// What that runs; none if it has ended.
        comm: Option<Bytes>,
    },
    /// In words.
    Nobody(String),
}

impl AccountFacts {
    /// How many processes have a call that waits.
    pub(crate) fn held_processes(&self) -> u64 {
        self.held.iter().map(|held| held.call.process.pid).collect::<BTreeSet<_>>().len() as u64
    }
}

impl Facts {
    /// The time of day of a moment on the kernel's clock.
    pub(crate) fn wall(&self, at: BootNs) -> Timestamp {
        let ns = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX).nanoseconds();
        if at <= self.now {
            self.wall.checked_sub(ns(self.now - at)).unwrap_or(Timestamp::MIN)
        } else {
            self.wall.checked_add(ns(at - self.now)).unwrap_or(Timestamp::MAX)
        }
    }

    /// Whether calls can wait before anything has happened; else processes are stopped after the fact.
    pub(crate) fn can_hold(&self) -> bool {
        self.about.tier.tier == Tier::Lsm
    }

    /// The grant of an incident, while it is in force.
    pub(crate) fn grant_of(&self, incident: u64) -> Option<&GrantFacts> {
        self.grants.iter().find(|facts| facts.grant.incident == incident)
    }

    pub(crate) fn account(&self, name: &str) -> Option<&AccountFacts> {
        self.accounts.iter().find(|account| account.name == name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However the clock on the wall is set: no panic, and what came later is never shown as earlier.
        #[test]
        fn times_of_day_are_in_the_order_of_what_happened(
            wall in Timestamp::MIN.as_second()..Timestamp::MAX.as_second(), now: u64, one: u64, other: u64,
        ) {
            let wall = Timestamp::from_second(wall).expect("in range");
            let facts = Facts { now, wall, ..Facts::default() };
            prop_assert_eq!(facts.wall(now), wall);
            prop_assert!(facts.wall(one.min(other)) <= facts.wall(one.max(other)));
        }
    }
}
