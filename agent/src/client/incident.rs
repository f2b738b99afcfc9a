//! `burstguard incident ID`: what happened, what happens if nobody decides, what to type.

pub(crate) mod acts;
pub(crate) mod impact;
pub(crate) mod story;
pub(crate) mod tree;

use std::fmt::Write as _;

use clap::Args;

use super::{
    Failure, complete, incidents,
    session::Session,
    term::{Screen, clean, head},
};
use crate::api::{Decision, IncidentDetail, ProcessView};
use acts::{acts, shorten, waiting};
use story::{account, also, if_nobody_decides, left, not_waited_for, told, undecided};

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
    let end = if_nobody_decides(summary, |until| screen.at(until)).map(|end| format!("   {end}"));
    let mut text = format!(
        "{}  {}  {}  since {} ({}){}\n",
        head(format!("Incident {}", summary.id)),
        account(summary),
        incidents::state(screen, summary),
        screen.at(summary.opened_at),
        screen.since(summary.opened_at),
        end.unwrap_or_default(),
    );
    let kinds: Vec<_> =
        incident.kinds.iter().map(|(kind, number)| format!("{number} {}", clean(kind))).collect();
    // One kind is said already.
    let kinds = if kinds.len() < 2 { String::new() } else { format!("   {}", kinds.join(", ")) };
    part(&mut text, "what", [format!("{}{kinds}", clean(&summary.what))]);
    part(&mut text, "impact", summary.impact.as_deref().map(clean));
    part(&mut text, "left", left(incident));
    part(&mut text, "who", processes(&incident.processes));
    part(&mut text, "by", incident.told.iter().map(told));
    part(&mut text, "when", acts(incident).into_iter().chain(waiting(incident)));
    part(&mut text, "but", not_waited_for(incident));
    part(&mut text, "also", also(summary));
    part(&mut text, "decided", incident.decisions.iter().map(|decision| decided(screen, decision)));
    part(&mut text, "else", undecided(summary));
    part(&mut text, "ask", incident.contact.as_deref().map(clean));
    part(&mut text, "next", incident.next.iter().map(|next| clean(next)).chain([report(summary.id)]));
    text
}

/// How to hand all of this on.
fn report(id: u64) -> String {
    format!("burstguard report {id} -o incident-{id}.html   all of it as a page")
}

/// Lines under a word; nothing if there are none.
fn part(text: &mut String, word: &str, lines: impl IntoIterator<Item = String>) {
    let mut word = word;
    for line in lines {
        let _ = writeln!(text, "  {word:7} {line}"); // a String takes everything
        word = "";
    }
}

fn processes(processes: &[ProcessView]) -> Vec<String> {
    let lines = tree::branches(processes).iter().map(tree::Branch::line).collect();
    shorten(lines, processes.len())
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
