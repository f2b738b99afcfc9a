//! What lies in a file of the recording: a text that describes it, then entries.

#[cfg(test)]
pub(super) mod tests;

use agent_common::{
    rules::{
        BootNs, Kinds, NEVER,
        judge::{Phase, Standing, Verdict},
        place::Place,
    },
    wire::record::verb,
};
use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use crate::sensor::{self, Judgement};

/// What a file begins with, up to and with its first empty line: for whoever finds one and has no burstguard.
pub(super) const PREFACE: &str = "\
burstguard recording 1
What automation accounts destroyed on this host, one after the other, and how that was judged.
Behind the first empty line come entries, each of 64 bytes and a text. Numbers have their lowest byte first:
   0 u32 CRC-32 (IEEE) of the 60 bytes behind it and the text
   4 u16 length of the text
   6 u8  type: 1 done, 2 waits, 3 refused, 16 begin, 17 account, 18 tree, 19 begins anew, 20 stands, 21 lost
   7 u8  verb: 1 make a name, 2 link, 3 remove, 4 rename, 5 exchange, 6 truncate, 7 open, 8 mount, 9 overwrite, 10 ask another,
         11 write, 12 attributes, 13 destructive command, 14 command that makes anew
   8 u64 when it was judged, in ns on CLOCK_BOOTTIME
  16 u64 its number among all that the account was judged for (types 1 to 3); how many entries (21); the standing (20)
  24 u64 the name, hashed
  32     16 bytes, the program's name, filled up with zeros
  48 u32 process
  52 u16 account, by the number of an entry of type 17
  54 u16 tree, by the number of an entry of type 18; 65535 none
  56     2 bytes, for each name a bit for each kind: 1 delete, 2 replace, 4 truncate, 8 overwrite, 16 recreate, 32 command,
         64 has another act, 128 a whole tree
  58 u8  the verdict in the low three bits: 0 allow, 1 report, 2 stop, 3 hold, 4 deny; above them where the account stood before:
         0 armed, 1 tripped, 2 denied, 3 frozen
  59 u8  bits: 1 a budget had no room, 2 a grant covered it, 4 the account may do whatever it does, 8 (type 16) goes on from the file
         before, 16 the text ends with a second name
  60 u32 user
Types 1 to 3: the text is the path below the tree (tier lsm) or as the call gave it, cut off after 128 bytes; of a command its arguments,
each with a zero behind, without secrets. A second name, if it is in a tree, is behind that: hashed (u64), and its tree (u16). Type 16: JSON, what runs since then; numbers of accounts and trees, and those that acts have, begin
anew. 17, 18: a name, a path. 19, 20: the account begins anew with its whole budget, or stands so, because a person or the
policy has decided so.
An entry whose sum is wrong was not written to its end: nothing behind it counts.

";

/// How long an entry is without its text.
pub(super) const HEAD: usize = 64;

/// An entry as it lies in a file, but for its text.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Head {
    sum: u32,
    length: u16,
    kind: u8,
    verb: u8,
    at: u64,
    number: u64,
    key: u64,
    comm: [u8; 16],
    pid: u32,
    account: u16,
    root: u16,
    kinds: [u8; 2],
    judged: u8,
    bits: u8,
    uid: u32,
}

const _: () = assert!(size_of::<Head>() == HEAD);

mod kind {
    pub(super) const DONE: u8 = 1;
    pub(super) const WAITS: u8 = 2;
    pub(super) const REFUSED: u8 = 3;
    pub(super) const BEGIN: u8 = 16;
    pub(super) const ACCOUNT: u8 = 17;
    pub(super) const TREE: u8 = 18;
    pub(super) const ANEW: u8 = 19;
    pub(super) const STANDS: u8 = 20;
    pub(super) const LOST: u8 = 21;
}

mod bit {
    pub(super) const OVER: u8 = 1;
    pub(super) const GRANTED: u8 = 2;
    pub(super) const PASSES: u8 = 4;
    pub(super) const GOES_ON: u8 = 8;
    pub(super) const OTHER: u8 = 16;
}

const NO_TREE: u16 = u16::MAX;

/// One entry; `T` is its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry<T> {
    /// From now on numbers mean something else.
    Begin { at: BootNs, goes_on: bool, begin: Begin },
    /// The name of an account.
    Account { index: u16, name: T },
    /// Where a tree is.
    Tree { index: u16, path: T },
    /// An account did something, or tried to.
    Deed(Deed<T>),
    /// An account has its whole budget again.
    Anew { at: BootNs, account: u16 },
    /// An account stands so.
    Stands { at: BootNs, account: u16, standing: Standing },
    /// So many entries are missing here.
    Lost { at: BootNs, count: u64 },
}

