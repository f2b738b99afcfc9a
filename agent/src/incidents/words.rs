//! An incident in a few words.

use agent_common::rules::{BootNs, Kind};

use super::{
    incident::{Cause, Incident},
    stage::Stage,
    tampering::Tampering,
};
use crate::api::{Approvals, Verb};

pub(super) fn counted(incident: &Incident) -> impl Iterator<Item = (Kind, u64)> + '_ {
    Kind::ALL.into_iter().zip(incident.kinds).filter(|(_, count)| *count > 0)
}

/// What happened.
pub(super) fn what(incident: &Incident) -> String {
    match &incident.cause {
        Cause::Lease(lease) => format!("{lease}, {} operations so far", incident.approved),
        Cause::Freeze { target } => format!("freeze of {target}"),
        Cause::Left { target } => format!("freeze of {target} by an earlier daemon"),
        Cause::Attempt { times, .. } => format!("tried to decide {times} times"),
        Cause::Tampering(Tampering { times, what, .. }) => {
            format!("tampered with burstguard, {times} times, last: {what}")
        }
        Cause::Escape { way, times, .. } => {
            format!(
                "had others act, by {way}{}",
                if *times == 1 { String::new() } else { format!(", {times} times") }
            )
        }
        Cause::Found { .. } => "tripped before this daemon started".to_owned(),
        Cause::Burst { whole, .. } => {
            let counts: Vec<String> = counted(incident)
                .map(|(kind, count)| format!("{count} {}{}", kind.word(), if count == 1 { "" } else { "s" }))
                .collect();
            let tree = incident.acts.iter().find_map(|act| act.tree.as_ref());
            let place = tree.map(|tree| format!(" in {tree}")).unwrap_or_default();
            let whole = whole.then(|| "a whole tree at once".to_owned());
            if counts.is_empty() {
                return format!("{}{place}", whole.unwrap_or_else(|| "nothing yet".to_owned()));
            }
            let did = format!(
                "{} in {}{place}",
                counts.join(", "),
                span(incident.last.saturating_sub(incident.opened))
            );
            [Some(did), whole].into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
    }
}

fn span(ns: BootNs) -> String {
    match ns / 1_000_000 {
        0 => format!("{} µs", ns / 1000),
        ms @ 1..1000 => format!("{ms} ms"),
        ms @ 1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        ms => format!("{} min", ms / 60_000),
    }
}

/// What a responder can type now.
pub(super) fn next(incident: &Incident, approvals: Option<&Approvals>) -> Vec<String> {
    let destroyed = |kind: &Kind| !matches!(kind, Kind::Recreate | Kind::Command);
    let restore = counted(incident).any(|(kind, _)| destroyed(&kind));
    let restore = restore.then(|| format!("burstguard restore {}   put back what it destroyed", incident.id));
    decide(incident, approvals).into_iter().chain(restore).collect()
}

/// The same of what is to be decided.
fn decide(incident: &Incident, approvals: Option<&Approvals>) -> Vec<String> {
    let id = incident.id;
    let line = |verb: Verb, meaning| {
        let people = approvals.filter(|_| matches!(verb, Verb::Approve | Verb::Thaw)).map(people);
        format!("burstguard {} {id}   {meaning}{}", verb.word(), people.unwrap_or_default())
    };
    if incident.stage == Stage::Denied {
        return vec![line(Verb::Thaw, "let the account begin anew at once")];
    }
    if incident.stage == Stage::Proposed {
        let revoke = format!("burstguard lease revoke {id}   take it back");
        return vec![line(Verb::Approve, "put the lease into force, by another person"), revoke];
    }
    if incident.stage == Stage::Leased {
        return vec![format!("burstguard lease revoke {id}   end the lease now")];
    }
    if !incident.is_open() {
        return Vec::new();
    }
    if incident.then.is_some() {
        return vec![
            line(Verb::Approve, "let these processes finish"),
            line(Verb::Deny, "the calls fail with EPERM"),
            line(Verb::Kill, "end them"),
        ];
    }
    vec![line(Verb::Thaw, "let these processes go on"), line(Verb::Kill, "end them")]
}

/// How many people that takes, and who has said so.
fn people(approvals: &Approvals) -> String {
    let given: Vec<String> = approvals.given.iter().map(|one| one.by.to_string()).collect();
    let so_far =
        if given.is_empty() { String::new() } else { format!(", {} has said so", given.join(" and ")) };
    format!("; takes {} people{so_far}", approvals.needed)
}
