//! The policy: who is watched, under which trees, within which budgets, and what happens past them.
//!
//! [`sources`] finds the files, [`node`] lays them over each other as TOML whose every value knows its position,
//! [`parse`] turns that into a draft, [`validate`] turns the draft into a [`Policy`] for this host. All go on after a
//! problem, so that one run reports them all. [`keys`] has every key that there is.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

pub(crate) use budget::{Budget, Budgets};
pub(crate) use commands::{By, Command, Words};
pub(crate) use exception::{Exception, Name};
pub(crate) use host::{Host, ThisHost};
pub(crate) use keep::Keep;
pub(crate) use keeping::Keeping;
pub(crate) use loosen::loosened;
pub(crate) use parse::is_name;
pub(crate) use pattern::{Pattern, Script, Unit};
use problem::{At, Problems, listing};
pub(crate) use problem::{Position, Problem};
pub(crate) use sources::DEFAULT;
use sources::Sources;
pub(crate) use webhook::Webhook;

use crate::store::Bounds;

mod advice;
mod budget;
pub(crate) mod check;
pub(crate) mod commands;
mod discover;
pub(crate) mod drill;
pub(crate) mod duration;
mod exception;
mod host;
mod keep;
mod keeping;
mod keys;
mod loosen;
mod node;
mod parse;
mod pattern;
mod problem;
mod reader;
pub(crate) mod reference;
mod render;
mod sources;
#[cfg(test)]
pub(crate) mod tests;
mod validate;
mod ways;
mod webhook;

/// A policy, and what it came from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) policy: Policy,
    /// What is not what it seems, in the order of the sources.
    pub(crate) warnings: Vec<Problem>,
    /// The files it was read from, in the order in which they override each other.
    pub(crate) sources: Vec<PathBuf>,
    /// There is no policy file: what is built in took its place.
    pub(crate) built_in: bool,
    /// SHA-256 over the sources, in hexadecimal.
    pub(crate) hash: String,
    wanted: Vec<Wanted>,
}

/// A response, and where it is asked for.
#[derive(Debug, Clone)]
struct Wanted {
    /// Of the account if nothing is said.
    position: Position,
    response: Response,
    said: bool,
}

/// A policy that holds together and fits this host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) mode: Mode,
    /// Sorted by name, at least one.
    pub(crate) trees: Vec<Tree>,
    /// Sorted by name, 1 to 256, or none in what is built in; no uid belongs to two of them.
    pub(crate) accounts: Vec<Account>,
    /// By what they have others act, sorted by name.
    pub(crate) ways: Vec<Way>,
    /// What is counted as kind `commands`, sorted by name.
    pub(crate) commands: Vec<Command>,
    pub(crate) roles: Roles,
    pub(crate) record: Keeping,
    /// How much is kept of what accounts do, whether it was a burst or not.
    pub(crate) recording: Bounds,
    pub(crate) governor: Governor,
    /// Who is told of events, sorted by name, at most 8.
    pub(crate) webhooks: Vec<Webhook>,
}

/// When so much is stopped that the rule is wrong, or the host is being upgraded: more than so many in so long a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Governor {
    /// Different accounts that are stopped; none: any number may be.
    pub(crate) accounts: Option<Budget>,
    /// Incidents that stop somebody; none: any number may.
    pub(crate) incidents: Option<Budget>,
}

/// Whether the responses of the accounts are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// Every response acts as `observe`.
    #[default]
    Observe,
    Enforce,
}

/// What is protected together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) name: String,
    /// Directories that existed when the policy was loaded: absolute, without `..`, in no other tree.
    /// None if no pattern found one.
    pub(crate) paths: Vec<PathBuf>,
    /// What lies in it and is not of it; no path is excepted by one of its own tree's.
    pub(crate) except: Vec<Exception>,
    pub(crate) keep: Keep,
}

/// How a process has another act for it, that does not act for its account.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Way {
    pub(crate) name: String,
    /// Sockets behind which somebody does what is asked, whoever asks.
    pub(crate) sockets: Vec<Pattern>,
    /// Sockets by which the service manager is asked to start units, among much else.
    pub(crate) buses: Vec<Pattern>,
    /// Directories whose files somebody carries out: absolute, without `..`. They need not be there.
    pub(crate) jobs: Vec<PathBuf>,
    /// TCP ports of this host, behind which somebody does what is asked.
    pub(crate) ports: Vec<u16>,
}

/// An automation account.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// Why it is watched, in words.
    pub(crate) note: Option<String>,
    /// Real uids, never 0. At least one of this, the next four and `launch` is not empty.
    pub(crate) users: Vec<u32>,
    /// Login uids, never 0.
    pub(crate) login: Vec<u32>,
    /// Units, and other control groups.
    pub(crate) units: Vec<Unit>,
    /// Programs; no two accounts have the same.
    pub(crate) executables: Vec<Pattern>,
    pub(crate) scripts: Vec<Script>,
    /// Indices into [`Policy::trees`], at least one.
    pub(crate) trees: Vec<usize>,
    pub(crate) response: Response,
    /// To somebody else being asked to act.
    pub(crate) escapes: Response,
    pub(crate) hold: Hold,
    /// Whom to ask about what waits, a line.
    pub(crate) contact: Option<String>,
    /// For how long it is only observed once it is watched for the first time: 0 to 30 days.
    pub(crate) warmup: Duration,
    /// Who may start programs as the account's, besides root.
    pub(crate) launch: Vec<Role>,
    pub(crate) budgets: Budgets,
}