/// What runs since then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begin {
    /// The time on the wall.
    pub(crate) wall: jiff::Timestamp,
    /// The kernel's id of the boot.
    pub(crate) boot: String,
    pub(crate) version: String,
    /// `lsm` or `tracepoint`.
    pub(crate) tier: String,
    /// SHA-256 of the policy in force.
    pub(crate) policy: String,
    /// Whether it carries on what another knew of standings and budgets.
    pub(crate) carries: bool,
    /// What names are hashed with, so that a name can be looked for; none in what older versions wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Done,
    Waits,
    Refused,
}

/// An act, and how it was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deed<T> {
    pub(crate) what: What,
    pub(crate) verb: u8,
    pub(crate) account: u16,
    pub(crate) root: Option<u16>,
    pub(crate) key: u64,
    /// The second name, if there is one in a tree.
    pub(crate) other: Option<Place>,
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    pub(crate) comm: [u8; 16],
    pub(crate) over: bool,
    pub(crate) judged: Judgement,
    pub(crate) text: T,
}

impl Deed<Vec<u8>> {
    /// Whether a record tells of a deed that has no number: too many came for one at once.
    pub(crate) fn is_unnumbered(record: &sensor::Record) -> bool {
        act(record).is_some_and(|(_, act)| act.judged.at != 0 && act.judged.sequence.is_none())
    }

    /// What a record tells of a deed; none if it tells of something else, or of what was not judged as one.
    pub(crate) fn of(record: &sensor::Record) -> Option<Self> {
        let (what, act) = act(record)?;
        act.judged.sequence?;
        let mut comm = [0; 16];
        let length = record.comm.len().min(comm.len());
        comm[..length].copy_from_slice(&record.comm[..length]);
        Some(Self {
            what,
            verb: u8::try_from(act.verb).unwrap_or_default(),
            account: u16::try_from(record.account).ok()?,
            root: act.root.and_then(|root| u16::try_from(root).ok()).filter(|root| *root != NO_TREE),
            key: act.key,
            // A name in a tree that no file can have is in none.
            other: act.other.filter(|other| other.root < NO_TREE.into()),
            pid: record.pid,
            uid: record.uid,
            comm,
            over: act.over,
            judged: act.judged,
            text: act.path.clone(),
        })
    }
}

fn act(record: &sensor::Record) -> Option<(What, &sensor::Act)> {
    match &record.what {
        sensor::What::Operation(act) => Some((What::Done, act)),
        sensor::What::Held(act) => Some((What::Waits, act)),
        sensor::What::Denied(act) => Some((What::Refused, act)),
        _ => None,
    }
}

impl Deed<&[u8]> {
    /// With a text of its own.
    pub(crate) fn to_owned(self) -> Deed<Vec<u8>> {
        let Self { what, verb, account, root, key, other, pid, uid, comm, over, judged, text } = self;
        Deed { what, verb, account, root, key, other, pid, uid, comm, over, judged, text: text.to_vec() }
    }
}

impl<T: AsRef<[u8]>> Deed<T> {
    /// Whoever owns its text.
    pub(crate) fn borrowed(&self) -> Deed<&[u8]> {
        let Self { what, verb, account, root, key, other, pid, uid, comm, over, judged, ref text } = *self;
        Deed { what, verb, account, root, key, other, pid, uid, comm, over, judged, text: text.as_ref() }
    }
}

impl<T> Deed<T> {
    /// Whether it is a command: then the text is its arguments.
    pub(crate) fn is_command(&self) -> bool {
        matches!(u32::from(self.verb), verb::COMMAND | verb::COUNTER_COMMAND)
    }
}

/// Writes an entry behind what is there already. A text that is too long for any is cut off.
pub(super) fn append<T: AsRef<[u8]>>(entry: &Entry<T>, to: &mut Vec<u8>) {
    let json;
    let mut other = None;
    let mut head = Head::zeroed();
    let text: &[u8] = match entry {
        Entry::Begin { at, goes_on, begin } => {
            (head.kind, head.at) = (kind::BEGIN, *at);
            head.bits = if *goes_on { bit::GOES_ON } else { 0 };
            json = serde_json::to_vec(begin).unwrap_or_default(); // texts alone, which cannot fail
            &json
        }
        Entry::Account { index, name } => {
            (head.kind, head.account) = (kind::ACCOUNT, *index);
            name.as_ref()
        }
        Entry::Tree { index, path } => {
            (head.kind, head.root) = (kind::TREE, *index);
            path.as_ref()
        }
        Entry::Anew { at, account } => {
            (head.kind, head.at, head.account) = (kind::ANEW, *at, *account);
            &[]
        }
        Entry::Stands { at, account, standing } => {
            (head.kind, head.at, head.account) = (kind::STANDS, *at, *account);
            head.number = standing.to_word();
            &[]
        }
        Entry::Lost { at, count } => {
            (head.kind, head.at, head.number) = (kind::LOST, *at, *count);
            &[]
        }
        Entry::Deed(deed) => {
            head = of_deed(deed);
            other = deed.other.map(second_name);
            deed.text.as_ref()
        }
    };
    let other: &[u8] = other.as_ref().map_or(&[], |other| other);
    let text = &text[..text.len().min(usize::from(u16::MAX) - other.len())];
    head.length = u16::try_from(text.len() + other.len()).unwrap_or(u16::MAX);
    let begin = to.len();
    to.extend_from_slice(bytemuck::bytes_of(&head));
    to.extend_from_slice(text);
    to.extend_from_slice(other);
    let sum = crc32fast::hash(&to[begin + 4..]).to_le_bytes();
    to[begin..begin + 4].copy_from_slice(&sum);
}

