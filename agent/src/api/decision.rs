//! Who decided what, in types and in words.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{GrantedBy, Request};

/// Who decided what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Decision {
    pub(crate) at: Timestamp,
    pub(crate) verb: Verb,
    pub(crate) by: Responder,
    pub(crate) reason: String,
    /// What became of it.
    pub(crate) outcome: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verb {
    Approve,
    Lease,
    Revoke,
    Deny,
    Freeze,
    Thaw,
    Kill,
    Reload,
    Off,
    On,
    Selftest,
    /// What an incident destroyed is put back.
    Restore,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Responder {
    /// A person or a program on this host, by the socket's credentials.
    User { uid: u32, name: Option<String>, login: Option<u32>, pid: u32 },
    /// The end that was set when it began.
    Deadline,
    /// The governor of the policy.
    Governor,
    /// The response that the policy names.
    Policy,
    /// Somebody, through a daemon that ran before this one.
    Before,
    /// Whoever has sent SIGHUP: the kernel does not say who.
    Signal,
}

impl Verb {
    pub(crate) const ALL: [Self; 12] = [
        Self::Approve,
        Self::Lease,
        Self::Revoke,
        Self::Deny,
        Self::Freeze,
        Self::Thaw,
        Self::Kill,
        Self::Reload,
        Self::Off,
        Self::On,
        Self::Selftest,
        Self::Restore,
    ];

    /// What a request does; none if it only looks.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        Some(match request {
            Request::Approve { .. } => Self::Approve,
            Request::Lease { .. } => Self::Lease,
            Request::Revoke { .. } => Self::Revoke,
            Request::Deny { .. } => Self::Deny,
            Request::Freeze { .. } => Self::Freeze,
            Request::Thaw { .. } => Self::Thaw,
            Request::Kill { .. } => Self::Kill,
            Request::Reload { .. } | Request::Drill { .. } | Request::EndDrill { .. } => Self::Reload,
            Request::Off { .. } => Self::Off,
            Request::On { .. } => Self::On,
            Request::SelfTest => Self::Selftest,
            Request::Restore { .. } => Self::Restore,
            Request::Status
            | Request::Accounts
            | Request::Incidents(_)
            | Request::Incident(_)
            | Request::Whois(_)
            | Request::Why(_)
            | Request::Leases
            | Request::Join { .. }
            | Request::Watch => return None,
        })
    }

    /// What is to be done, as in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Lease => "lease",
            Self::Revoke => "revoke",
            Self::Deny => "deny",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Kill => "kill",
            Self::Reload => "reload",
            Self::Off => "off",
            Self::On => "on",
            Self::Selftest => "selftest",
            Self::Restore => "restore",
        }
    }

    /// What was done.
    pub(crate) fn past(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Lease => "leased",
            Self::Revoke => "revoked",
            Self::Deny => "denied",
            Self::Freeze => "frozen",
            Self::Thaw => "thawed",
            Self::Kill => "killed",
            Self::Reload => "reloaded",
            Self::Off => "switched off",
            Self::On => "switched on",
            Self::Selftest => "tested",
            Self::Restore => "restored",
        }
    }
}

impl GrantedBy {
    pub(crate) const ALL: [Self; 5] = [Self::Approve, Self::Lease, Self::Warmup, Self::Governor, Self::Off];

    /// As in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Lease => "lease",
            Self::Warmup => "warmup",
            Self::Governor => "governor",
            Self::Off => "off",
        }
    }
}

/// For a person.
impl fmt::Display for GrantedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Approve => "approval",
            Self::Warmup => "warm-up",
            other => other.word(),
        })
    }
}

impl Responder {
    /// What [`word`](Self::word) may say.
    pub(crate) const WORDS: [&str; 6] = ["user", "deadline", "governor", "policy", "before", "signal"];

    /// Which kind, as in JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::User { .. } => "user",
            Self::Deadline => "deadline",
            Self::Governor => "governor",
            Self::Policy => "policy",
            Self::Before => "before",
            Self::Signal => "signal",
        }
    }

    /// Whether both are the same user, by whatever process.
    pub(crate) fn is_same_user(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User { uid: one, .. }, Self::User { uid: other, .. }) => one == other,
            _ => self == other,
        }
    }
}

impl fmt::Display for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { uid, name: Some(name), .. } => write!(f, "{name} (uid {uid})"),
            Self::User { uid, name: None, .. } => write!(f, "uid {uid}"),
            Self::Deadline => f.write_str("its deadline"),
            Self::Governor => f.write_str("the governor"),
            Self::Policy => f.write_str("the policy"),
            Self::Before => f.write_str("somebody, before this daemon started"),
            Self::Signal => f.write_str("a signal (SIGHUP)"),
        }
    }
}
