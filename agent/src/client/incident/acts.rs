//! What happened, in order: acts, what came back after it went, and what waits.

use jiff::Timestamp;

use super::{
    super::term::{bad, clean},
    impact::words,
};
use crate::api::{Act, Bytes, IncidentDetail};

/// How many acts, and how many processes, fit a screen.
const SHOWN: usize = 10;

/// The calls that wait, and have not happened.
pub(super) fn waiting(incident: &IncidentDetail) -> Vec<String> {
    let lines = incident.held.iter().map(|held| {
        let kinds = clean(&held.kinds.join("+"));
        let tree = held.tree.as_ref().map(|tree| format!(" in {tree}")).unwrap_or_default();
        let after = since(incident, held.at);
        let impact = noted(held.impact.as_ref().and_then(words));
        format!("{after} {} {kinds} {}{tree}{impact} by {}", bad("HELD"), held.path, held.pid)
    });
    shorten(lines.collect(), incident.held.len())
}

pub(super) fn acts(incident: &IncidentDetail) -> Vec<String> {
    let lines = incident.acts.iter().enumerate().map(|(at, act)| {
        let went = went_before(&incident.acts[..at], act);
        let went =
            went.map(|before| format!(", which went at {}", since(incident, incident.acts[before].at)));
        line(&since(incident, act.at), act, &went.unwrap_or_default())
    });
    let all = usize::try_from(incident.summary.done).unwrap_or(usize::MAX);
    shorten(lines.collect(), all.max(incident.acts.len()))
}

/// Which of those before has made go what an act has made anew.
pub(crate) fn went_before(before: &[Act], act: &Act) -> Option<usize> {
    let is = |act: &Act, kinds: &[&str]| act.kinds.iter().any(|kind| kinds.contains(&kind.as_str()));
    let same = |other: &Act| match act.tree {
        Some(_) => other.tree == act.tree && other.path == act.path,
        None => other.tree.is_none() && program(&other.path) == program(&act.path),
    };
    let destroys = |other: &Act| is(other, &["delete", "command"]) && same(other);
    is(act, &["recreate"]).then(|| before.iter().rposition(destroys)).flatten()
}

/// The names of the files that a command line begins with: the program, behind its interpreter if it is a script.
fn program(command: &Bytes) -> Vec<String> {
    let command = command.to_string();
    let names =
        command.split(' ').enumerate().take_while(|(at, word)| *at == 0 || *at == 1 && word.contains('/'));
    names.map(|(_, word)| word.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

fn line(after: &str, act: &Act, went: &str) -> String {
    let kinds = clean(&act.kinds.join("+"));
    let over = if act.over { format!("  {}", bad("over the budget")) } else { String::new() };
    let notes = note(act).into_iter().chain(act.impact.as_ref().and_then(words));
    let note = noted(notes);
    format!("{after} {kinds} {}{note} by {} {}{went}{over}", act.path, act.comm, act.pid)
}

/// What is to be said of a path, behind it.
fn noted(notes: impl IntoIterator<Item = String>) -> String {
    let notes: String = notes.into_iter().map(|note| format!(", {note}")).collect();
    if notes.is_empty() { notes } else { notes + "," }
}

/// What is left of the file, where that is worth saying.
pub(crate) fn note(act: &Act) -> Option<String> {
    act.sizes.note(act.kinds.iter().map(String::as_str))
}

/// When the first thing happened, or waited.
pub(crate) fn first(incident: &IncidentDetail) -> Option<Timestamp> {
    let acted = incident.acts.first().map(|act| act.at);
    acted.or_else(|| incident.held.first().map(|held| held.at))
}

/// In seconds, since the first thing happened.
fn since(incident: &IncidentDetail, at: Timestamp) -> String {
    let ms = at.duration_since(first(incident).unwrap_or(at)).as_millis();
    let sign = if ms < 0 { '-' } else { '+' };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}

/// The first ones, and how many more there are.
pub(super) fn shorten(mut lines: Vec<String>, all: usize) -> Vec<String> {
    lines.truncate(SHOWN);
    if all > lines.len() && !lines.is_empty() {
        lines.push(format!("… {} more: --json has those that are kept", all - lines.len()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(kind: &str, tree: Option<&str>, path: &str) -> Act {
        serde_json::from_value(serde_json::json!({
            "at": "2026-01-01T00:00:00Z", "kinds": [kind], "path": path, "tree": tree, "pid": 7, "comm": "x", "over": false,
            "sizes": { "before": null, "after": null },
        }))
        .unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_came_back_is_told_with_what_made_it_go() {
        let before = [
            act("delete", Some("/etc"), "a"),
            act("delete", Some("/srv"), "a"),
            act("command", None, "/bin/sh /opt/terraform destroy"),
            act("command", None, "kubectl delete ns x"),
        ];
        let went = |act: &Act| went_before(&before, act).map(|at| before[at].path.to_string());
        assert_eq!(went(&act("recreate", Some("/etc"), "a")).as_deref(), Some("a"));
        assert_eq!(went(&act("recreate", Some("/etc"), "b")), None);
        assert_eq!(went(&act("delete", Some("/etc"), "a")), None);
        let terraform = went(&act("recreate", None, "/bin/sh ./terraform apply"));
        assert_eq!(terraform.as_deref(), Some("/bin/sh /opt/terraform destroy"));
        assert_eq!(
            went(&act("recreate", None, "/usr/bin/kubectl apply")).as_deref(),
            Some("kubectl delete ns x")
        );
        assert_eq!(went(&act("recreate", None, "/bin/sh ./helm install")), None);
    }
}
