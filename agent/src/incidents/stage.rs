//! Where an incident stands, from what opened it to what ended it.
//!
//! ```text
//!   burst, observed ──────────────► Observed
//!   burst ──► Held or Stopped ──┬─ thaw, approve ──► Ending ─► Closed
//!      │ response freeze        │                    ▲   │
//!      ▼                        └─ kill, deny ───────┤   └─ was it deny ──► Denied ── quiet, thaw ──► Closed
//!   Freezing ──frozen 1──► Frozen ───────────────────┘
//!   burst, response deny ──► Denied
//!   Held, Frozen ── all processes gone ──► Closed
//!   Proposed ── enough people ──► Leased
//!   Proposed, Leased ── its time is over, revoke ──► Closed
//! ```
//!
//! Over a restart of the daemon it stays where it is, or where `carry` finds it.
//!
//! It depends on the tier whether calls are held or processes stopped after the fact.

use agent_common::rules::BootNs;
use serde::{Deserialize, Serialize};

use crate::api::{State, Verb};

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Stage {
    Observed,
    /// Calls wait that have not happened.
    Held,
    /// What the account destroys is refused, until it has been quiet.
    Denied,
    /// Stopped after the fact.
    Stopped,
    /// A lease was asked for, and more people have to say so.
    Proposed,
    /// A lease is in force.
    Leased,
    Freezing {
        since: BootNs,
    },
    Frozen {
        processes: u64,
    },
    /// Decided, and the effect is under way.
    Ending {
        verb: Verb,
        from: Open,
    },
    Closed {
        at: BootNs,
        how: Closed,
    },
}

/// A stage from which something is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Open {
    Held,
    Denied,
    Stopped,
    Proposed,
    Leased,
    Frozen { processes: u64 },
}

/// How an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Closed {
    Approved,
    Denied,
    Thawed,
    Killed,
    Gone,
    Expired,
    Revoked,
    /// While no daemon was there.
    Unseen,
}

impl Stage {
    /// From which something is still to come, if it is one of these.
    pub(super) fn open(self) -> Option<Open> {
        match self {
            Self::Held => Some(Open::Held),
            Self::Denied => Some(Open::Denied),
            Self::Stopped => Some(Open::Stopped),
            Self::Proposed => Some(Open::Proposed),
            Self::Leased => Some(Open::Leased),
            Self::Freezing { .. } => Some(Open::Frozen { processes: 0 }),
            Self::Frozen { processes } => Some(Open::Frozen { processes }),
            Self::Observed | Self::Ending { .. } | Self::Closed { .. } => None,
        }
    }

    /// Where it stands when a decision was carried out.
    pub(super) fn after(verb: Verb, now: BootNs) -> Self {
        let closed = |how| Self::Closed { at: now, how };
        match verb {
            Verb::Deny => Self::Denied,
            Verb::Approve => closed(Closed::Approved),
            Verb::Kill => closed(Closed::Killed),
            Verb::Revoke => closed(Closed::Revoked),
            _ => closed(Closed::Thawed),
        }
    }

    /// As it is shown.
    pub(super) fn shown(self) -> State {
        match self {
            Self::Observed => State::Observed,
            Self::Held | Self::Ending { from: Open::Held, .. } => State::Held,
            Self::Denied | Self::Ending { from: Open::Denied, .. } => State::Denied,
            Self::Closed { how: Closed::Approved, .. } => State::Approved,
            Self::Closed { how: Closed::Denied, .. } => State::Denied,
            Self::Stopped | Self::Ending { from: Open::Stopped, .. } => State::Stopped,
            Self::Proposed | Self::Ending { from: Open::Proposed, .. } => State::Proposed,
            Self::Leased | Self::Ending { from: Open::Leased, .. } => State::Leased,
            Self::Closed { how: Closed::Expired, .. } => State::Expired,
            Self::Closed { how: Closed::Revoked, .. } => State::Revoked,
            Self::Freezing { .. } => State::Freezing,
            Self::Frozen { .. } | Self::Ending { from: Open::Frozen { .. }, .. } => State::Frozen,
            Self::Closed { how: Closed::Thawed, .. } => State::Thawed,
            Self::Closed { how: Closed::Killed, .. } => State::Killed,
            Self::Closed { how: Closed::Gone, .. } => State::Gone,
            Self::Closed { how: Closed::Unseen, .. } => State::Unseen,
        }
    }
}
