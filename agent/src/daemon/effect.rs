//! The only ways in which the agent acts.

use std::{ffi::OsStr, fmt, os::unix::ffi::OsStrExt as _, path::PathBuf};

use agent_common::rules::{BootNs, judge::Standing};
use serde::{Deserialize, Serialize};

use super::{CallId, ProcessFacts};
use crate::{
    api::{Allowance, Answer, Problem, Responder, Target, Verb},
    impact::Asked,
    policy::drill::Drill,
    processes::proc::ProcessId,
    report::Event,
    store::Entry,
};

/// Leave to finish what waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leave {
    /// Exactly the calls that wait, and nothing more.
    pub(crate) once: bool,
    pub(crate) until: BootNs,
    /// Of the calls that wait only those that did by then, which were shown to whoever approved; none: all.
    pub(crate) seen: Option<BootNs>,
    /// How many operations at most.
    pub(crate) allowance: Option<Allowance>,
    /// Where, besides the directories of the calls that wait.
    pub(crate) within: Vec<Within>,
}

/// A directory, and all that is below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub(crate) struct Within {
    /// The protected root.
    pub(crate) tree: PathBuf,
    /// Its path below the root; empty for the root itself.
    pub(crate) path: Vec<u8>,
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.tree.join(OsStr::from_bytes(&self.path)).display())
    }
}

/// One thing to do. What has an outcome comes back as [`super::Outcome`].
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Write down what has come of incidents; and when that is on the disk, or the disk has had its time, do what follows. What
    /// was decided is so never done before it is written, if it can be.
    Record { entries: Vec<Entry>, then: Vec<Effect> },
    /// Say what happened.
    Report(Event),
    /// Answer a call.
    Reply(CallId, Box<Result<Answer, Problem>>),
    /// From now on a new process of the account is stopped at its first act.
    Trip { account: String },
    /// Say a line on the terminal of a process of the account, if it has one.
    Tell { incident: u64, account: String, pid: u32, line: String },
    /// Look what of the host depends on these paths.
    Survey { incident: u64, paths: Vec<Asked> },
    /// Freeze whoever the target means, and whatever they fork.
    Freeze { incident: u64, target: Target },
    /// Let go on what an incident stopped (of its account) and froze; the account is armed with its whole budget.
    Thaw { incident: u64, account: Option<String> },
    /// Let the calls of an account that wait happen, and those processes and what they start finish; its account is armed.
    /// What an incident froze goes on.
    Approve { incident: u64, account: String, arm: bool, leave: Leave },
    /// Let the calls of an account that wait fail, and whatever it destroys next; what an incident froze goes on.
    Deny { incident: u64, account: String },
    /// An account stands so from now on; whoever of it was stopped without a call that waits goes on.
    Stand { account: String, standing: Standing },
    /// An account is armed, with as much of its budget as it has left; nobody of it waits.
    Arm { account: String },
    /// Whoever acts for an account may destroy in these directories from now on.
    Lease { call: Option<CallId>, incident: u64, account: String, leave: Leave },
    /// Not any more.
    Revoke { incident: u64 },
    /// End a grant, by its index.
    Withdraw { grant: u32 },
    /// End these processes, then as [`Effect::Thaw`].
    Kill { incident: u64, account: Option<String>, processes: Vec<ProcessId> },
    /// Grant an account whatever it does until then, unless it waits for a decision or is refused; 0: hold it to its budgets again,
    /// of which what it did meanwhile has used nothing.
    Grant { account: String, until: BootNs },
    /// Grant it to all of them, and let everything go on; every account begins anew.
    Off { call: CallId, until: BootNs },
    /// That has ended.
    On { call: Option<CallId> },
    /// Put a policy in force; unless told so not if it holds less tightly an account of these.
    Reload { call: CallId, which: Which, open: Vec<String>, loosen: bool },
    /// Prove the armed tier again.
    SelfTest { call: CallId },
    /// Have a process act for an account.
    Join { call: CallId, account: String, process: Box<ProcessFacts> },
    /// A decision was made so long after its burst: for the metrics.
    Decided { verb: Verb, by: Responder, took: BootNs, processes: u64 },
    /// Detach the kernel programs and let everything that was stopped or frozen go on.
    LetGo,
}

/// Which policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// What the files say now.
    Files,
    /// The one in force, with this drill and no other.
    Drill(Drill),
    /// The same without any.
    NoDrill,
}
