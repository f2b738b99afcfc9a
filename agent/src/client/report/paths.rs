//! What happened to which name, in order, and what of it came back.

use maud::{Markup, html};

use super::{
    super::{
        incident::{
            acts::{note, went_before},
            impact::words,
        },
        term::clean,
    },
    words::after,
};
use crate::api::{Act, Bytes, IncidentDetail};

pub(super) fn table(incident: &IncidentDetail) -> Markup {
    let acts = &incident.acts;
    let went: Vec<_> = acts.iter().enumerate().map(|(at, act)| went_before(&acts[..at], act)).collect();
    // Of a name that went and came back again and again, the first time after.
    let came_back = |at: usize| went.iter().position(|went| *went == Some(at));
    let at = |number: usize| after(incident, acts[number].at);
    let all_in = only_tree(incident);
    html! {
        @if let Some(tree) = all_in { p { "All of it is in " code { (tree) } "." } }
        table {
            thead { tr { th { "Time" } th { "What" } th { "Path" } th { "By" } } }
            tbody {
                @for (number, act) in acts.iter().enumerate() {
                    @let remarks = remarks(act, went[number].map(at), came_back(number).map(at));
                    tr {
                        (time(&at(number)))
                        (what(&act.kinds, act.over.then_some("past the budget")))
                        (path(&act.path, act.tree.as_ref().filter(|_| all_in.is_none()), &remarks))
                        td data-is="By" { span.name { (act.comm) } " " (act.pid) }
                    }
                }
                @for held in &incident.held {
                    tr {
                        (time(&after(incident, held.at)))
                        (what(&held.kinds, Some("waits")))
                        @let remarks: Vec<_> = held.impact.as_ref().and_then(words).into_iter().collect();
                        (path(&held.path, held.tree.as_ref().filter(|_| all_in.is_none()), &remarks))
                        td data-is="By" { (held.pid) }
                    }
                }
            }
        }
        @if went.iter().any(Option::is_some) {
            p.note { "↺ marks what went and was made anew: the two times belong together." }
        }
    }
}

/// The tree that all of it is in.
fn only_tree(incident: &IncidentDetail) -> Option<&Bytes> {
    let acts = incident.acts.iter().map(|act| act.tree.as_ref());
    let mut trees = acts.chain(incident.held.iter().map(|held| held.tree.as_ref()));
    let first = trees.next().flatten()?;
    trees.all(|tree| tree == Some(first)).then_some(first)
}

fn time(after: &str) -> Markup {
    html! { td.time data-is="Time" { (after) } }
}

fn what(kinds: &[String], badge: Option<&str>) -> Markup {
    html! {
        td.what data-is="What" {
            (clean(&kinds.join(" + ")))
            @if let Some(badge) = badge { " " span.badge.open { (badge) } }
        }
    }
}

fn path(path: &Bytes, tree: Option<&Bytes>, remarks: &[String]) -> Markup {
    html! {
        td data-is="Path" {
            code { (path) }
            @if let Some(tree) = tree { " " span.about { "in " code { (tree) } } }
            @for remark in remarks { " " span.about { (remark) } }
        }
    }
}

fn remarks(act: &Act, went: Option<String>, came_back: Option<String>) -> Vec<String> {
    let went = went.map(|at| format!("↺ went at {at}"));
    let came_back = came_back.map(|at| format!("↺ came back at {at}"));
    let impact = act.impact.as_ref().and_then(words);
    [went, came_back, note(act), impact].into_iter().flatten().collect()
}
