//! Incidents as a responder sees them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Approvals, Bytes, Decision, GrantedView, Impact, LeaseView, ProcessView, Responder, Sizes, Told, Verb,
};

/// One incident in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct IncidentSummary {
    pub(crate) id: u64,
    pub(crate) opened_at: Timestamp,
    /// None for a freeze of something that is no account.
    pub(crate) account: Option<String>,
    /// In a few words.
    pub(crate) what: String,
    /// What of the host depends on that, in a few words; none if nothing is known to.
    #[serde(default)]
    pub(crate) impact: Option<String>,
    /// Operations that happened.
    pub(crate) done: u64,
    /// How many of them would not have happened, had the burst not only been observed.
    #[serde(default)]
    pub(crate) would_have_stopped: u64,
    /// What has let it pass, if the policy would not.
    #[serde(default)]
    pub(crate) passed: Option<GrantedView>,
    pub(crate) state: State,
    /// The processes that do not go on; of a held one, the calls that wait.
    pub(crate) waiting: u64,
    /// Calls of the account that were refused since.
    pub(crate) refused: u64,
    /// Operations that happened under its approval or lease.
    pub(crate) approved: u64,
    /// Who has said that it may go on, while it waits and that takes more than one person.
    #[serde(default)]
    pub(crate) approvals: Option<Approvals>,
    /// When it is decided by itself, or ends by itself, or when what was approved ends.
    pub(crate) until: Option<Timestamp>,
    /// What is decided then.
    pub(crate) then: Option<Verb>,
    /// Who decided last.
    pub(crate) by: Option<Responder>,
    pub(crate) closed_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Reported only; nobody waits.
    Observed,
    /// Calls wait for a decision, before anything has happened.
    Held,
    /// Processes were stopped and wait for a decision.
    Stopped,
    /// Processes are being frozen; the kernel has not confirmed it yet.
    Freezing,
    Frozen,
    /// Decided: what waited may finish.
    Approved,
    /// Decided, or the policy's response: calls fail, until the account has been quiet.
    Denied,
    /// A lease was asked for; it is in force when enough people have approved it.
    Proposed,
    /// A lease is in force: the account may destroy where it says.
    Leased,
    /// A lease is over: its time has come.
    Expired,
    /// Decided: a lease has ended before its time.
    Revoked,
    /// Decided: they go on.
    Thawed,
    /// Decided: they were ended.
    Killed,
    /// Nothing waits any more, and nobody had to decide.
    Gone,
    /// It was over when the next daemon started, and no daemon has seen how.
    Unseen,
    /// The host was booted anew before it was over: nothing of it is left.
    Rebooted,
    /// Its daemon ended before it was over, and the next one could not carry it on; what waits still is another incident.
    Left,
}

/// One incident with all that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct IncidentDetail {
    #[serde(flatten)]
    pub(crate) summary: IncidentSummary,
    /// The first ones whole; `done` counts all of them.
    pub(crate) acts: Vec<Act>,
    /// The calls that wait, the oldest first.
    pub(crate) held: Vec<HeldView>,
    /// How many of each kind.
    pub(crate) kinds: Vec<(String, u64)>,
    pub(crate) processes: Vec<ProcessView>,
    /// By what those that acted were told as the account's, as far as they were there to be looked at.
    #[serde(default)]
    pub(crate) told: Vec<Told>,
    pub(crate) decisions: Vec<Decision>,
    /// Which of its account's operations are its own; none if it destroyed nothing, or was written down by a version that did not say.
    #[serde(default)]
    pub(crate) span: Option<Span>,
    /// Of a lease: what it allows, and what is left of that.
    #[serde(default)]
    pub(crate) lease: Option<LeaseView>,
    /// Whom to ask about it, as the policy says.
    #[serde(default)]
    pub(crate) contact: Option<String>,
    /// What a responder can type now.
    pub(crate) next: Vec<String>,
}

/// From when to when the operations of an account are those of an incident, by the kernel's clock (CLOCK_BOOTTIME), as it judged them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Span {
    pub(crate) account: String,
    /// The kernel's id of the boot.
    pub(crate) boot: String,
    pub(crate) from_ns: u64,
    pub(crate) until_ns: u64,
    /// Until when those are its own that happened under its approval or lease.
    pub(crate) approved_until_ns: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Act {
    pub(crate) at: Timestamp,
    pub(crate) kinds: Vec<String>,
    /// As the call gave it.
    pub(crate) path: Bytes,
    /// The protected root; none for a directory above one.
    pub(crate) tree: Option<Bytes>,
    pub(crate) pid: u32,
    pub(crate) comm: Bytes,
    /// Whether the budget had no room for it.
    pub(crate) over: bool,
    #[serde(flatten)]
    pub(crate) sizes: Sizes,
    /// What of the host depends on the path, if that is certain and something is known to.
    #[serde(default)]
    pub(crate) impact: Option<Impact>,
}

/// A call that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct HeldView {
    pub(crate) at: Timestamp,
    pub(crate) kinds: Vec<String>,
    /// Below the tree.
    pub(crate) path: Bytes,
    pub(crate) tree: Option<Bytes>,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
    /// Who started the process and does not simply wait for it, if anybody.
    pub(crate) above: Option<Above>,
    /// As of an [`Act`].
    #[serde(default)]
    pub(crate) impact: Option<Impact>,
}

/// What a process does that has started a held one, or what it runs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Above {
    #[serde(flatten)]
    pub(crate) process: Named,
    pub(crate) whereabouts: Whereabouts,
    /// What it has started since the call waits, as far as that runs.
    pub(crate) started: Vec<Named>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Whereabouts {
    /// It has heard that the held process has stopped, and did not stop with it: a shell that controls jobs goes on with its next
    /// line.
    GoesOn,
    /// It has ended since: nobody waits for the held process.
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Named {
    pub(crate) pid: u32,
    /// Empty if it has ended.
    pub(crate) comm: Bytes,
}
