//! From the ring buffer's bytes to what they tell. Total: whatever the bytes are, the answer is a record or a reason.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use agent_common::{
    rules::{
        BootNs, Kinds,
        judge::{Phase, Tier, Verdict},
        place::Place,
    },
    wire::{
        Counter,
        record::{self, thing, verb, what},
    },
};
use thiserror::Error;

use crate::api::Sizes;

/// What the kernel saw and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) at: BootNs,
    /// The account's index.
    pub(crate) account: u32,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
    /// The real user id.
    pub(crate) uid: u32,
    /// The task's name.
    pub(crate) comm: Vec<u8>,
    pub(crate) what: What,
}

/// What a record tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The process acts for the account from now on.
    Joined,
    /// It destroyed something.
    Operation(Act),
    /// It exceeded a budget.
    Burst(Act),
    /// It was stopped.
    Stopped,
    /// Its call waits, and has done nothing yet.
    Held(Act),
    /// Its call was refused.
    Denied(Act),
    /// It had a unit of this name started, whose processes are the account's.
    Launched(Vec<u8>),
    /// It did what the tier cannot judge.
    Blind(Counter),
    /// It has done something to burstguard itself, or was refused to.
    Tampering { thing: Thing, refused: bool, act: Act },
}

/// What of burstguard was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// A name, or what it leads to.
    File,
    Signal,
    Trace,
    Limits,
    Bpf,
    Unit,
    Mount,
    Group,
}

/// How long a path in a record is at most: one that is as long may have been cut off.
pub(crate) const LONGEST_PATH: usize = record::TEXT_LEN;

/// The whole path that the text of a record is of, below this root; none if that cannot be told. In the tier tracepoint it is the name
/// that was looked at last, as the call gave it.
pub(crate) fn whole_path(tier: Tier, root: &Path, text: &[u8]) -> Option<PathBuf> {
    if text.len() >= LONGEST_PATH {
        return None;
    }
    let path = Path::new(OsStr::from_bytes(text));
    match tier {
        Tier::Lsm if text == b"." => Some(root.to_owned()),
        Tier::Lsm => Some(root.join(path)),
        Tier::Tracepoint => path.starts_with(root).then(|| path.to_owned()),
    }
}

/// How the kernel judged an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// The time that it was judged by.
    pub(crate) at: BootNs,
    /// Its number among all that the account was judged for; none if it was not judged as an act that destroys, or has none.
    pub(crate) sequence: Option<u64>,
    /// What becomes of each of its names.
    pub(crate) kinds: [Kinds; 2],
    pub(crate) verdict: Verdict,
    /// Where the account stood before.
    pub(crate) phase: Phase,
    /// Whether a grant covered this very act.
    pub(crate) granted: bool,
    /// Whether the account was granted whatever it does.
    pub(crate) passes: bool,
}

#[cfg(test)]
impl Judgement {
    /// Of what was not judged.
    pub(crate) const NONE: Self = Self {
        at: 0,
        sequence: None,
        kinds: [Kinds::NONE; 2],
        verdict: Verdict::Allow,
        phase: Phase::Armed,
        granted: false,
        passes: false,
    };
}

/// What was done to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) judged: Judgement,
    /// The name, as the ledger knows it: the folded path below the root.
    pub(crate) key: u64,
    /// One of [`verb`].
    pub(crate) verb: u32,
    /// The index of the protected root; none for a directory on the way to one.
    pub(crate) root: Option<u32>,
    /// The second name of a call that has two, if it is in a tree.
    pub(crate) other: Option<Place>,
    pub(crate) kinds: Kinds,
    /// Whether a budget had no room for it.
    pub(crate) over: bool,
    /// The index of the grant under which it happened; 0 for none.
    pub(crate) grant: u32,
    /// By which way somebody else was asked to act, if that is what was done.
    pub(crate) way: Option<u32>,
    /// Whether a command was run: then `path` is its arguments, as /proc has them.
    pub(crate) command: bool,
    /// The path as the record has it, possibly cut off.
    pub(crate) path: Vec<u8>,
    pub(crate) sizes: Sizes,
}

