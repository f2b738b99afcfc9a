//! What lies in the kernel maps.

mod claim;
mod held;

pub use claim::{Claim, Member, UserKey, by};
pub use held::{
    DirectoryKey, Grant, Held, HeldName, MAX_DIRECTORIES, MAX_GRANTS, MAX_HELD, Mark, Moved, leases_of,
};

use crate::rules::{
    Kind,
    judge::Tier,
    name::{Name, State},
};

/// How many protected roots a policy may have: a bit each in [`Account::roots`].
pub const MAX_ROOTS: u32 = 64;
/// The root id of a directory on the way to something of burstguard's own. The ids of that follow.
pub const ABOVE_OWN: u32 = MAX_ROOTS;

/// That of the agent's directory in /proc: the first of them.
pub const PROCESS_OWN: u32 = ABOVE_OWN + 1;
/// That of what is kept of trees: an account that is root would read there what it may not read where that lies.
pub const KEPT_OWN: u32 = ABOVE_OWN + 2;

/// Whether a root is one of burstguard's own, which are of no account's trees.
#[must_use]
#[inline(always)]
pub const fn is_own(root: u32) -> bool {
    root >= ABOVE_OWN && root != u32::MAX
}

/// How many accounts there may be, the self-test's own included.
pub const MAX_ACCOUNTS: u32 = 257;
/// How many processes may act for accounts at once.
pub const MAX_MEMBERS: u32 = 100_000;
/// How many more the kernel's map has room for: children whose parent has not stopped yet (tier tracepoint), and processes that act for
/// an account by what they run, since no program is refused.
pub const MEMBERS_ROOM: u32 = 4096;
/// The account that the self-test uses; the policy's accounts follow.
pub const SELF_TEST: u32 = 0;

/// How many maps, programs and attachments may be known as burstguard's own.
pub const MAX_OWN: u32 = 4096;

/// What an id in the map of them is of.
pub mod own {
    /// A map.
    pub const MAP: u32 = 0;
    /// A program.
    pub const PROGRAM: u32 = 1;
    /// An attachment.
    pub const LINK: u32 = 2;
}

/// How much of the name of the agent's unit is compared: a unit with a longer name is told by its beginning.
pub const OWN_UNIT_LEN: usize = 32;

/// The name of the agent's unit, as the service manager is told it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnUnit {
    /// `burstguard.service`
    pub name: OwnText,
    /// `burstguard_2eservice`, the last part of the path of its object.
    pub object: OwnText,
}

/// A text in words, with the zero at its end if there is room for it, and which bits of each word are of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnText {
    /// The text.
    pub words: [u64; OWN_UNIT_LEN / 8],
    /// Its bits.
    pub masks: [u64; OWN_UNIT_LEN / 8],
}

impl OwnText {
    /// Of this text.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let length = text.len().min(OWN_UNIT_LEN);
        let mut words = [0; OWN_UNIT_LEN / 8];
        let mut masks = words;
        for at in 0..OWN_UNIT_LEN.min(length + 1) {
            let byte = if at < length { text[at] } else { 0 };
            words[at / 8] |= u64::from(byte) << (8 * (at % 8));
            masks[at / 8] |= 0xff << (8 * (at % 8));
        }
        Self { words, masks }
    }
}

/// One budget: where its slots lie in the common array of slots, and what it measures by.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// The first slot.
    pub base: u32,
    /// How many slots: the N of "at most N in any W".
    pub count: u32,
    /// The W, in ns.
    pub window: u64,
    /// Claims before this time (ns) do not count.
    pub not_before: u64,
    /// Where the next free slot is likely to be.
    pub cursor: u32,
    /// Must be zero.
    pub reserved: u32,
}