/// What becomes of a call that waits if nobody decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    /// How long it waits: 1 s to 24 h.
    pub(crate) deadline: Duration,
    pub(crate) then: Then,
    pub(crate) on_agent_loss: OnAgentLoss,
    /// Whether the terminal of a process whose call waits is told.
    pub(crate) terminal: bool,
}

/// What becomes of a call that should wait while no agent is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OnAgentLoss {
    /// It waits for the next one.
    #[default]
    Wait,
    Deny,
    Observe,
}

/// What is decided in the end by nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
pub(crate) enum Then {
    #[default]
    Deny,
    Approve,
}

/// What the policy wants once a budget is exceeded, or somebody else is asked to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Response {
    Observe,
    #[default]
    Hold,
    Deny,
    /// Hold, and freeze the whole lineage.
    Freeze,
}

/// Who may do what; each at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roles {
    /// See what happens.
    pub(crate) view: Vec<Role>,
    /// Decide about incidents.
    pub(crate) respond: Vec<Role>,
    /// Change what is watched.
    pub(crate) admin: Vec<Role>,
    /// How many people it takes to let go on what waits: 1 to 5.
    pub(crate) approvals: u8,
}

/// A user, or everyone in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Uid(u32),
    Gid(u32),
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    /// All that is wrong with it, in the order of the sources; at least one error.
    #[error("{}", listing(errors, warnings, "nothing was loaded"))]
    Invalid { errors: Vec<Problem>, warnings: Vec<Problem> },
}

impl Policy {
    /// Reads the policy file at `path` and its drop-ins for `host`.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] with everything that is wrong.
    pub(crate) fn load(path: &Path, host: &impl Host) -> Result<Loaded, PolicyError> {
        Loaded::from(&Sources::find(path, host), host)
    }
}

impl Policy {
    /// What becomes of a response in this mode.
    pub(crate) const fn carried_out(&self, response: Response) -> Response {
        match self.mode {
            Mode::Observe => Response::Observe,
            Mode::Enforce => response,
        }
    }

    /// What [`Loaded::hash`] would be if it were loaded now.
    pub(crate) fn hash(path: &Path, host: &impl Host) -> String {
        Sources::find(path, host).hash()
    }
}

impl Loaded {
    fn from(sources: &Sources, host: &impl Host) -> Result<Self, PolicyError> {
        let mut problems = Problems::default();
        let validated = whole(sources, &mut problems).map(|(whole, start)| {
            // Every value of it came from a source, where its problem was noted.
            let draft = parse::parse(&whole, &mut Problems::default());
            validate::validate(&draft, &start, sources.built_in, host, &mut problems)
        });
        match (validated, problems.sorted()) {
            (Some((policy, wanted)), Problems { errors, warnings }) if errors.is_empty() => Ok(Self {
                policy,
                warnings,
                sources: sources.files(),
                built_in: sources.built_in,
                hash: sources.hash(),
                wanted,
            }),
            (_, Problems { errors, warnings }) => Err(PolicyError::Invalid { errors, warnings }),
        }
    }
}

/// All sources laid over each other, and where the first begins. None if one of them could not be read as TOML, since
/// what it would have said is then missing everywhere.
fn whole(sources: &Sources, problems: &mut Problems) -> Option<(node::Table, At)> {
    let mut whole = node::Table::new();
    let mut start = None;
    let mut complete = true;
    for (order, source) in sources.list.iter().enumerate() {
        match source.as_ref().map_err(Problem::clone).and_then(|source| Ok((source, node::read(source)?))) {
            Ok((source, table)) => {
                let begin = source.at(0);
                parse::version(&table, &begin, order == 0, problems);
                parse::parse(&table, problems);
                node::merge(&mut whole, table);
                start.get_or_insert(begin);
            }
            Err(problem) => {
                problems.errors.push(problem);
                complete = false;
            }
        }
    }
    start.filter(|_| complete).map(|start| (whole, start))
}

impl Governor {
    /// The shortest time it may count over: the daemon looks once a second how things stand.
    const SHORTEST: Duration = Duration::from_secs(1);
}

impl Roles {
    /// Root, and the group burstguard if there is one.
    fn usual(host: &impl Host) -> Self {
        let group = host.gid("burstguard").ok().flatten().map(Role::Gid);
        let holders: Vec<_> = [Role::Uid(0)].into_iter().chain(group).collect();
        Self { view: holders.clone(), respond: holders.clone(), admin: holders, approvals: 1 }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid(uid) => write!(f, "uid:{uid}"),
            Self::Gid(gid) => write!(f, "gid:{gid}"),
        }
    }
}

impl Mode {
    pub(crate) const ALL: [Self; 2] = [Self::Observe, Self::Enforce];

    /// The word of the policy file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            deadline: Duration::from_mins(15),
            then: Then::default(),
            on_agent_loss: OnAgentLoss::default(),
            terminal: true,
        }
    }
}

impl OnAgentLoss {
    pub(crate) const ALL: [Self; 3] = [Self::Wait, Self::Deny, Self::Observe];

    /// The word of the policy file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Deny => "deny",
            Self::Observe => "observe",
        }
    }
}

impl Then {
    pub(crate) const ALL: [Self; 2] = [Self::Deny, Self::Approve];

    /// The word of the policy file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Approve => "approve",
        }
    }
}

impl Response {
    pub(crate) const ALL: [Self; 4] = [Self::Observe, Self::Hold, Self::Deny, Self::Freeze];

    /// The word of the policy file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Hold => "hold",
            Self::Deny => "deny",
            Self::Freeze => "freeze",
        }
    }
}
