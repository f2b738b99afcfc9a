//! What was made to stop, go on or end, in words.

use std::fmt::Write as _;

use super::term::{Screen, clean, count, took};
use crate::api::{LeftAlone, Moved, Pending, Verb};

/// What was done, in a line, and what was left.
pub(super) fn text(screen: &Screen, moved: &Moved) -> String {
    // One incident, of which nothing goes on.
    if moved.incident.is_some() && !moved.pending.is_empty() {
        return pending(moved);
    }
    let processes = count(moved.processes.len() as u64, "process", "processes");
    let cgroups = match moved.cgroups {
        0 => String::new(),
        cgroups => format!(" in {}", count(cgroups, "cgroup", "cgroups")),
    };
    let confirmed = match moved.confirmed_us {
        Some(micros) => format!(", confirmed by the kernel in {}", took(micros)),
        None => String::new(),
    };
    let until = moved
        .until
        .map(|until| format!("; {} by itself at {}", ends(moved.verb), screen.at(until)))
        .unwrap_or_default();
    let incident = moved.incident.map(|id| format!(" (incident {id})")).unwrap_or_default();
    let mut text = format!(
        "{}: {}, {processes}{cgroups}{confirmed}, as {}{until}{incident}\n",
        moved.verb.past(),
        clean(&moved.target),
        clean(&moved.by.to_string()),
    );
    left_alone(&mut text, moved);
    text + &pending(moved)
}

/// Of what nothing goes on yet, and who has to say so too.
pub(super) fn pending(moved: &Moved) -> String {
    let (verb, by) = (moved.verb, clean(&moved.by.to_string()));
    let one = |Pending { incident, given, needed }: &Pending| {
        format!(
            "{} {incident} as {by}, {given} of {needed}: nothing goes on yet\n  another person with the role \
             \"respond\" has to say so too: burstguard {} {incident}\n",
            verb.past(),
            verb.word(),
        )
    };
    moved.pending.iter().map(one).collect()
}

/// What was meant and not touched, a line each.
pub(super) fn left_alone(text: &mut String, moved: &Moved) {
    for left in &moved.left_alone {
        let _ = writeln!(text, "  left alone: {}{}", whom(left), clean(&left.why));
    }
}

const fn ends(verb: Verb) -> &'static str {
    match verb {
        Verb::Off => "on again",
        Verb::Approve
        | Verb::Lease
        | Verb::Revoke
        | Verb::Deny
        | Verb::Freeze
        | Verb::Thaw
        | Verb::Kill
        | Verb::Reload
        | Verb::On
        | Verb::Selftest
        | Verb::Restore => "thaws",
    }
}

/// A group has no pid.
fn whom(left: &LeftAlone) -> String {
    if left.pid == 0 { String::new() } else { format!("{} {}: ", left.comm, left.pid) }
}
