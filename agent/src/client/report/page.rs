//! The page: what happened in a sentence, and then what it rests on. It needs nothing else, and runs nothing.

use anstream::adapter::strip_str;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    super::{
        incident::{acts, story},
        incidents,
        term::{Screen, clean, count},
    },
    decisions, paths, timeline, who,
};
use crate::api::{AccountView, IncidentDetail, IncidentSummary};

const STYLE: &str = include_str!("style.css");
/// Nothing is loaded, run or sent, whatever the page says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

pub(in crate::client) fn page(
    screen: &Screen,
    incident: &IncidentDetail,
    account: Option<&AccountView>,
) -> String {
    let summary = &incident.summary;
    let name = story::account(summary);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Incident " (summary.id) ": " (name) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(screen, incident, account, &name))
                    @if let Some(figure) = timeline::figure(screen, incident, account) {
                        (section("Timeline", &figure))
                    }
                    (section("Who was responsible", &who::responsible(screen, incident, account)))
                    @if !incident.processes.is_empty() {
                        (section("Processes", &who::processes(incident)))
                    }
                    @if acts::first(incident).is_some() { (section("Paths", &paths::table(incident))) }
                    (section("Decisions", &decisions::table(screen, incident)))
                    @if let Some(next) = decisions::next(incident) { (section("What can be done now", &next)) }
                }
                footer {
                    "Made by burstguard " (env!("CARGO_PKG_VERSION")) " at " (screen.exact(screen.now)) ". What is in names and \
                     command lines and cannot be shown as it is stands as its code, such as \\n or \\u{202e}."
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn section(title: &str, content: &Markup) -> Markup {
    html! { section { h2 { (title) } (content) } }
}

fn head(screen: &Screen, incident: &IncidentDetail, account: Option<&AccountView>, name: &str) -> Markup {
    let summary = &incident.summary;
    html! {
        header {
            p.kicker { "Incident report" }
            h1 { "Incident " (summary.id) ": " (name) }
            p { span.badge.open[summary.closed_at.is_none()] { (state(screen, summary)) } }
            p.lead { (sentence(screen, incident, account)) }
            dl {
                @for (word, what) in facts(screen, incident) { div { dt { (word) } dd { (what) } } }
            }
        }
    }
}

/// As on a terminal, without its colours.
fn state(screen: &Screen, summary: &IncidentSummary) -> String {
    strip_str(&incidents::state(screen, summary)).to_string()
}

/// What happened.
fn sentence(screen: &Screen, incident: &IncidentDetail, account: Option<&AccountView>) -> String {
    let summary = &incident.summary;
    let who = summary
        .account
        .as_deref()
        .map_or_else(|| "no account".to_owned(), |name| format!("account {}", clean(name)));
    let budget = timeline::exceeded(incident, account).map(|budget| format!(", past its budget of {budget}"));
    let what = clean(&summary.what);
    format!("At {}, {who}: {what}{}.", screen.exact(summary.opened_at), budget.unwrap_or_default())
}

fn facts(screen: &Screen, incident: &IncidentDetail) -> Vec<(&'static str, String)> {
    let summary = &incident.summary;
    let kinds: Vec<_> =
        incident.kinds.iter().map(|(kind, number)| format!("{number} {}", clean(kind))).collect();
    let happened = match (summary.done, kinds.len()) {
        (done, 2..) => format!("{} ({})", count(done, "operation", "operations"), kinds.join(", ")),
        (done, _) => count(done, "operation", "operations"),
    };
    let waits = incident.held.len() as u64;
    let some = |word, what: Option<String>| what.map(|what| (word, what));
    [
        Some(("Opened", screen.exact(summary.opened_at))),
        some("Over", summary.closed_at.map(|at| screen.exact(at))),
        Some(("Happened", happened)),
        (waits > 0).then(|| ("Waits", count(waits, "call", "calls"))),
        some("Impact", summary.impact.as_deref().map(clean)),
        some("Also", story::also(summary)),
        some("Left", story::left(incident)),
        some(
            "Without a decision",
            story::if_nobody_decides(summary, |until| screen.exact(until))
                .or_else(|| story::undecided(summary)),
        ),
        some("Ask", incident.contact.as_deref().map(clean)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
