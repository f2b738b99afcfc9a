//! `burstguard incident ID`: what happened, what happens if nobody decides, what to type.

mod acts;

use std::{collections::BTreeSet, fmt::Write as _};

use clap::Args;

use super::{
    Failure, complete, incidents,
    session::Session,
    term::{Screen, bad, clean, count, head},
};
use crate::api::{
    Above, By, Bytes, Decision, HeldView, IncidentDetail, IncidentSummary, ProcessView, State, Told, Verb,
    Whereabouts,
};
use acts::{acts, shorten, waiting};

#[derive(Debug, Args)]
pub(crate) struct Incident {
    /// Its number.
    #[arg(add = complete::incidents())]
    id: u64,
}

impl Incident {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let incident: IncidentDetail = session.daemon.get(&format!("/v1/incidents/{}", self.id))?;
        session.show("incident", &incident, |screen| text(screen, &incident))
    }
}

pub(super) fn text(screen: &Screen, incident: &IncidentDetail) -> String {
    let summary = &incident.summary;
    let account = summary.account.as_deref().map_or_else(|| "no account".to_owned(), clean);
    let mut text = format!(
        "{}  {account}  {}  since {} ({}){}\n",
        head(format!("Incident {}", summary.id)),
        incidents::state(screen, summary),
        screen.at(summary.opened_at),
        screen.since(summary.opened_at),
        if_nobody_decides(screen, summary),
    );
    let kinds: Vec<_> =
        incident.kinds.iter().map(|(kind, number)| format!("{number} {}", clean(kind))).collect();
    // One kind is said already.
    let kinds = if kinds.len() < 2 { String::new() } else { format!("   {}", kinds.join(", ")) };
    part(&mut text, "what", [format!("{}{kinds}", clean(&summary.what))]);
    part(&mut text, "left", left(incident));
    part(&mut text, "who", processes(&incident.processes));
    part(&mut text, "by", incident.told.iter().map(told));
    part(&mut text, "when", acts(incident).into_iter().chain(waiting(incident)));
    part(&mut text, "but", not_waited_for(incident));
    part(&mut text, "also", also(summary));
    part(&mut text, "decided", incident.decisions.iter().map(|decision| decided(screen, decision)));
    part(&mut text, "else", undecided(summary));
    part(&mut text, "ask", incident.contact.as_deref().map(clean));
    part(&mut text, "next", incident.next.iter().map(|next| clean(next)));
    text
}

fn if_nobody_decides(screen: &Screen, summary: &IncidentSummary) -> String {
    match (summary.until, summary.then) {
        (Some(until), Some(verb)) if verb != Verb::Thaw => {
            format!("   if nobody decides: {} at {}", verb.past(), screen.at(until))
        }
        _ => String::new(),
    }
}

/// What has become of calls that did not happen, and of what was approved.
fn also(summary: &IncidentSummary) -> Option<String> {
    let approved = (summary.approved > 0)
        .then(|| format!("{} under the grant", count(summary.approved, "operation", "operations")));
    let refused =
        (summary.refused > 0).then(|| format!("{} refused", count(summary.refused, "call", "calls")));
    let parts: Vec<_> = approved.into_iter().chain(refused).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What a lease has left.
fn left(incident: &IncidentDetail) -> Option<String> {
    let left = incident.lease.as_ref()?.left.as_ref()?;
    Some(clean(&left.to_string()))
}

/// That whoever has started a held process does not simply wait for it: once for each process.
fn not_waited_for(incident: &IncidentDetail) -> BTreeSet<String> {
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
fn told(told: &Told) -> String {
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

/// What happens if nobody decides; an end that is set is in the first line.
fn undecided(summary: &IncidentSummary) -> Option<String> {
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

/// Lines under a word; nothing if there are none.
fn part(text: &mut String, word: &str, lines: impl IntoIterator<Item = String>) {
    let mut word = word;
    for line in lines {
        let _ = writeln!(text, "  {word:7} {line}"); // a String takes everything
        word = "";
    }
}

/// Parents before their children, a step further in each.
fn processes(processes: &[ProcessView]) -> Vec<String> {
    let child_of = |process: &ProcessView, parent: &ProcessView| process.parent == parent.pid;
    let mut waiting: Vec<(usize, &ProcessView)> = processes
        .iter()
        .rev()
        .filter(|process| !processes.iter().any(|other| child_of(process, other)))
        .map(|process| (0, process))
        .collect();
    let mut lines = Vec::new();
    // Each is taken once: pids that the daemon gave in a circle have no outermost one, and are not reached.
    while let Some((depth, process)) = waiting.pop() {
        let parent = processes.iter().find(|other| child_of(process, other));
        lines.push(format!("{:1$}{2}{3}", "", depth * 2, one(process), whereabouts(process, parent)));
        waiting.extend(
            processes.iter().rev().filter(|other| child_of(other, process)).map(|other| (depth + 1, other)),
        );
    }
    shorten(lines, processes.len())
}

/// Where it works and who sits there, as far as that is not its parent's too.
fn whereabouts(process: &ProcessView, parent: Option<&ProcessView>) -> String {
    let part = |word: &str, of: &dyn Fn(&ProcessView) -> Option<String>| {
        let own = of(process)?;
        (parent.and_then(of).as_ref() != Some(&own)).then(|| format!(" {word} {own}"))
    };
    [
        part("in", &|process| process.cwd.as_ref().map(ToString::to_string)),
        part("on", &|process| process.terminal.as_ref().map(ToString::to_string)),
        part("from", &|process| process.ssh_from.as_deref().map(clean)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn one(process: &ProcessView) -> String {
    let name = name(process);
    let login = process.login.map(|login| format!(", login {login}")).unwrap_or_default();
    let unit = process.cgroup.as_ref().map(|cgroup| format!(", {cgroup}")).unwrap_or_default();
    let stop = stop(process).map(|stop| format!(" {stop}")).unwrap_or_default();
    format!("{name} {} (uid {}{login}{unit}){stop}", process.pid, process.uid)
}

/// Its command line, as far as that is known.
pub(super) fn name(process: &ProcessView) -> String {
    let command = process.command.to_string();
    if command.is_empty() { process.comm.to_string() } else { clipped(command) }
}

/// Why it does not go on, if so.
pub(super) fn stop(process: &ProcessView) -> Option<String> {
    let word = match process {
        ProcessView { frozen: true, .. } => "[frozen]",
        ProcessView { held: true, .. } => "[held]",
        ProcessView { stopped: true, .. } => "[stopped]",
        _ => return None,
    };
    Some(bad(word))
}

/// As much of a command line as helps; --json has all that is kept.
fn clipped(command: String) -> String {
    const COMMAND: usize = 100;
    match command.char_indices().nth(COMMAND) {
        Some((end, _)) => format!("{}…", &command[..end]),
        None => command,
    }
}

fn decided(screen: &Screen, decision: &Decision) -> String {
    let Decision { at, verb, by, reason, outcome } = decision;
    format!(
        "{} {} by {}: \"{}\"; {}",
        screen.at(*at),
        verb.past(),
        clean(&by.to_string()),
        clean(reason),
        clean(outcome)
    )
}
