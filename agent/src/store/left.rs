//! What an earlier daemon has left open. Pure.

use agent_common::rules::BootNs;
use jiff::Timestamp;

use super::entry::{Entry, Says, Step};
use crate::api::{IncidentDetail, State};

/// What stands in the place of an outcome that nobody has heard of: the daemon ended between decision and outcome.
pub(super) const UNKNOWN: &str = "not known: the daemon ended before it had heard what came of it";

/// The end of an incident whose daemon has ended; none if it was over by then. What waits still is another incident: the next
/// daemon finds it.
pub(super) fn left(mut incident: IncidentDetail, now: Timestamp, at: BootNs) -> Option<Entry> {
    let summary = &mut incident.summary;
    if summary.closed_at.is_some() || summary.state == State::Observed {
        return None;
    }
    summary.state = State::Left;
    summary.closed_at = Some(now);
    (summary.waiting, summary.until, summary.then) = (0, None, None);
    incident.held.clear();
    incident.next.clear();
    if let Some(last) = incident.decisions.last_mut().filter(|last| last.outcome.is_empty()) {
        UNKNOWN.clone_into(&mut last.outcome);
    }
    Some(Entry { at, wall: now, says: Says::Incident(Step::Left, Box::new(incident)) })
}

/// Adds to an incident what an earlier daemon knew of it.
pub(super) fn carry(before: &IncidentDetail, now: &mut IncidentDetail) {
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