/// Why bytes are no record.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// Not as many as a record has.
    #[error("a record of {0} bytes, where {size} were expected", size = size_of::<record::Record>())]
    Length(usize),
    /// It tells something that this agent does not know.
    #[error("a record of unknown kind {0}")]
    Tag(u32),
    /// It names a counter that this agent does not know.
    #[error("a record with unknown reason {0}")]
    Reason(u32),
}

/// Reads one record.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record, DecodeError> {
    let wire: record::Record =
        bytemuck::try_pod_read_unaligned(bytes).map_err(|_| DecodeError::Length(bytes.len()))?;
    let what = match wire.what {
        what::JOINED => What::Joined,
        what::OPERATION => What::Operation(act(&wire)),
        what::BURST => What::Burst(act(&wire)),
        what::STOPPED => What::Stopped,
        what::HELD => What::Held(act(&wire)),
        what::DENIED => What::Denied(act(&wire)),
        what::LAUNCHED => What::Launched(until_nul(&wire.text)),
        what::BLIND => {
            What::Blind(*Counter::ALL.get(wire.blind as usize).ok_or(DecodeError::Reason(wire.blind))?)
        }
        what::TAMPERING => What::Tampering {
            thing: thing(wire.blind).ok_or(DecodeError::Reason(wire.blind))?,
            refused: wire.over != 0,
            act: Act { over: false, ..act(&wire) },
        },
        other => return Err(DecodeError::Tag(other)),
    };
    Ok(Record {
        at: wire.at,
        account: wire.account,
        pid: wire.tgid,
        tid: wire.tid,
        uid: wire.uid,
        comm: until_nul(&wire.comm),
        what,
    })
}

fn thing(word: u32) -> Option<Thing> {
    Some(match word {
        thing::FILE => Thing::File,
        thing::SIGNAL => Thing::Signal,
        thing::TRACE => Thing::Trace,
        thing::LIMITS => Thing::Limits,
        thing::BPF => Thing::Bpf,
        thing::UNIT => Thing::Unit,
        thing::MOUNT => Thing::Mount,
        thing::GROUP => Thing::Group,
        _ => return None,
    })
}

fn act(wire: &record::Record) -> Act {
    let used = usize::from(wire.text_len).min(wire.text.len());
    Act {
        judged: judgement(&wire.judged),
        key: wire.key,
        verb: wire.verb,
        root: (wire.root != record::NO_ROOT).then_some(wire.root),
        other: (wire.other_root != record::NO_ROOT)
            .then_some(Place { root: wire.other_root, key: wire.other_key }),
        kinds: Kinds::from_bits(wire.kinds),
        over: wire.over != 0,
        grant: wire.grant,
        way: (wire.verb == verb::ASK).then_some(wire.key as u32),
        command: is_command(wire.verb),
        path: text(wire.verb, &wire.text[..used]),
        sizes: Sizes { before: size(wire.before), after: size(wire.after) },
    }
}

fn judgement(wire: &record::Judged) -> Judgement {
    Judgement {
        at: wire.at,
        sequence: (wire.sequence != 0).then_some(wire.sequence),
        kinds: wire.kinds.map(Kinds::from_bits),
        verdict: Verdict::from_word(wire.verdict.into()),
        phase: Phase::from_word(wire.phase.into()),
        granted: wire.granted != 0,
        passes: wire.passes != 0,
    }
}

fn size(bytes: u64) -> Option<u64> {
    (bytes != record::UNKNOWN).then_some(bytes)
}

/// Whether an act is that of a command, whose text is its arguments with a NUL behind each.
pub(super) fn is_command(verb: u32) -> bool {
    matches!(verb, verb::COMMAND | verb::COUNTER_COMMAND)
}

/// What a record or an entry has for text, by what it is about.
pub(super) fn text(verb: u32, text: &[u8]) -> Vec<u8> {
    if is_command(verb) { arguments(text) } else { path(text) }
}

/// Without the last one if it was cut off: half of a secret does not look like one.
fn arguments(text: &[u8]) -> Vec<u8> {
    let is_cut = text.len() >= record::TEXT_LEN - 1 && text.last() != Some(&0);
    let whole = if is_cut {
        text.iter().rposition(|byte| *byte == 0).map_or(&[][..], |end| &text[..=end])
    } else {
        text
    };
    let rest = if is_cut { "…\0".as_bytes() } else { &[] };
    [whole, rest].concat()
}

