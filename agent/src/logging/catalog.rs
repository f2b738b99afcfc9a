//! deploy/journal/burstguard.catalog: what `journalctl -x` says of each kind of event.

use crate::report::kind::{KINDS, Kind};

const HEAD: &str = "# Written by `cargo xtask docs` from agent/src/report/kind.rs.\n";
const RUNBOOK: &str = "file:///usr/share/doc/burstguard/runbook.md";

/// All of it.
pub(crate) fn catalog() -> String {
    KINDS.iter().fold(HEAD.to_owned(), |text, kind| text + "\n" + &entry(kind))
}

fn entry(kind: &Kind) -> String {
    let Kind { word: _, message_id: _, subject, means, act, section } = kind;
    let id = kind.message_id();
    // As a link to a section of the document is written.
    let place = section.map(|section| format!("#{}", section.to_lowercase())).unwrap_or_default();
    format!(
        "-- {id}\nSubject: burstguard: {subject}\nDefined-By: burstguard\nDocumentation: man:burstguard(1)\nDocumentation: \
         {RUNBOOK}{place}\n\n{means}\n\nWhat to do: {act}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_of_today() {
        let file = include_str!("../../../deploy/journal/burstguard.catalog");
        assert_eq!(file, catalog(), "the catalog is stale: run `cargo xtask docs`");
    }

    /// A line that begins with two dashes would begin another entry, and the journal replaces nothing but fields that there are.
    #[test]
    fn a_text_is_one_entry_and_its_fields_are_ours() {
        for kind in KINDS {
            let entry = entry(kind);
            assert_eq!(entry.lines().filter(|line| line.starts_with("--")).count(), 1, "{entry}");
            assert!(entry.lines().all(|line| !line.starts_with('#')), "{entry}");
            for field in entry.split('@').skip(1).step_by(2) {
                assert_eq!(field, "BURSTGUARD_INCIDENT", "{entry}");
            }
            assert!(entry.matches('@').count().is_multiple_of(2), "{entry}");
        }
    }
}
