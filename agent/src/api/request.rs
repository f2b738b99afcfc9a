//! What a responder asks for.

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Allowance, Bytes, Code, Problem};

/// A request, once it is known to be well formed. Its route and method are the control server's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Status,
    Accounts,
    Incidents(Filter),
    Incident(u64),
    /// Who a process acts for, and by which evidence.
    Whois(u32),
    /// Why a process does not go on.
    Why(u32),
    Freeze {
        target: Target,
        until: Option<Duration>,
        reason: Reason,
    },
    /// Lets the calls of an incident that wait happen.
    Approve {
        incident: u64,
        scope: Scope,
        reason: Reason,
    },
    /// Lets an account destroy in these directories for a while, before it does.
    Lease {
        account: String,
        trees: Vec<PathBuf>,
        budget: Option<Allowance>,
        until: Duration,
        reason: Reason,
    },
    Leases,
    /// Ends a lease.
    Revoke {
        lease: u64,
        reason: Reason,
    },
    /// Lets them fail, and whatever the account destroys next.
    Deny {
        incident: u64,
        reason: Reason,
    },
    /// Lets what an incident stopped or froze go on, and arms the account again; none: every incident.
    Thaw {
        incident: Option<u64>,
        reason: Reason,
    },
    /// Ends the processes that an incident stopped or froze.
    Kill {
        incident: u64,
        reason: Reason,
    },
    /// What this incident destroyed is put back, or was: by who asks, since the daemon writes nothing of the host's.
    Restore {
        incident: u64,
        restore: Restore,
        reason: Reason,
    },
    /// Reads the policy again; only if told so one that holds an account less tightly about which somebody has still to decide.
    Reload {
        loosen: bool,
        reason: Reason,
    },
    /// Has one account more, like this one, for a fire drill in this directory; the policy's files are not read again.
    Drill {
        account: String,
        tree: PathBuf,
        reason: Reason,
    },
    /// Ends it.
    EndDrill {
        reason: Reason,
    },
    /// Lets everything go on and only observes, for a while or until told otherwise.
    Off {
        until: Option<Duration>,
        reason: Reason,
    },
    /// Enforces again.
    On {
        reason: Reason,
    },
    SelfTest,
    /// From now on the asking process acts for this account.
    Join {
        account: String,
    },
    /// The events from now on, as they come. Granted by [`Answer::Watching`](super::Answer::Watching); the control server
    /// does the rest.
    Watch,
}

/// What a request takes. Each includes those before it only if the policy says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Right {
    /// Anybody's, about themselves.
    Own,
    View,
    Respond,
    Admin,
}

impl Request {
    /// What it takes. `why` about the asking process itself is anybody's; about another it takes [`Right::View`].
    pub(crate) fn right(&self, asking: u32) -> Right {
        match self {
            Self::Why(pid) if *pid == asking => Right::Own,
            // Of an account that its policy lets whoever asks launch.
            Self::Join { .. } => Right::Own,
            Self::Status
            | Self::Accounts
            | Self::Incidents(_)
            | Self::Incident(_)
            | Self::Whois(_)
            | Self::Why(_)
            | Self::Leases
            | Self::Watch => Right::View,
            Self::Approve { .. }
            | Self::Lease { .. }
            | Self::Revoke { .. }
            | Self::Deny { .. }
            | Self::Freeze { .. }
            | Self::Thaw { .. }
            | Self::Kill { .. }
            | Self::Restore { .. }
            | Self::SelfTest => Right::Respond,
            Self::Reload { .. }
            | Self::Drill { .. }
            | Self::EndDrill { .. }
            | Self::Off { .. }
            | Self::On { .. } => Right::Admin,
        }
    }
}

impl Request {
    /// Whether it sets something off that must not come between two policies. Another reload is refused at once.
    pub(crate) fn decides(&self) -> bool {
        match self {
            Self::Approve { .. }
            | Self::Lease { .. }
            | Self::Revoke { .. }
            | Self::Deny { .. }
            | Self::Freeze { .. }
            | Self::Thaw { .. }
            | Self::Kill { .. }
            | Self::SelfTest
            | Self::Join { .. }
            | Self::Off { .. }
            | Self::On { .. } => true,
            Self::Status
            | Self::Accounts
            | Self::Incidents(_)
            | Self::Incident(_)
            | Self::Whois(_)
            | Self::Why(_)
            | Self::Leases
            | Self::Watch
            | Self::Restore { .. }
            | Self::Reload { .. }
            | Self::Drill { .. }
            | Self::EndDrill { .. } => false,
        }
    }
}

/// How much an approval allows: the processes that wait, and whatever they start, may finish in the directories that the
/// incident shows, until they end or an hour has passed. All of this can be said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Scope {
    /// Exactly the calls that wait, and nothing more.
    pub(crate) once: bool,
    pub(crate) until: Option<Duration>,
    /// Whole trees besides, by the paths that the policy names.
    pub(crate) trees: Vec<PathBuf>,
    /// How many operations at most.
    pub(crate) budget: Option<Allowance>,
}

/// What a request to approve says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveBody {
    /// Exactly the calls that wait may happen, and nothing more; goes with none of the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) once: bool,
    /// For how many seconds at most, 1 to 2,592,000 (30 days); by default an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) for_s: Option<u64>,
    /// Directories besides: protected trees of the policy, or directories in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub(crate) trees: Vec<PathBuf>,
    /// How many operations at most; by default any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) budget: Option<Allowance>,
    pub(crate) reason: Reason,
}

