//! What is written can be read, whatever is torn off.

use agent_common::rules::Kind;
use proptest::prelude::*;

use super::*;

/// A deed whose numbers all differ.
pub(in super::super) fn deed(sequence: u64) -> Deed<Vec<u8>> {
    Deed {
        what: What::Done,
        verb: 3,
        account: 2,
        root: Some(1),
        key: 77,
        other: Some(Place { root: 3, key: 78 }),
        pid: 4711,
        uid: 998,
        comm: *b"rm\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        over: true,
        judged: Judgement {
            at: 1_000 + sequence,
            sequence: Some(sequence),
            kinds: [Kinds::of(Kind::Delete), Kinds::of(Kind::Replace)],
            verdict: Verdict::Hold,
            phase: Phase::Denied,
            granted: true,
            passes: false,
        },
        text: b"nginx/a.conf".to_vec(),
    }
}

fn entries() -> Vec<Entry<Vec<u8>>> {
    let begin = Begin {
        wall: jiff::Timestamp::UNIX_EPOCH,
        boot: "b".to_owned(),
        version: "0.1.0".to_owned(),
        tier: "lsm".to_owned(),
        policy: "9f31".to_owned(),
        carries: true,
        seed: Some(u64::MAX),
    };
    let standing = Standing { phase: Phase::Denied, until: 9 };
    vec![
        Entry::Begin { at: 5, goes_on: true, begin },
        Entry::Account { index: 2, name: b"deployer".to_vec() },
        Entry::Tree { index: 1, path: b"/etc".to_vec() },
        Entry::Deed(deed(3)),
        Entry::Deed(Deed { what: What::Waits, root: None, ..deed(4) }),
        Entry::Deed(Deed { what: What::Refused, other: None, ..deed(5) }),
        Entry::Deed(Deed { text: vec![0; 11], verb: 13, other: None, ..deed(6) }),
        Entry::Anew { at: 8, account: 2 },
        Entry::Stands { at: 9, account: 2, standing },
        Entry::Lost { at: 10, count: 12 },
    ]
}

/// With a text of its own.
fn owned(entry: Entry<&[u8]>) -> Entry<Vec<u8>> {
    match entry {
        Entry::Begin { at, goes_on, begin } => Entry::Begin { at, goes_on, begin },
        Entry::Account { index, name } => Entry::Account { index, name: name.to_vec() },
        Entry::Tree { index, path } => Entry::Tree { index, path: path.to_vec() },
        Entry::Anew { at, account } => Entry::Anew { at, account },
        Entry::Stands { at, account, standing } => Entry::Stands { at, account, standing },
        Entry::Lost { at, count } => Entry::Lost { at, count },
        Entry::Deed(deed) => Entry::Deed(deed.to_owned()),
    }
}

#[test]
fn what_is_written_is_read() {
    let mut bytes = Vec::new();
    entries().iter().for_each(|entry| append(entry, &mut bytes));
    let mut rest = &bytes[..];
    for expected in entries() {
        let (read, length) = first(rest).expect("an entry");
        assert_eq!(owned(read), expected);
        rest = &rest[length..];
    }
    assert!(rest.is_empty() && first(rest).is_none());
}

#[test]
fn an_operation_takes_64_bytes_and_its_path() {
    let mut bytes = Vec::new();
    append(&Entry::Deed(Deed { other: None, ..deed(1) }), &mut bytes);
    assert_eq!(bytes.len(), 64 + "nginx/a.conf".len());
    append(&Entry::Deed(deed(1)), &mut bytes);
    assert_eq!(bytes.len(), 2 * (64 + "nginx/a.conf".len()) + 10);
}

#[test]
fn the_preface_says_what_the_entries_are() {
    assert!(PREFACE.ends_with("\n\n") && PREFACE.matches("\n\n").count() == 1 && PREFACE.is_ascii());
    for offset in [4, 6, 7, 8, 16, 24, 48, 52, 54, 58, 59, 60] {
        assert!(PREFACE.contains(&format!("\n{offset:4} u")), "{offset}");
    }
}

proptest! {
    #[test]
    fn what_is_not_whole_is_none(at in 0_usize..500, flip in 1_u8..) {
        let mut bytes = Vec::new();
        entries().iter().for_each(|entry| append(entry, &mut bytes));
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let mut read = 0;
        while let Some((_, length)) = first(&bytes[read..]) {
            read += length;
        }
        prop_assert!(read <= at);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = first(&bytes);
    }
}
