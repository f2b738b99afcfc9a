//! What is written down.

use agent_common::rules::BootNs;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{carried::Carried, chain::Head};
use crate::api::{Decision, IncidentDetail};

/// Something for the record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: BootNs,
    pub(crate) wall: Timestamp,
    pub(crate) says: Says,
    /// The state of what goes on, for the daemon that comes after; none if nothing goes on.
    pub(crate) carry: Option<Value>,
}

/// What an entry says. Of an incident each says all that is known by then, so that the last one is enough.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Says {
    Incident(Step, Box<IncidentDetail>),
    /// A decision that is about no incident: off, on, reload. Once before it is carried out, and once with its outcome.
    Order(Decision),
    /// The first entry of a record, and why there is none before it.
    Begun {
        why: String,
    },
    /// So many entries before this one could not be written.
    Missed {
        entries: u64,
        why: String,
    },
    /// All entries up to this one were removed.
    Pruned {
        through: Head,
        entries: u64,
        why: &'static str,
    },
}

/// What has come of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Opened,
    /// And its effect is still to come.
    Decided,
    /// It stands otherwise, or a decision has its outcome.
    Moved,
    /// More of the same has happened.
    Counted,
    Closed,
    /// The daemon that knew of it has ended.
    Left,
}

/// What an entry that prunes says of the last one that it removed.
const THROUGH: &str = "through";

impl Entry {
    /// The incident that it is about, if it is about one.
    pub(crate) fn incident(&self) -> Option<u64> {
        match &self.says {
            Says::Incident(_, detail) => Some(detail.summary.id),
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.says {
            Says::Incident(Step::Opened, _) => "opened",
            Says::Incident(Step::Decided, _) => "decided",
            Says::Incident(Step::Moved, _) => "moved",
            Says::Incident(Step::Counted, _) => "counted",
            Says::Incident(Step::Closed, _) => "closed",
            Says::Incident(Step::Left, _) => "left",
            Says::Order(_) => "order",
            Says::Begun { .. } => "begun",
            Says::Missed { .. } => "missed",
            Says::Pruned { .. } => PRUNED,
        }
    }

    /// `boot` is the one that it is written in.
    pub(super) fn body(&self, boot: Option<&str>) -> serde_json::Result<Vec<u8>> {
        let Some((state, boot)) = self.carry.as_ref().zip(boot) else { return self.shown() };
        let mut body = serde_json::from_slice(&self.shown()?)?;
        Carried::put(&mut body, state, boot)?;
        text(&body)
    }

    fn shown(&self) -> serde_json::Result<Vec<u8>> {
        match &self.says {
            Says::Incident(_, detail) => text(detail),
            Says::Order(decision) => text(decision),
            Says::Begun { why } => text(&json!({ "by": env!("CARGO_PKG_VERSION"), "why": why })),
            Says::Missed { entries, why } => text(&json!({ "entries": entries, "why": why })),
            Says::Pruned { through, entries, why } => {
                text(&json!({ THROUGH: through.to_string(), "entries": entries, "why": why }))
            }
        }
    }
}

/// The kind of entry that prunes.
pub(super) const PRUNED: &str = "pruned";

/// What an entry that prunes says was the last one that it removed.
pub(super) fn pruned_through(body: &[u8]) -> Option<Head> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get(THROUGH)?.as_str()?.parse().ok()
}

fn text(body: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(body)
}
