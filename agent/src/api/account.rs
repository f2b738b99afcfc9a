//! Accounts as a responder sees them: where they stand, what is granted to them, and how much of their budgets is used.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Allowance, Approvals, Bytes, Responder, Verb};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct AccountView {
    pub(crate) name: String,
    /// Why it is watched, as the policy says; of the built-in policy, what it was found by.
    #[serde(default)]
    pub(crate) note: Option<String>,
    pub(crate) response: String,
    pub(crate) standing: Standing,
    /// When the standing, or what is granted, ends by itself.
    pub(crate) until: Option<Timestamp>,
    pub(crate) budgets: Vec<BudgetView>,
    pub(crate) processes: u64,
    pub(crate) stopped: u64,
    pub(crate) frozen: u64,
    /// The processes with a call that waits.
    pub(crate) held: u64,
    /// Calls that were refused since the kernel programs were loaded.
    pub(crate) refused: u64,
    /// Since when the oldest call waits.
    pub(crate) held_since: Option<Timestamp>,
    /// The incident that is not over yet, if one is; else the one whose grant is in force.
    pub(crate) incident: Option<u64>,
    /// What lets it pass; what it is until then over its budgets is only observed, unless it is an approval or a lease.
    #[serde(default)]
    pub(crate) granted: Option<GrantedView>,
    /// What is decided about it when its time is over.
    pub(crate) then: Option<Verb>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    Armed,
    Tripped,
    /// Decided against: what it destroys fails.
    Denied,
    /// Armed, and may do what was granted.
    Granted,
}

/// What lets an account pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct GrantedView {
    pub(crate) by: GrantedBy,
    /// Why it was given, if anybody said so.
    pub(crate) reason: String,
    /// When it ends by itself.
    #[serde(default)]
    pub(crate) until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrantedBy {
    /// What waited may be finished.
    Approve,
    /// A planned change was announced.
    Lease,
    /// It is new on this host, and only observed.
    Warmup,
    /// So much has tripped that the rule is wrong: it is only observed.
    Governor,
    /// Nothing is enforced.
    Off,
}

/// A lease: whoever acts for the account may destroy in these directories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LeaseView {
    /// Its number, among those of incidents.
    pub(crate) id: u64,
    pub(crate) account: String,
    pub(crate) trees: Vec<Bytes>,
    /// Of how many operations; none: any number.
    pub(crate) budget: Option<Allowance>,
    /// How many of them are left.
    pub(crate) left: Option<Allowance>,
    /// How many operations happened under it.
    pub(crate) used: u64,
    pub(crate) granted_at: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) by: Responder,
    pub(crate) reason: String,
    /// Who has approved it, if more people have to before it is in force.
    #[serde(default)]
    pub(crate) waits: Option<Approvals>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BudgetView {
    /// The word of the policy: deletes, recreates, …
    pub(crate) kind: String,
    /// Operations in the window that ends now.
    pub(crate) used: u64,
    pub(crate) limit: u64,
    pub(crate) window_ms: u64,
}