/// One account.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// [`crate::rules::judge::Standing::to_word`].
    pub standing: u64,
    /// Files that it made before this time (ns) do not count as its own any more: a directory may have been put in the
    /// place of the one that they were made in.
    pub scratch_from: u64,
    /// The protected roots of the account, a bit each.
    pub roots: u64,
    /// How long its doing is remembered in the name ledger (ns).
    pub horizon: u64,
    /// Until when it is granted whatever it does (ns); 0 if it is not.
    pub granted_until: u64,
    /// How many leases it has: 0 spares looking for them.
    pub leases: u64,
    /// One of [`response`].
    pub response: u32,
    /// One of [`alone`].
    pub alone: u32,
    /// One of [`response`], to an escape.
    pub escapes: u32,
    /// One of [`response`], to tampering: `DENY` or `OBSERVE`.
    pub tampering: u32,
    /// How many calls were refused.
    pub refused: u64,
    /// How many acts that destroy were judged; see [`super::record::Judged::sequence`].
    pub judged: u64,
    /// By [`Kind`].
    pub budgets: [Budget; Kind::COUNT],
}

/// The values of [`Account::response`].
pub mod response {
    /// Report only.
    pub const OBSERVE: u32 = 0;
    /// Hold the call.
    pub const HOLD: u32 = 1;
    /// Refuse the call.
    pub const DENY: u32 = 2;
    /// Hold the call and freeze the lineage.
    pub const FREEZE: u32 = 3;
}

/// The values of [`Account::alone`].
pub mod alone {
    /// A call that should wait waits for the next agent.
    pub const WAIT: u32 = 0;
    /// It fails.
    pub const DENY: u32 = 1;
    /// It passes.
    pub const OBSERVE: u32 = 2;
}

/// Directories that are known by their inode are nodes: roots, and the directories on the way to one (carriers).
///
/// A node is its index, and [`node::ROOT`] with a root's index if it is one.
pub mod node {
    /// The node is a root; the low 16 bits of the upper half are its [`crate::rules::place::RootId`].
    pub const ROOT: u64 = 1 << 63;

    /// A root lies directly in the node: its names are worth a look.
    pub const PARENT: u64 = 1 << 62;

    /// Not a root of the policy: a directory that an account has moved out of one, with all that is in it.
    pub const MOVED: u64 = 1 << 61;

    /// All roots that it is or leads to are directories of jobs: no tree goes with it.
    pub const JOBS: u64 = 1 << 60;

    /// Something of burstguard's own is at or below it.
    pub const OWN: u64 = 1 << 59;

    /// No name in it leads on to another node: none is looked for.
    pub const LEAF: u64 = 1 << 58;

    /// A directory on the way to a root.
    #[must_use]
    pub const fn carrier(index: u32) -> u64 {
        index as u64
    }

    /// A root, which may be a carrier of another as well.
    #[must_use]
    pub const fn root(index: u32, root: u32) -> u64 {
        ROOT | (root as u64) << 32 | index as u64
    }

    /// The root's index, if the node is one.
    #[must_use]
    #[inline(always)]
    pub const fn root_of(node: u64) -> Option<u32> {
        if node & ROOT == 0 { None } else { Some((node >> 32) as u32 & 0xffff) }
    }

    /// The node's own index.
    #[must_use]
    #[inline(always)]
    pub const fn index(node: u64) -> u32 {
        node as u32
    }
}

/// A name in a node's directory that leads to another node.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeKey {
    /// Hash of the name.
    pub name: u64,
    /// The index of the node that it is in.
    pub parent: u32,
    /// Must be zero.
    pub reserved: u32,
}

/// A ledger entry in one word: the state in the lowest bits, the time above.
#[must_use]
#[inline(always)]
pub const fn name_to_word(name: Name) -> u64 {
    let state = match name.state {
        State::Gone => 0,
        State::Scratch { file: false } => 1,
        State::Scratch { file: true } => 2,
    };
    name.at << 2 | state
}

/// The ledger entry of a word.
#[must_use]
#[inline(always)]
pub const fn name_from_word(word: u64) -> Name {
    let state = match word & 3 {
        0 => State::Gone,
        state => State::Scratch { file: state == 2 },
    };
    Name { at: word >> 2, state }
}

/// What the agent tells the programs once, at load.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Seeds the hashes of names.
    pub seed: u64,
    /// The agent's own process, which is never a member of a lineage.
    pub agent: u32,
    /// How many accounts there are, the self-test's included.
    pub accounts: u32,
    /// One of [`tier`].
    pub tier: u32,
    /// [`super::identity::told_by`].
    pub told_by: u32,
    /// How many components of paths have a star, by which programs and control groups are told.
    pub starred: u32,
    /// Must be zero.
    pub reserved: u32,
}

