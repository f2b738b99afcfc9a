//! `burstguard approve`: calls that wait may happen, and their processes finish.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;

use super::{
    Failure,
    ask::{self, Because},
    complete, moved,
    session::Session,
    term::{Screen, clean, took},
};
use crate::api::{Allowance, ApproveBody, Moved, ProcessView};

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The incident.
    #[arg(add = complete::incidents())]
    id: u64,
    /// Exactly the calls that wait, and nothing more: what the processes destroy next counts as ever.
    #[arg(long, conflicts_with_all = ["for_s", "trees", "budget"])]
    once: bool,
    /// For so long at most, such as 15m; by default an hour.
    #[arg(long = "for", value_name = "DURATION", value_parser = ask::seconds, add = complete::durations())]
    for_s: Option<u64>,
    /// A protected tree, or a directory in one, besides the directories that the incident shows; may be given several times.
    #[arg(long = "tree", value_name = "PATH", add = complete::trees())]
    trees: Vec<PathBuf>,
    /// So many operations at most: a number, or kinds of them such as deletes=500,recreates=10, and then no others.
    #[arg(long, value_name = "BUDGET")]
    budget: Option<Allowance>,
    #[command(flatten)]
    because: Because,
}

impl Approve {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { id, once, for_s, trees, budget, because } = self;
        let body = |reason| ApproveBody { once, for_s, trees, budget, reason };
        let done: Moved = because.post(session, &format!("/v1/incidents/{id}/approve"), body)?;
        session.done("approve", &done, |screen| text(screen, &done))
    }
}

/// Who may finish what, until when, and what was released.
pub(super) fn text(screen: &Screen, moved: &Moved) -> String {
    if !moved.pending.is_empty() {
        return moved::pending(moved);
    }
    let held = moved.processes.iter().filter(|process| process.held).count();
    let whose = clean(&moved.target);
    let finish = match (held, moved.until) {
        (1, Some(_)) => format!("{whose}'s held process may finish"),
        (_, Some(_)) => format!("{whose}'s {held} held processes may finish"),
        (1, None) => format!("the call of {whose}'s held process may happen, and no other"),
        (_, None) => format!("the calls of {whose}'s {held} held processes may happen, and no others"),
    };
    let until = moved.until.map(|until| format!(", at most until {}", screen.at(until))).unwrap_or_default();
    let incident = moved.incident.map(|id| format!(" {id}")).unwrap_or_default();
    let mut text = format!("approved{incident} as {}: {finish}{until}\n", clean(&moved.by.to_string()));
    text += &released(moved);
    moved::left_alone(&mut text, moved);
    text
}

/// What goes on, and how fast that was.
pub(super) fn released(moved: &Moved) -> String {
    if moved.processes.is_empty() {
        return String::new();
    }
    let (held, wrappers): (Vec<_>, Vec<_>) = moved.processes.iter().partition(|process| process.held);
    let name = |process: &&ProcessView| format!("{} {}", process.comm, process.pid);
    let mut parts: Vec<String> = held.iter().map(name).collect();
    parts.extend(wrappers.iter().map(|process| format!("{} (had stopped with it)", name(process))));
    let mut text = format!("released: {}", parts.join(", "));
    if let Some(micros) = moved.confirmed_us {
        let _ = write!(text, "; all judged again {} later", took(micros)); // a String takes everything
    }
    text + "\n"
}
