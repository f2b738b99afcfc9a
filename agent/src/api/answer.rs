//! What the daemon answers. Times are RFC 3339 in UTC; durations whole seconds or milliseconds, as the name says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Allowance, Approvals, Bytes, Decision, Pending, Responder, Sizes, Target, Verb};

/// The answer to a request that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Status(Box<Status>),
    Accounts(Vec<AccountView>),
    Incidents(Vec<IncidentSummary>),
    Incident(Box<IncidentDetail>),
    Whois(Whois),
    Why(Why),
    Lease(LeaseView),
    Leases(Vec<LeaseView>),
    /// To approve, deny, freeze, thaw, kill, off and on.
    Moved(Moved),
    Reloaded(Reloaded),
    Tested(Tested),
    /// Whoever asked may watch.
    Watching,
}

/// The host at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Status {
    /// Of burstguard.
    pub(crate) version: String,
    pub(crate) mode: Mode,
    /// What the governor does, if it is engaged.
    #[serde(default)]
    pub(crate) governor: Option<GovernorView>,
    /// When `off` ends by itself.
    pub(crate) off_until: Option<Timestamp>,
    pub(crate) tier: String,
    /// What the tier can do, and why it is this one.
    pub(crate) tier_note: String,
    pub(crate) kernel: String,
    pub(crate) pid: u32,
    pub(crate) armed_at: Timestamp,
    pub(crate) self_test_at: Timestamp,
    pub(crate) policy: PolicyView,
    pub(crate) accounts: Vec<AccountView>,
    pub(crate) trees: Vec<Bytes>,
    /// Processes that act for an account.
    pub(crate) processes: u64,
    pub(crate) records_lost: u64,
    /// Faults of the kernel programs, all together.
    pub(crate) kernel_errors: u64,
    /// Operations past the budgets of bursts that were only observed.
    #[serde(default)]
    pub(crate) would_have_stopped: u64,
    pub(crate) open_incidents: u64,
    /// How the record of incidents stands.
    #[serde(default)]
    pub(crate) store: StoreView,
}

/// More has tripped than the governor allows: the accounts that have not are only observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct GovernorView {
    pub(crate) since: Timestamp,
    /// When it is over, if it is quiet until then.
    pub(crate) until: Timestamp,
    pub(crate) why: String,
    /// How many accounts are only observed.
    pub(crate) accounts: u64,
}

/// How the record of incidents stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct StoreView {
    /// Why nothing can be written, if so. What is watched and decided does not depend on it.
    pub(crate) degraded: Option<String>,
    /// The number of the last entry, and its hash.
    pub(crate) last: Option<u64>,
    pub(crate) hash: Option<String>,
    /// In bytes.
    pub(crate) size: u64,
    /// Entries that are lost since the daemon started.
    pub(crate) missed: u64,
    /// Decisions that were carried out since then before they were on the disk.
    pub(crate) unrecorded: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    Observe,
    Enforce,
    Off,
}

/// The policy in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PolicyView {
    /// The files it was read from; none for the built-in one.
    pub(crate) sources: Vec<Bytes>,
    pub(crate) sha256: String,
    pub(crate) loaded_at: Timestamp,
    /// Whether the files say something else now.
    pub(crate) changed: bool,
    pub(crate) warnings: Vec<String>,
}

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

/// One incident in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct IncidentSummary {
    pub(crate) id: u64,
    pub(crate) opened_at: Timestamp,
    /// None for a freeze of something that is no account.
    pub(crate) account: Option<String>,
    /// In a few words.
    pub(crate) what: String,
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
    /// Of a lease: what it allows, and what is left of that.
    #[serde(default)]
    pub(crate) lease: Option<LeaseView>,
    /// Whom to ask about it, as the policy says.
    #[serde(default)]
    pub(crate) contact: Option<String>,
    /// What a responder can type now.
    pub(crate) next: Vec<String>,
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ProcessView {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) comm: Bytes,
    pub(crate) command: Bytes,
    pub(crate) uid: u32,
    /// None if nobody has logged in.
    pub(crate) login: Option<u32>,
    pub(crate) cgroup: Option<Bytes>,
    /// Whether burstguard stopped it.
    pub(crate) stopped: bool,
    /// Whether a call of it waits, or did when it was let go on.
    pub(crate) held: bool,
    /// Whether burstguard froze it.
    pub(crate) frozen: bool,
}

/// Processes that were made to stop, go on or end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Moved {
    /// None for `off` and `on`.
    pub(crate) incident: Option<u64>,
    pub(crate) verb: Verb,
    /// Whose, in words.
    pub(crate) target: String,
    pub(crate) by: Responder,
    pub(crate) processes: Vec<ProcessView>,
    pub(crate) cgroups: u64,
    /// The kernel's confirmation, after so long.
    pub(crate) confirmed_us: Option<u64>,
    /// When it ends by itself.
    pub(crate) until: Option<Timestamp>,
    pub(crate) left_alone: Vec<LeftAlone>,
    /// Incidents of which nothing goes on yet: more people have to say so.
    #[serde(default)]
    pub(crate) pending: Vec<Pending>,
}

/// A process that was meant and not touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LeftAlone {
    pub(crate) pid: u32,
    pub(crate) comm: Bytes,
    pub(crate) why: String,
}

/// Who a process acts for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Whois {
    pub(crate) process: ProcessView,
    /// None: for nobody that is watched.
    pub(crate) account: Option<String>,
    /// Why, or why for nobody, a line each.
    pub(crate) evidence: Vec<String>,
    /// By what it acts for the account.
    #[serde(default)]
    pub(crate) by: Option<By>,
    /// From the process up.
    pub(crate) ancestors: Vec<ProcessView>,
    /// Why it is never frozen, if so.
    pub(crate) spared: Option<String>,
}

/// By what a process acts for an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct By {
    pub(crate) kind: Evidence,
    /// The entry of the policy; none if it is not in the policy any more.
    pub(crate) entry: Option<String>,
    /// When that was seen.
    pub(crate) since: Timestamp,
    /// Of which process: itself, or an ancestor.
    pub(crate) origin: Named,
}

/// By what a process that acted was told as the account's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Told {
    #[serde(flatten)]
    pub(crate) process: Named,
    pub(crate) by: By,
}

/// The weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Evidence {
    User,
    Login,
    Unit,
    Program,
    Launched,
}

/// Why a process does not go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Why {
    pub(crate) pid: u32,
    pub(crate) account: Option<String>,
    pub(crate) standing: Option<Standing>,
    pub(crate) incident: Option<IncidentSummary>,
    /// The answer in a sentence.
    pub(crate) because: String,
    /// Whom to ask about it, as the policy says.
    #[serde(default)]
    pub(crate) contact: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Reloaded {
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) accounts: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Tested {
    pub(crate) tier: String,
    pub(crate) took_us: u64,
}

impl LeftAlone {
    /// Not one process but a group of them.
    pub(crate) fn group(why: String) -> Self {
        Self { pid: 0, comm: Bytes::Text(String::new()), why }
    }
}

impl Target {
    /// The account, if it is one.
    pub(crate) fn account(&self) -> Option<&str> {
        match self {
            Self::Account(name) => Some(name),
            _ => None,
        }
    }
}
