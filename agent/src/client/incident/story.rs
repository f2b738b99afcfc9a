//! What is told of an incident in sentences, wherever it is told. All of it is fit for a terminal.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::term::{clean, count};
use crate::api::{
    Above, By, Bytes, HeldView, IncidentDetail, IncidentSummary, State, Told, Verb, Whereabouts,
};

/// Whose it is.
pub(crate) fn account(summary: &IncidentSummary) -> String {
    summary.account.as_deref().map_or_else(|| "no account".to_owned(), clean)
}

/// What becomes of it by itself.
pub(crate) fn if_nobody_decides(
    summary: &IncidentSummary,
    at: impl Fn(Timestamp) -> String,
) -> Option<String> {
    match (summary.until, summary.then) {
        (Some(until), Some(verb)) if verb != Verb::Thaw => {
            Some(format!("if nobody decides: {} at {}", verb.past(), at(until)))
        }
        _ => None,
    }
}

/// What has become of calls that did not happen, and of what was approved.
pub(crate) fn also(summary: &IncidentSummary) -> Option<String> {
    let approved = (summary.approved > 0)
        .then(|| format!("{} under the grant", count(summary.approved, "operation", "operations")));
    let refused =
        (summary.refused > 0).then(|| format!("{} refused", count(summary.refused, "call", "calls")));
    let parts: Vec<_> = approved.into_iter().chain(refused).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What a lease has left.
pub(crate) fn left(incident: &IncidentDetail) -> Option<String> {
    let left = incident.lease.as_ref()?.left.as_ref()?;
    Some(clean(&left.to_string()))
}

/// That whoever has started a held process does not simply wait for it: once for each process.
pub(crate) fn not_waited_for(incident: &IncidentDetail) -> BTreeSet<String> {
    let one = |held: &HeldView| {
        let Above { process: above, whereabouts, started } = held.above.as_ref()?;
        let process = incident.processes.iter().find(|process| process.pid == held.pid);
        let name = process.map_or_else(|| held.pid.to_string(), |process| named(&process.comm, held.pid));
        let who = named(&above.comm, above.pid);
        let started: Vec<_> = started.iter().map(|child| named(&child.comm, child.pid)).collect();
        Some(match whereabouts {
            Whereabouts::Ended => {
                format!("process {}, which had started {name}, has ended: nobody waits for {name}", above.pid)
            }
            Whereabouts::GoesOn if started.is_empty() => {
                format!("{who} has heard that {name} stopped, and did not stop with it: it may have gone on")
            }
            Whereabouts::GoesOn => {
                format!("{who} has gone on without {name}: since then it has started {}", started.join(", "))
            }
        })
    };
    incident.held.iter().filter_map(one).collect()
}

/// By what a process was told as the account's.
pub(crate) fn told(told: &Told) -> String {
    let By { entry, origin, .. } = &told.by;
    let entry = entry.as_deref().map_or_else(|| "an entry that the policy had then".to_owned(), clean);
    let process = named(&told.process.comm, told.process.pid);
    let from = match origin.pid == told.process.pid {
        true => String::new(),
        false => format!(", from {}", named(&origin.comm, origin.pid).trim()),
    };
    format!("{process}: {entry}{from}")
}

fn named(comm: &Bytes, pid: u32) -> String {
    format!("{comm} {pid}")
}

/// What happens if nobody decides; an end that is set is told by [`if_nobody_decides`].
pub(crate) fn undecided(summary: &IncidentSummary) -> Option<String> {
    match (summary.state, summary.until) {
        (State::Stopped, None) => {
            Some("they wait, and the account does no more, until somebody decides".to_owned())
        }
        (State::Left, _) => Some(
            "it could not be carried on; what waits still is another incident: burstguard incidents --open"
                .to_owned(),
        ),
        (State::Freezing | State::Frozen, None) => Some("they wait until somebody decides".to_owned()),
        _ => None,
    }
}