/// How long a second name is.
const OTHER: usize = size_of::<u64>() + size_of::<u16>();

/// A second name as it lies behind the text.
fn second_name(Place { root, key }: Place) -> [u8; OTHER] {
    let [low, high] = u16::try_from(root).unwrap_or(NO_TREE).to_le_bytes();
    let [a, b, c, d, e, f, g, h] = key.to_le_bytes();
    [a, b, c, d, e, f, g, h, low, high]
}

/// The other way.
fn split_other(text: &[u8]) -> (&[u8], Option<Place>) {
    let Some((text, name)) = text.split_last_chunk::<OTHER>() else { return (text, None) };
    let [key @ .., low, high] = *name;
    let root = u16::from_le_bytes([low, high]);
    (text, Some(Place { root: root.into(), key: u64::from_le_bytes(key) }))
}

fn of_deed<T>(deed: &Deed<T>) -> Head {
    let Deed { judged, .. } = deed;
    Head {
        kind: match deed.what {
            What::Done => kind::DONE,
            What::Waits => kind::WAITS,
            What::Refused => kind::REFUSED,
        },
        verb: deed.verb,
        at: judged.at,
        number: judged.sequence.unwrap_or_default(),
        key: deed.key,
        comm: deed.comm,
        pid: deed.pid,
        account: deed.account,
        root: deed.root.unwrap_or(NO_TREE),
        kinds: judged.kinds.map(Kinds::bits),
        judged: (judged.phase.to_word() << 3 | judged.verdict.to_word()) as u8,
        bits: [
            (deed.over, bit::OVER),
            (judged.granted, bit::GRANTED),
            (judged.passes, bit::PASSES),
            (deed.other.is_some(), bit::OTHER),
        ]
        .into_iter()
        .fold(0, |bits, (is_so, bit)| if is_so { bits | bit } else { bits }),
        uid: deed.uid,
        ..Head::zeroed()
    }
}

/// The first entry of `bytes`, and how long it is; none if it is not whole.
pub(super) fn first(bytes: &[u8]) -> Option<(Entry<&[u8]>, usize)> {
    let head: Head = bytemuck::pod_read_unaligned(bytes.get(..HEAD)?);
    let end = HEAD + usize::from(head.length);
    let text = bytes.get(HEAD..end)?;
    if crc32fast::hash(&bytes[4..end]) != head.sum {
        return None;
    }
    Some((entry(&head, text)?, end))
}

fn entry<'a>(head: &Head, text: &'a [u8]) -> Option<Entry<&'a [u8]>> {
    // No time is later: whoever has made such an entry has others calculate with it.
    let at = head.at.min(NEVER);
    let Head { account, number, .. } = *head;
    Some(match head.kind {
        kind::DONE => Entry::Deed(deed(head, What::Done, text)),
        kind::WAITS => Entry::Deed(deed(head, What::Waits, text)),
        kind::REFUSED => Entry::Deed(deed(head, What::Refused, text)),
        kind::BEGIN => {
            let begin = serde_json::from_slice(text).ok()?;
            Entry::Begin { at, goes_on: head.bits & bit::GOES_ON != 0, begin }
        }
        kind::ACCOUNT => Entry::Account { index: account, name: text },
        kind::TREE => Entry::Tree { index: head.root, path: text },
        kind::ANEW => Entry::Anew { at, account },
        kind::STANDS => Entry::Stands { at, account, standing: Standing::from_word(number) },
        kind::LOST => Entry::Lost { at, count: number },
        _ => return None,
    })
}

fn deed<'a>(head: &Head, what: What, text: &'a [u8]) -> Deed<&'a [u8]> {
    let has = |bit| head.bits & bit != 0;
    let (text, other) = if has(bit::OTHER) { split_other(text) } else { (text, None) };
    Deed {
        what,
        verb: head.verb,
        account: head.account,
        root: (head.root != NO_TREE).then_some(head.root),
        key: head.key,
        other,
        pid: head.pid,
        uid: head.uid,
        comm: head.comm,
        over: has(bit::OVER),
        judged: Judgement {
            at: head.at.min(NEVER),
            sequence: (head.number != 0).then_some(head.number),
            kinds: head.kinds.map(Kinds::from_bits),
            verdict: Verdict::from_word(head.judged.into()),
            phase: Phase::from_word(u32::from(head.judged) >> 3),
            granted: has(bit::GRANTED),
            passes: has(bit::PASSES),
        },
        text,
    }
}
