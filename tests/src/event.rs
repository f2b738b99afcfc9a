//! What the agent prints: one JSON object a line.

use std::collections::BTreeMap;

use agent_common::wire::Counter;
use serde::{Deserialize, Deserializer};

use crate::Incident;

/// Counts by name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// One count; what was never counted is zero.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// The names and counts of what must not happen.
    #[must_use]
    pub fn faults(&self) -> Vec<(&str, u64)> {
        let faults = Counter::ALL.iter().filter(|counter| counter.is_fault());
        faults.map(|fault| (fault.label(), self.get(fault.label()))).filter(|&(_, count)| count > 0).collect()
    }
}

/// The first line: everything is in place.
#[derive(Clone, Debug, Deserialize)]
pub struct Armed {
    /// What this kernel can do.
    pub tier: String,
    /// How long it took from the start of the agent.
    pub start_ms: f64,
}

/// A budget was exceeded.
#[derive(Clone, Debug, Deserialize)]
pub struct Burst {
    /// When, on the clock of [`crate::clock`].
    pub at_ns: u64,
    /// Whose process it is.
    pub account: String,
    /// The process.
    pub pid: u32,
    /// What it runs.
    pub comm: String,
    /// What the call did.
    pub kinds: Vec<String>,
    /// Whether a whole tree went at once.
    pub whole: bool,
    /// The text of the call.
    pub path: String,
}

/// An operation on a protected name.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Operation {
    /// When, on the clock of [`crate::clock`].
    pub at_ns: u64,
    /// Whose process it is.
    pub account: String,
    /// The process.
    pub pid: u32,
    /// What it runs.
    pub comm: String,
    /// What the call did.
    pub kinds: Vec<String>,
    /// The text of the call.
    pub path: String,
    /// Whether it found no room in a budget.
    pub over: bool,
    /// How large what it hit was.
    pub before: Option<u64>,
    /// How large what is there now is.
    pub after: Option<u64>,
    /// The incident under whose approval, or the lease under which it happened.
    pub approved: Option<u64>,
}

/// A call that waits, before anything of it has happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Held {
    /// What a responder decides about; [`Incident::NONE`] if it was reported while the last one was being ended.
    #[serde(deserialize_with = "incident_or_none")]
    pub incident: Incident,
    /// Whose process it is.
    pub account: String,
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// What it would destroy.
    pub path: String,
}

fn incident_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Incident, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(Incident::NONE))
}

