//! Versions, and by whom they came about.

use super::*;
use crate::keeper::{Hash, Moment};

fn moment(at: i64) -> Moment {
    let wall = Timestamp::from_second(at).expect("a time");
    Moment { boot: "b".to_owned(), at: at.unsigned_abs(), wall }
}

fn version(number: u64, at: i64, what: What) -> Version {
    Version { number, tree: "t".to_owned(), path: PathBuf::from("/t/f"), taken: moment(at), what }
}

fn file(content: u8, mode: u32) -> What {
    What::File { meta: Meta { mode, ..Meta::default() }, size: 1, content: Hash([content; 32]) }
}

fn act(at: i64, did: &'static str) -> Act {
    let account = "deploy\x1b[2J".to_owned();
    Act { moment: moment(at), account, program: b"rm".to_vec(), pid: 7, uid: 8, did }
}

#[test]
fn each_version_says_what_changed_and_by_whom() {
    let versions = [
        version(4, 40, file(2, 0o644)),
        version(3, 30, What::Gone),
        version(2, 20, file(1, 0o600)),
        version(1, 10, file(1, 0o644)),
    ];
    let rows = rows(&versions, &[act(25, "removed"), act(35, "made again"), act(5, "overwrote")]);
    let said: Vec<_> = rows.iter().map(|row| (row.version, row.changed.clone(), row.by.len())).collect();
    assert_eq!(
        said,
        [(4, vec!["there again"], 1), (3, vec!["gone"], 1), (2, vec!["mode"], 0), (1, vec![], 0)]
    );
    let screen = Screen { now: Timestamp::from_second(50).expect("a time"), zone: jiff::tz::TimeZone::UTC };
    let listed = Listing::default().first(rows);
    let text = text(&screen, Path::new("/t/f"), &listed);
    assert!(text.contains("deploy\\u{1b}[2J: rm 7 removed"), "{text}");
    assert!(text.contains("nobody who is watched"), "{text}");
    assert!(!text.contains('\x1b'));
}

#[test]
fn of_what_nothing_is_kept_that_is_said() {
    let screen = Screen { now: Timestamp::UNIX_EPOCH, zone: jiff::tz::TimeZone::UTC };
    let listed = Listing::default().first(Vec::new());
    assert_eq!(text(&screen, Path::new("/t/\n"), &listed), "nothing is kept of /t/\\n\n");
}
