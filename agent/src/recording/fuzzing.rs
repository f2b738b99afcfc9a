//! What is stated of the files of a recording, whatever their bytes.

use agent_common::rules::{
    Kind, Kinds, NEVER,
    judge::{Phase, Standing, Verdict},
};

use super::format::{Begin, Deed, Entry, HEAD, PREFACE, What, append, first};
pub(crate) use super::read::entries;
use crate::sensor::{self, Judgement};

/// Entries are read as far as they are whole, in their order, each 64 bytes and a text; and written again they are read as the same.
pub(crate) fn recording(bytes: &[u8]) {
    let sound = sound(bytes);
    let Some((read, rest)) = entries(&sound) else {
        return assert!(!sound.starts_with(PREFACE.as_bytes()));
    };
    assert!(read.len() * HEAD + rest.len() <= sound.len() - PREFACE.len());
    assert!(first(rest).is_none());
    let mut written = PREFACE.as_bytes().to_vec();
    read.iter().for_each(|entry| append(entry, &mut written));
    let (again, rest) = entries(&written).expect("a recording");
    assert_eq!((again, rest), (read, &[][..]));
}

/// A deed of a record is in the recording as it was.
pub(crate) fn deed_of(record: &sensor::Record) {
    let Some(deed) = Deed::of(record) else { return };
    let mut bytes = Vec::new();
    append(&Entry::Deed(deed.clone()), &mut bytes);
    let (entry, length) = first(&bytes).expect("an entry");
    let Entry::Deed(read) = entry else { panic!("{entry:?}") };
    let judged = Judgement { at: deed.judged.at.min(NEVER), ..deed.judged };
    assert_eq!((read.to_owned(), length), (Deed { judged, ..deed }, bytes.len()));
}

/// As a file, with every sum as it should be: no mutation finds one. What has no beginning of a recording is what comes behind it.
pub(crate) fn sound(bytes: &[u8]) -> Vec<u8> {
    let head = if bytes.starts_with(&PREFACE.as_bytes()[..8]) { &[] } else { PREFACE.as_bytes() };
    let mut sound = [head, bytes].concat();
    let mut at = if sound.starts_with(PREFACE.as_bytes()) { PREFACE.len() } else { return sound };
    while let Some(head) = sound.get(at..at + HEAD) {
        let end = at + HEAD + usize::from(u16::from_le_bytes([head[4], head[5]]));
        let Some(entry) = sound.get(at + 4..end) else { break };
        let sum = crc32fast::hash(entry).to_le_bytes();
        sound[at..at + 4].copy_from_slice(&sum);
        at = end;
    }
    sound
}

/// One with an entry of each type, and the same torn; and one that was just begun.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut whole = Vec::new();
    all().iter().for_each(|entry| append(entry, &mut whole));
    let torn = whole[..whole.len() - 7].to_vec();
    vec![PREFACE.as_bytes()[..100].to_vec(), torn, whole]
}

/// An account begins, does something, waits, is decided about and goes on; a policy for it is that of `replay::fuzzing`.
fn all() -> Vec<Entry<Vec<u8>>> {
    let begin = Begin {
        wall: jiff::Timestamp::UNIX_EPOCH,
        boot: "b".to_owned(),
        version: "0.1.0".to_owned(),
        tier: "lsm".to_owned(),
        policy: "9f31".to_owned(),
        carries: false,
        seed: Some(7),
    };
    let deed = |sequence: u64, what: What, verdict: Verdict| {
        Entry::Deed(Deed {
            what,
            verb: 3,
            account: 1,
            root: Some(1),
            key: sequence,
            other: None,
            pid: 7,
            uid: 1000,
            comm: *b"rm\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            over: verdict == Verdict::Hold,
            judged: Judgement {
                at: 1_000 + sequence,
                sequence: Some(sequence),
                kinds: [Kinds::of(Kind::Delete), Kinds::NONE],
                verdict,
                phase: Phase::Armed,
                granted: false,
                passes: false,
            },
            text: format!("a/{sequence}").into_bytes(),
        })
    };
    let standing = Standing { phase: Phase::Denied, until: 3_000 };
    vec![
        Entry::Begin { at: 5, goes_on: false, begin: begin.clone() },
        Entry::Account { index: 1, name: b"a".to_vec() },
        Entry::Tree { index: 1, path: b"/etc".to_vec() },
        deed(1, What::Done, Verdict::Allow),
        deed(2, What::Done, Verdict::Allow),
        deed(3, What::Waits, Verdict::Hold),
        deed(4, What::Refused, Verdict::Deny),
        Entry::Anew { at: 2_000, account: 1 },
        Entry::Stands { at: 2_500, account: 1, standing },
        Entry::Lost { at: 2_600, count: 12 },
        Entry::Begin { at: 2_700, goes_on: true, begin },
    ]
}
