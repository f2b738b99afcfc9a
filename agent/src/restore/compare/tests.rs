//! What is shown does nothing to a terminal, and is not longer than a person reads.

use std::path::PathBuf;

use super::*;
use crate::{
    keeper::{Moment, Version},
    restore::Step,
};

fn planned(kept: What, now: Now) -> Planned {
    let moment = Moment::now();
    let path = PathBuf::from("/t/f");
    let kept =
        Version { number: 1, tree: String::new(), path: path.clone(), taken: moment.clone(), what: kept };
    Planned { path, kept: Some(kept), now, moment, step: Step::Over }
}

fn file(content: u8, mode: u32) -> What {
    What::File { meta: Meta { mode, ..Meta::default() }, size: 2048, content: Hash([content; 32]) }
}

fn there(what: What) -> Now {
    Now::There { what, changed: jiff::Timestamp::UNIX_EPOCH }
}

#[test]
fn lines_of_text_are_compared_and_nothing_in_them_acts() {
    let planned = planned(file(1, 0o644), there(file(2, 0o600)));
    let lines = difference(&planned, Some(b"a\nkept\x1b[2J\nz\n"), Some(b"a\nnow\nz\n"));
    assert!(lines.iter().any(|line| line == "-now"), "{lines:?}");
    assert!(lines.iter().any(|line| line == "+kept\\u{1b}[2J"), "{lines:?}");
    assert_eq!(lines.last().map(String::as_str), Some("mode 0644 instead of 0600"));
}

#[test]
fn of_what_is_no_text_the_sizes_and_hashes_are_said() {
    for (kept, now) in [(Some(&b"\xff"[..]), Some(&b"a"[..])), (Some(b"a\0"), Some(b"a")), (None, None)] {
        let lines = difference(&planned(file(1, 0), there(file(2, 0))), kept, now);
        assert_eq!(lines, ["content: 2 KiB 010101010101 instead of 2 KiB 020202020202"]);
    }
}

#[test]
fn a_long_difference_is_cut_off_with_a_count() {
    let kept: String = (0..500).map(|line| format!("{line}\n")).collect();
    let lines = difference(&planned(file(1, 0), there(file(2, 0))), Some(kept.as_bytes()), Some(b"x\n"));
    assert_eq!(lines.len(), LINES + 1);
    assert!(lines.last().is_some_and(|last| last.ends_with("lines more")), "{lines:?}");
}

#[test]
fn what_differs_besides_the_content_is_said_in_words() {
    let access = (b"system.posix_acl_access".to_vec(), vec![2]);
    let own = (b"user.\x1b[31m".to_vec(), vec![1]);
    let kept = Meta { uid: 3, mtime: (1, 0), xattrs: vec![access], ..Meta::default() };
    let now = Meta { xattrs: vec![own], ..Meta::default() };
    let [kept, now] = [kept, now].map(|meta| What::File { meta, size: 0, content: Hash([0; 32]) });
    let lines = difference(&planned(kept, there(now)), None, None);
    assert_eq!(
        lines,
        [
            "owner 3:0 instead of 0:0",
            "changed at 1970-01-01T00:00:01Z instead of 1970-01-01T00:00:00Z",
            "access list there again",
            "attribute user.\\u{1b}[31m gone",
        ]
    );
}

#[test]
fn where_nothing_is_it_is_said_what_comes() {
    let lines = difference(&planned(file(1, 0o100_640), Now::Nothing), None, None);
    assert_eq!(lines, ["file, 2 KiB, 0640 0:0"]);
}
