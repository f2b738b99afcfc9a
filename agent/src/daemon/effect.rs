//! The only ways in which the agent acts.

use agent_common::rules::BootNs;

use super::CallId;
use crate::{
    api::{Answer, Problem, Responder, Target, Verb},
    processes::proc::ProcessId,
    report::Event,
};

/// One thing to do. What has an outcome comes back as [`super::Outcome`].
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Say what happened.
    Report(Event),
    /// Answer a call.
    Reply(CallId, Box<Result<Answer, Problem>>),
    /// From now on a new process of the account is stopped at its first act.
    Trip { account: String },
    /// Freeze whoever the target means, and whatever they fork.
    Freeze { incident: u64, target: Target },
    /// Let go on what an incident stopped (of its account) and froze; the account is armed with its whole budget.
    Thaw { incident: u64, account: Option<String> },
    /// End these processes, then as [`Effect::Thaw`].
    Kill { incident: u64, account: Option<String>, processes: Vec<ProcessId> },
    /// Observe only.
    Observe,
    /// Observe only, and let everything go on; every account begins anew.
    Off { call: CallId },
    /// Enforce again.
    On { call: Option<CallId> },
    /// Read the policy again and put it in force.
    Reload { call: CallId },
    /// Prove the armed tier again.
    SelfTest { call: CallId },
    /// A decision was made so long after its burst: for the metrics.
    Decided { verb: Verb, by: Responder, took: BootNs, processes: u64 },
    /// Detach the kernel programs and let everything that was stopped or frozen go on.
    LetGo,
}
