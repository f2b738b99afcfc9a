//! Who it was: the account, by what its processes were told as that, and the processes.

use maud::{Markup, html};

use super::super::{
    incident::{story, tree},
    term::{Screen, clean},
};
use crate::api::{AccountView, IncidentDetail};

pub(super) fn responsible(
    screen: &Screen,
    incident: &IncidentDetail,
    account: Option<&AccountView>,
) -> Markup {
    let note = account.and_then(|account| account.note.as_deref());
    let not_waited_for = story::not_waited_for(incident);
    html! {
        p {
            @match &incident.summary.account {
                Some(name) => { "Account " strong { (clean(name)) } }
                None => "It is of no account",
            }
            @if let Some(note) = note { ", watched as: " (clean(note)) }
            "."
        }
        @if incident.told.is_empty() {
            p.note { "Nobody saw by what its processes were told as the account's, or nothing was." }
        } @else {
            p { "Its processes were told as the account's by:" }
            ul {
                @for told in &incident.told {
                    li { span.name { (story::told(told)) } ", since " (screen.exact(told.by.since)) }
                }
            }
        }
        @if !not_waited_for.is_empty() {
            p { "Whoever has started what is held did not simply wait for it:" }
            ul { @for line in &not_waited_for { li { span.name { (line) } } } }
        }
    }
}

/// Lists in lists: what started what.
pub(super) fn processes(incident: &IncidentDetail) -> Markup {
    html! {
        ul.tree {
            @for branch in tree::branches(&incident.processes) {
                // Deeper than this there is no room on a phone.
                li style=(format!("--depth:{}", branch.depth.min(8))) {
                    code { (tree::name(branch.process)) }
                    span.about {
                        "pid " (branch.process.pid) ", " (tree::who(branch.process)) (branch.whereabouts())
                    }
                    @if let Some(halted) = tree::halted(branch.process) { " " span.badge.open { (halted) } }
                }
            }
        }
    }
}
