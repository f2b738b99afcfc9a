//! What people said to it, and what they can still say.

use maud::{Markup, html};

use super::super::term::{Screen, clean};
use crate::api::{Decision, IncidentDetail};

pub(super) fn table(screen: &Screen, incident: &IncidentDetail) -> Markup {
    html! {
        @if incident.decisions.is_empty() {
            p.note { "Nobody has decided anything." }
        } @else {
            table {
                thead { tr { th { "When" } th { "What" } th { "By" } th { "Why" } th { "What came of it" } } }
                tbody {
                    @for Decision { at, verb, by, reason, outcome } in &incident.decisions {
                        tr {
                            td.time data-is="When" { (screen.exact(*at)) }
                            td.what data-is="What" { strong { (verb.past()) } }
                            td data-is="By" { (clean(&by.to_string())) }
                            td data-is="Why" { q { (clean(reason)) } }
                            td data-is="What came of it" { (clean(outcome)) }
                        }
                    }
                }
            }
        }
    }
}

/// What a responder can type now; none if it is over.
pub(super) fn next(incident: &IncidentDetail) -> Option<Markup> {
    // What it does stands behind the command, some blanks apart.
    let lines: Vec<_> =
        incident.next.iter().map(|line| line.split_once("  ").unwrap_or((line, ""))).collect();
    (!lines.is_empty()).then(|| {
        html! {
            dl.next {
                @for (command, meaning) in lines {
                    div { dt { code { (clean(command)) } } dd { (clean(meaning.trim())) } }
                }
            }
        }
    })
}
