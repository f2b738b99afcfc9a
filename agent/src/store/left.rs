//! What earlier daemons have left that was not over. Pure.

use agent_common::rules::BootNs;
use jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::Value;

use super::{
    carried::Carried,
    chain::Row,
    entry::{Entry, Says, Step},
};
use crate::api::{IncidentDetail, State};

/// What stands in the place of an outcome that nobody has heard of: the daemon ended between decision and outcome.
pub(crate) const UNKNOWN: &str = "not known: the daemon ended before it had heard what came of it";

/// An incident that was not over when it was written down last, or of which something goes on though it is over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Left {
    pub(crate) detail: Box<IncidentDetail>,
    /// What it takes to carry it on; none if it was written by a version that had another way of it.
    pub(crate) carried: Option<Carried>,
}

impl Left {
    /// What an entry, the last of its incident, leaves; none if that was over.
    pub(super) fn of(row: &Row, boot: Option<&str>) -> Option<Self> {
        let body: Value = serde_json::from_slice(&row.body).ok()?;
        let wall = Timestamp::from_microsecond(row.wall_us).unwrap_or_default();
        let carried = Carried::find(&body, row.at_ns, wall, boot);
        let left = Self { detail: Box::deserialize(body).ok()?, carried };
        (left.is_open() || left.carried.is_some()).then_some(left)
    }

    /// Whether it was not over.
    fn is_open(&self) -> bool {
        self.detail.summary.closed_at.is_none() && self.detail.summary.state != State::Observed
    }

    /// The end of it, if it was not over and nobody carries it on: with its boot, or with its daemon. What waits still is then
    /// another incident: the daemon finds it.
    pub(crate) fn end(self, now: Timestamp, at: BootNs) -> Option<Entry> {
        if !self.is_open() {
            return None;
        }
        let with_its_boot = self.carried.is_some_and(|carried| !carried.same_boot);
        let mut incident = self.detail;
        let summary = &mut incident.summary;
        summary.state = if with_its_boot { State::Rebooted } else { State::Left };
        summary.closed_at = Some(now);
        (summary.waiting, summary.until, summary.then) = (0, None, None);
        incident.held.clear();
        incident.next.clear();
        if let Some(last) = incident.decisions.last_mut().filter(|last| last.outcome.is_empty()) {
            UNKNOWN.clone_into(&mut last.outcome);
        }
        Some(Entry { at, wall: now, says: Says::Incident(Step::Left, incident), carry: None })
    }
}

#[cfg(any(fuzzing, test))]
impl Left {
    /// What the body of an entry leaves.
    pub(crate) fn in_body(body: Vec<u8>, at_ns: BootNs, wall_us: i64, boot: Option<&str>) -> Option<Self> {
        let hash = super::chain::Head::NONE.hash;
        Self::of(&Row { seq: 1, at_ns, wall_us, kind: String::new(), incident: None, body, hash }, boot)
    }
}

#[cfg(test)]
impl Left {
    /// What an entry that was written in one boot leaves for a daemon of another, or of the same.
    pub(crate) fn by(entry: &Entry, written_in: &str, read_in: &str) -> Option<Self> {
        let body = entry.body(Some(written_in)).expect("JSON");
        Self::in_body(body, entry.at, entry.wall.as_microsecond(), Some(read_in))
    }
}

/// Adds to an incident what an earlier daemon knew of it.
pub(super) fn add_to(now: &mut IncidentDetail, before: &IncidentDetail) {
    if now.acts.is_empty() {
        now.acts.clone_from(&before.acts);
        now.kinds.clone_from(&before.kinds);
        now.summary.done += before.summary.done;
    }
    now.summary.opened_at = now.summary.opened_at.min(before.summary.opened_at);
    let known =
        |told: &crate::api::Told| before.told.iter().any(|other| other.process.pid == told.process.pid);
    now.told.retain(|told| !known(told));
    now.told.splice(0..0, before.told.iter().cloned());
    now.decisions.splice(0..0, before.decisions.iter().cloned());
}