/// A root itself has no path below it.
fn path(text: &[u8]) -> Vec<u8> {
    let path = until_nul(text);
    if path.is_empty() { b".".to_vec() } else { path }
}

pub(super) fn until_nul(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().take_while(|byte| *byte != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable as _;
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let mut wire = record::Record::zeroed();
        wire.what = what::BURST;
        wire.account = 3;
        wire.root = u32::MAX;
        (wire.other_root, wire.other_key) = (2, 78);
        wire.over = 1;
        wire.comm[..2].copy_from_slice(b"rm");
        wire.text[..3].copy_from_slice(b"a/b");
        wire.text_len = 3;
        (wire.before, wire.after) = (5, record::UNKNOWN);
        wire.judged = record::Judged {
            at: 7,
            sequence: 9,
            kinds: [1, 0],
            verdict: Verdict::Hold.to_word() as u8,
            phase: Phase::Denied.to_word() as u8,
            granted: 1,
            ..record::Judged::default()
        };
        let record = decode(bytemuck::bytes_of(&wire)).expect("a record");
        assert_eq!((record.account, record.comm.as_slice()), (3, b"rm".as_slice()));
        let sizes = Sizes { before: Some(5), after: None };
        let mut expected = Act {
            judged: Judgement {
                at: 7,
                sequence: Some(9),
                kinds: [Kinds::from_bits(1), Kinds::NONE],
                verdict: Verdict::Hold,
                phase: Phase::Denied,
                granted: true,
                passes: false,
            },
            key: 0,
            verb: 0,
            root: None,
            other: Some(Place { root: 2, key: 78 }),
            kinds: Kinds::NONE,
            over: true,
            grant: 0,
            way: None,
            command: false,
            path: b"a/b".to_vec(),
            sizes,
        };
        assert_eq!(record.what, What::Burst(expected.clone()));
        (wire.what, wire.grant, expected.grant) = (what::HELD, 3, 3);
        assert_eq!(decode(bytemuck::bytes_of(&wire)).expect("a record").what, What::Held(expected.clone()));
        wire.what = what::DENIED;
        assert_eq!(decode(bytemuck::bytes_of(&wire)).expect("a record").what, What::Denied(expected));
    }

    #[test]
    fn reads_what_was_done_to_burstguard_itself() {
        let mut wire = record::Record::zeroed();
        (wire.what, wire.root, wire.over) = (what::TAMPERING, u32::MAX, 1);
        for (word, thing) in
            [(thing::FILE, Thing::File), (thing::BPF, Thing::Bpf), (thing::GROUP, Thing::Group)]
        {
            wire.blind = word;
            let read = decode(bytemuck::bytes_of(&wire)).expect("a record").what;
            assert!(
                matches!(&read, What::Tampering { thing: read, refused: true, act: Act { root: None, .. } } if *read == thing),
                "{read:?}"
            );
        }
        wire.blind = 99;
        assert_eq!(decode(bytemuck::bytes_of(&wire)), Err(DecodeError::Reason(99)));
    }

    #[test]
    fn of_a_command_no_half_of_an_argument_is_read() {
        let read = |bytes: &[u8]| String::from_utf8(text(verb::COMMAND, bytes)).expect("text");
        assert_eq!(read(b"terraform\0destroy\0"), "terraform\0destroy\0");
        let long = [b"psql\0-c\0DROP x\0postgresql://app:".to_vec(), vec![b's'; 200]].concat();
        assert_eq!(read(&long[..127]), "psql\0-c\0DROP x\0…\0");
        assert_eq!(read(&[b'x'; 127]), "…\0");
        let exact = [vec![b'x'; 126], vec![0]].concat();
        assert_eq!(read(&exact).len(), 127);
    }

    #[test]
    fn says_what_it_does_not_know() {
        let mut wire = record::Record::zeroed();
        assert_eq!(decode(bytemuck::bytes_of(&wire)), Err(DecodeError::Tag(0)));
        wire.what = what::BLIND;
        wire.blind = 9999;
        assert_eq!(decode(bytemuck::bytes_of(&wire)), Err(DecodeError::Reason(9999)));
        assert_eq!(decode(&[0; 7]), Err(DecodeError::Length(7)));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn no_record_is_too_strange(bytes in prop::collection::vec(any::<u8>(), size_of::<record::Record>())) {
            let _ = decode(&bytes);
        }
    }
}