impl ApproveBody {
    /// How much it allows; a problem if that contradicts itself.
    pub(crate) fn scope(&self) -> Result<Scope, Problem> {
        let Self { once, for_s, trees, budget, reason: _ } = self;
        let invalid = |message: &str| Err(Problem::new(Code::Invalid, message));
        if *once && (for_s.is_some() || !trees.is_empty() || budget.is_some()) {
            return invalid(
                "once goes with neither for_s nor trees nor budget: it is the calls that wait, and no more",
            );
        }
        checked(budget.as_ref())?;
        Ok(Scope { once: *once, until: span(*for_s)?, trees: trees.clone(), budget: budget.clone() })
    }
}

fn checked(budget: Option<&Allowance>) -> Result<(), Problem> {
    budget.map_or(Ok(()), Allowance::check).map_err(|message| Problem::new(Code::Invalid, message))
}

/// What a request for a lease says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaseBody {
    pub(crate) account: String,
    /// Directories, one at least: protected trees of the policy, or directories in them.
    #[schema(value_type = Vec<String>)]
    pub(crate) trees: Vec<PathBuf>,
    /// How many operations at most; by default any number. What is beyond it is the account's budgets', as ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) budget: Option<Allowance>,
    /// For how many seconds, 1 to 2,592,000 (30 days).
    pub(crate) for_s: u64,
    pub(crate) reason: Reason,
}

impl LeaseBody {
    /// As a request; a problem if it is none.
    pub(crate) fn request(self) -> Result<Request, Problem> {
        let Self { account, trees, budget, for_s, reason } = self;
        let invalid = |message: &str| Err(Problem::new(Code::Invalid, message));
        if trees.is_empty() {
            return invalid("trees is empty: want a directory in a protected tree, such as \"/etc/nginx\"");
        }
        checked(budget.as_ref())?;
        match span(Some(for_s))? {
            Some(until) => Ok(Request::Lease { account, trees, budget, until, reason }),
            None => invalid("for_s is missing: a lease ends by itself"),
        }
    }
}

/// What a request to freeze says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FreezeBody {
    pub(crate) target: Target,
    /// After how many seconds it thaws by itself, 1 to 2,592,000 (30 days); none: only when told to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) for_s: Option<u64>,
    pub(crate) reason: Reason,
}

/// What a request to switch off says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OffBody {
    /// After how many seconds it is on again, 1 to 2,592,000 (30 days); none: only when told to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) for_s: Option<u64>,
    pub(crate) reason: Reason,
}

/// What a request to read the policy again says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReloadBody {
    /// Also if it holds an account less tightly that has an open incident.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) loosen: bool,
    pub(crate) reason: Reason,
}

/// What a request for a fire drill says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DrillBody {
    /// Like which account.
    pub(crate) account: String,
    /// A directory, empty and root's, which nobody watches: what is in it will be destroyed.
    #[schema(value_type = String)]
    pub(crate) tree: PathBuf,
    pub(crate) reason: Reason,
}

/// What a request to write down that files are put back says: once before it is done, and once when it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreBody {
    /// How many paths.
    pub(crate) paths: u64,
    /// Below which directory, if not where they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<Bytes>,
    /// What has come of it, if it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) done: Option<Restored>,
    pub(crate) reason: Reason,
}

/// What is put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Restore {
    pub(crate) paths: u64,
    pub(crate) to: Option<Bytes>,
    pub(crate) done: Option<Restored>,
}

/// What has come of a restore, in paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub(crate) struct Restored {
    /// There again, where nothing was.
    pub(crate) back: u64,
    /// Put back over something else, which was kept as another version.
    pub(crate) over: u64,
    /// Left as they were found, because they had changed since.
    pub(crate) left: u64,
    pub(crate) failed: u64,
}

/// What every other request to do something says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonBody {
    pub(crate) reason: Reason,
}

/// The longest time that something can be asked for.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// A time that something is asked for.
pub(crate) fn span(for_s: Option<u64>) -> Result<Option<Duration>, Problem> {
    let span = for_s.map(Duration::from_secs);
    match span {
        Some(span) if span.is_zero() || span > LONGEST => {
            let problem = format!("for_s is {}: want 1 to {}", span.as_secs(), LONGEST.as_secs());
            Err(Problem::new(Code::Invalid, problem))
        }
        _ => Ok(span),
    }
}

/// Which incidents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Only those that wait for a decision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) open: bool,
    /// Only those of an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// Only those opened within the last so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since_s: Option<u64>,
    /// At most so many, the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<usize>,
}

/// Whose processes to freeze.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// The lineage of an account.
    Account(String),
    /// The processes of a systemd unit.
    Unit(String),
    /// The processes of a real user id.
    User(u32),
    /// The processes of a control group and of those below it, as a path below the cgroup v2 root.
    Cgroup(String),
    /// A process and its descendants.
    Pid(u32),
}

/// Why a responder decides. Never empty, at most [`Reason::LONGEST`] bytes, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(try_from = "String")]
pub(crate) struct Reason(String);

impl Reason {
    const LONGEST: usize = 500;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("a reason is required: say why, for whoever reads the record later".to_owned());
        }
        if text.len() > Self::LONGEST {
            return Err(format!("the reason has {} bytes: at most {}", text.len(), Self::LONGEST));
        }
        if text.chars().any(char::is_control) {
            return Err("the reason has control characters: one line of plain text".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { back, over, left, failed } = self;
        write!(f, "{back} paths are there again, {over} were put back over others")?;
        let rest = [(left, "left out"), (failed, "failed")];
        rest.into_iter()
            .filter(|(count, _)| **count > 0)
            .try_for_each(|(count, word)| write!(f, ", {count} {word}"))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "{name}"),
            Self::Unit(name) => write!(f, "unit {name}"),
            Self::User(uid) => write!(f, "uid {uid}"),
            Self::Cgroup(path) => write!(f, "cgroup {path}"),
            Self::Pid(pid) => write!(f, "pid {pid}"),
        }
    }
}