/// One line. The fields that no test looks at are left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The agent is ready.
    Armed(Armed),
    /// A unit is started because an account has asked for it.
    Launched {
        /// Its name.
        unit: String,
    },
    /// A process begins to act for an account.
    Joined {
        /// The process.
        pid: u32,
    },
    /// An operation happened.
    Operation(Operation),
    /// A budget was exceeded.
    Burst(Burst),
    /// Somebody else was asked to act.
    Escape {
        /// Whose process it is.
        account: String,
        /// The way.
        path: String,
    },
    /// A call waits.
    Held(Held),
    /// A call was refused.
    Denied {
        /// Of which incident.
        incident: Option<Incident>,
        /// Whose process it is.
        account: String,
        /// The process.
        pid: u32,
        /// What it would have destroyed.
        path: String,
    },
    /// A process was stopped.
    Stopped {
        /// The process.
        pid: u32,
        /// What it runs.
        comm: String,
    },
    /// A process does what this tier cannot see or judge.
    Blind {
        /// Whose process it is.
        account: String,
        /// The process.
        pid: u32,
        /// The name of the counter.
        reason: String,
    },
    /// A counter has grown.
    Counter {
        /// Which.
        name: String,
        /// To what.
        total: u64,
    },
    /// A lease is in force.
    Leased {
        /// Its number.
        incident: u64,
    },
    /// Its time is over.
    LeaseOver {
        /// Its number.
        incident: u64,
        /// How many happened under it.
        operations: u64,
    },
    /// Something waits since before the agent started.
    Found {
        /// The incident.
        incident: u64,
        /// Whose processes.
        target: String,
        /// How many.
        processes: u64,
    },
    /// The kernel has confirmed a freeze.
    Frozen {
        /// Which.
        incident: u64,
        /// How many processes it holds.
        processes: u64,
    },
    /// Somebody has decided about an incident, and it was carried out.
    Decided {
        /// Which.
        incident: u64,
        /// What was done.
        verb: String,
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// Somebody has said that something may go on, and more people have to.
    Approval {
        /// Which incident.
        incident: u64,
        /// How many have said so.
        given: u64,
        /// How many have to.
        needed: u64,
    },
    /// A process of an account wanted to decide.
    Attempt {
        /// As which incident it is recorded.
        incident: u64,
        /// The process.
        pid: u32,
        /// How often so far.
        times: u64,
    },
    /// A process of an account did something to burstguard itself.
    Tampering {
        /// As which incident it is recorded.
        incident: u64,
        /// The process.
        pid: u32,
        /// What it touched.
        what: String,
        /// Whether it was refused.
        refused: bool,
        /// How often so far.
        times: u64,
    },
    /// A decision could not be carried out.
    EffectFailed {
        /// Of which incident.
        incident: u64,
        /// Why.
        error: String,
    },
    /// An account is new, and only observed.
    Warmup {
        /// Which.
        account: String,
    },
    /// Not any more.
    WarmupOver {
        /// Which.
        account: String,
    },
    /// More has tripped than the policy allows.
    GovernorEngaged {
        /// What.
        why: String,
        /// How many accounts are only observed.
        accounts: u64,
    },
    /// Not any more.
    GovernorOver {
        /// Why.
        why: String,
    },
    /// Accounts that passed under the agent before do not under this one.
    Unexplained {
        /// Which.
        accounts: Vec<String>,
    },
    /// Nothing is enforced.
    Off {
        /// The processes that go on.
        pids: Vec<u32>,
    },
    /// Enforced again.
    On,
    /// Another policy is in force.
    Reloaded {
        /// The hash of the one before.
        before: String,
        /// The hash of this one.
        after: String,
        /// The accounts that nobody is held to any more.
        freed: Vec<String>,
    },
    /// The policy in force stays so.
    NotReloaded {
        /// Its hash.
        kept: String,
        /// What is wrong with the other.
        error: String,
        /// What it would loosen.
        loosens: Vec<String>,
    },
    /// What keeps enforcement up without an agent was taken away.
    PinsLost {
        /// Why it is not there again.
        error: Option<String>,
    },
    /// It is there again.
    PinnedAgain,
    /// The last entry of the record.
    Anchor {
        /// Its number.
        seq: u64,
        /// Its hash.
        hash: String,
    },
    /// Incidents are not written down.
    StoreDegraded {
        /// Why.
        error: String,
    },
    /// They are again.
    StoreHealed {
        /// How many entries are lost.
        missed: u64,
    },
    /// A decision is carried out before it is on the disk.
    Unrecorded {
        /// About which incidents.
        incidents: Vec<u64>,
    },
    /// Somebody puts back what an incident destroyed.
    Restoring {
        /// Which incident.
        incident: u64,
    },
    /// That was put back.
    Restored {
        /// Which incident.
        incident: u64,
        /// How many paths were put back.
        back: u64,
        /// How many could not be.
        failed: u64,
    },
    /// The agent has continued what it had stopped.
    Released {
        /// The processes.
        pids: Vec<u32>,
    },
    /// The last line.
    Ended {
        /// Everything that was counted.
        counters: Counters,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_fields_that_nobody_looks_at_do_not_matter() {
        let line = r#"{"event":"stopped","at_ns":5,"incident":1,"account":"demo","pid":7,"comm":"rm"}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert!(matches!(event, Event::Stopped { pid: 7, comm } if comm == "rm"));
    }

    #[test]
    fn only_our_own_faults_are_faults() {
        let line = r#"{"event":"ended","counters":{"record_lost":2,"io_uring":1,"kernel_read":0}}"#;
        let Event::Ended { counters } = serde_json::from_str(line).unwrap() else { panic!("another event") };
        assert_eq!(counters.faults(), [("record_lost", 2)]);
        assert_eq!(counters.get("io_uring"), 1);
    }
}