/// How many resolutions may be under way on one CPU. More than one are where one thread takes the CPU from another in the
/// midst of a program, which only programs of the lsm tier let happen.
pub const DESKS: u32 = 4;

/// The values of [`Settings::tier`].
pub mod tier {
    /// Calls are seen at their start and their end.
    pub const TRACEPOINT: u32 = 0;
    /// Operations are asked for.
    pub const LSM: u32 = 1;
}

impl Settings {
    /// The seed as it is at run time: a kernel program's compiler sees another one.
    #[must_use]
    #[inline(always)]
    pub fn seed(&self) -> u64 {
        // SAFETY: a reference is valid to read from.
        unsafe { core::ptr::read_volatile(&raw const self.seed) }
    }

    /// The agent's process, in the same way.
    #[must_use]
    #[inline(always)]
    pub fn agent(&self) -> u32 {
        // SAFETY: as above.
        unsafe { core::ptr::read_volatile(&raw const self.agent) }
    }

    /// By what processes are told, in the same way.
    #[must_use]
    #[inline(always)]
    pub fn told_by(&self) -> u32 {
        // SAFETY: as above.
        unsafe { core::ptr::read_volatile(&raw const self.told_by) }
    }

    /// How many starred components there are, in the same way.
    #[must_use]
    #[inline(always)]
    pub fn starred(&self) -> u32 {
        // SAFETY: as above.
        unsafe { core::ptr::read_volatile(&raw const self.starred) }
    }

    /// The tier, in the same way.
    #[must_use]
    #[inline(always)]
    pub fn tier(&self) -> Tier {
        // SAFETY: as above.
        let tier = unsafe { core::ptr::read_volatile(&raw const self.tier) };
        if tier == tier::LSM { Tier::Lsm } else { Tier::Tracepoint }
    }
}

const _: () = assert!(size_of::<Budget>() == 32);
const _: () = assert!(size_of::<Account>() == 80 + Kind::COUNT * 32);
const _: () = assert!(size_of::<EdgeKey>() == 16);
const _: () = assert!(size_of::<Settings>() == 32);

#[cfg(feature = "user")]
mod pod {
    use super::{Account, Budget, EdgeKey, OwnUnit, Settings};

    // SAFETY: each is repr(C) of integers, sized as the sum of its fields (asserted above); every bit pattern is valid.
    unsafe impl aya::Pod for Account {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Budget {}
    // SAFETY: as above.
    unsafe impl aya::Pod for EdgeKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for OwnUnit {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Settings {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_ledger_word_is_its_name(at in 0..crate::rules::NEVER, scratch: bool, file: bool) {
            let name = Name { at, state: if scratch { State::Scratch { file } } else { State::Gone } };
            prop_assert_eq!(name_from_word(name_to_word(name)), name);
        }
    }

    #[test]
    fn a_text_ends_where_it_ends() {
        let text = OwnText::of(b"a.service");
        assert_eq!(text.words, [u64::from_le_bytes(*b"a.servic"), u64::from(b'e'), 0, 0]);
        assert_eq!(text.masks, [u64::MAX, 0xffff, 0, 0]);
        assert_eq!(OwnText::of(&[b'x'; 40]).masks, [u64::MAX; 4]);
        assert_eq!(OwnText::default().masks, [0; 4]);
    }

    #[test]
    fn a_node_keeps_its_indices_apart() {
        assert_eq!(node::root_of(node::carrier(7)), None);
        assert_eq!(node::root_of(node::root(7, 0)), Some(0));
        assert_eq!(node::root_of(node::root(7, 63)), Some(63));
        assert_eq!(node::index(node::root(7, 63)), 7);
        assert_eq!(node::root_of(node::root(7, 63) | node::PARENT), Some(63));
        assert_eq!(node::root_of(node::carrier(7) | node::PARENT), None);
        assert_eq!(node::index(node::carrier(7) | node::PARENT), 7);
    }
}
