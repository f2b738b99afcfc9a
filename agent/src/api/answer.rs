//! What the daemon answers. Times are RFC 3339 in UTC; durations whole seconds or milliseconds, as the name says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    AccountView, Bytes, Decision, IncidentDetail, IncidentSummary, LeaseView, Named, Pending, Responder,
    Standing, Target, Verb,
};

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
    Joined(Joined),
    /// To restore: as it is in the record.
    Decision(Decision),
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
    /// Who is told of events over HTTP.
    #[serde(default)]
    pub(crate) webhooks: Vec<WebhookView>,
    /// How what is kept of protected trees stands.
    #[serde(default)]
    pub(crate) keeper: KeeperView,
}

/// How what is kept of protected trees stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct KeeperView {
    /// Why nothing can be kept, if so.
    pub(crate) degraded: Option<String>,
    /// Names that are there and are kept.
    pub(crate) names: u64,
    pub(crate) versions: u64,
    /// What all of it takes, in bytes.
    pub(crate) size: u64,
    /// Names that are there and are not kept.
    pub(crate) left: u64,
    /// Directories with changes that are not kept yet, and how old the oldest of those is.
    pub(crate) unsettled: u64,
    pub(crate) behind_ms: u64,
    /// When all was last looked at; none before that was done.
    pub(crate) looked_at: Option<Timestamp>,
}

/// How a webhook stands. The URL is not shown, since it is often a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookView {
    pub(crate) name: String,
    /// Events that wait to be delivered.
    pub(crate) waiting: u64,
    /// When the oldest of them happened.
    pub(crate) oldest: Option<Timestamp>,
    /// Since the daemon started.
    pub(crate) delivered: u64,
    /// Events that are lost for it since then.
    pub(crate) dropped: u64,
    /// Why it does not get through, if so.
    pub(crate) failing: Option<String>,
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
    /// The directory that it works in, as its own root shows it.
    #[serde(default)]
    pub(crate) cwd: Option<Bytes>,
    /// The terminal that it has.
    #[serde(default)]
    pub(crate) terminal: Option<Bytes>,
    /// From where somebody has logged in by ssh, as its environment says.
    #[serde(default)]
    pub(crate) ssh_from: Option<String>,
    /// Whether burstguard stopped it.
    pub(crate) stopped: bool,
    /// Whether a call of it waits, or did when it was let go on.
    pub(crate) held: bool,
    /// Whether burstguard froze it.
    pub(crate) frozen: bool,
}

/// A process that acts for an account from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Joined {
    pub(crate) pid: u32,
    pub(crate) account: String,
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
