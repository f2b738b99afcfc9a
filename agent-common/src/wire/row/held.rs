//! Calls that wait, what lets them go on, and what was moved out of a tree.

use super::Claim;
use crate::{rules::grant::NUMBERS, wire::record::TEXT_LEN};

/// How many calls may wait at once; one more is refused.
pub const MAX_HELD: u32 = 4096;
/// How many grants there may be at once, and one that stands for none.
pub const MAX_GRANTS: u32 = 1024;
/// How many directories all grants may name together.
pub const MAX_DIRECTORIES: u32 = 8192;

/// A call that waits, by the id of its thread: the truth about what is held. It is there from before the thread is stopped
/// until the call is judged again and not held, or the thread ends.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Since when this call waits (ns).
    pub at: u64,
    /// As [`super::Member::start`].
    pub start: u64,
    /// The beginning of the second in which `judged` counts (ns).
    pub counts_from: u64,
    /// Of a call that shortens a file, to how many bytes; else 0.
    pub after: u64,
    /// The process.
    pub tgid: u32,
    /// The account's index.
    pub account: u32,
    /// One of [`crate::wire::record::verb`].
    pub verb: u32,
    /// [`crate::rules::Kinds`] of what it would destroy.
    pub kinds: u32,
    /// How often it was judged again within a second: whoever continues it for nothing is refused in the end.
    pub judged: u32,
    /// 1: exactly this call may happen, once. Set by the agent.
    pub pass: u32,
    /// How many bytes of `text` are used.
    pub text_len: u32,
    /// The process that its process is the child of, as it began to wait.
    pub parent: u32,
    /// What it would do it to.
    pub names: [HeldName; 2],
    /// The first name as a path below its root, cut off where it is longer.
    pub text: [u8; TEXT_LEN],
}

/// A name that a held call would change, and everything by which it is known again: a call that is continued resolves its
/// path anew, and must not reach what nobody has seen.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldName {
    /// The folded path below the root.
    pub key: u64,
    /// The same of the directory that it is in; of a root, its own.
    pub directory: u64,
    /// The inode number of its directory.
    pub parent: u64,
    /// The inode number of what it leads to; 0 if to nothing.
    pub inode: u64,
    /// The generation of that inode.
    pub generation: u32,
    /// The device of the file system, as the kernel numbers it.
    pub device: u32,
    /// The root's index; all ones above every root.
    pub root: u32,
    /// 0: the call has no such name, or it is not protected. 1: it is. 2: a whole tree goes with it.
    pub protected: u32,
}

/// Where a directory lay that was moved out of a protected tree.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The folded path below the root.
    pub key: u64,
    /// The root's index.
    pub root: u32,
    /// How many bytes of `text` are used.
    pub text_len: u32,
    /// The path below the root, cut off where it is longer.
    pub text: [u8; TEXT_LEN],
}

/// What the agent wants a directory to be known as.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// A node; [`super::node::MOVED`] of one that has a place of its own, unless it is a node already.
    pub node: u64,
    /// That place.
    pub place: Moved,
    /// Not a directory: a program that is this account's.
    pub claim: Claim,
}

impl Mark {
    /// As a node of the policy.
    #[must_use]
    pub const fn node(node: u64) -> Self {
        let place = Moved { key: 0, root: 0, text_len: 0, text: [0; TEXT_LEN] };
        Self { node, place, claim: Claim::NONE }
    }

    /// As what has this place in a tree.
    #[must_use]
    pub const fn place(place: Moved) -> Self {
        Self { node: super::node::MOVED, place, claim: Claim::NONE }
    }

    /// As a program by which a process acts for an account.
    #[must_use]
    pub const fn program(claim: Claim) -> Self {
        Self { claim, ..Self::node(0) }
    }
}

/// Leave to destroy: of some processes and their descendants (an approval), or of whoever acts for the account (a lease).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Until when (ns); 0: there is none.
    pub until: u64,
    /// How many operations it still admits, see [`crate::rules::grant`]; all ones: any number.
    pub allowance: [u64; NUMBERS],
    /// Its incident, for the record.
    pub incident: u64,
    /// The account's index.
    pub account: u32,
    /// 1: whoever acts for the account acts under it. 0: the processes in whose rows it is.
    pub leased: u32,
}

/// A directory in which a grant holds, with all that is below it: its value is the index of that grant.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryKey {
    /// The folded path below the root; of the root itself, that of nothing.
    pub key: u64,
    /// The root's index.
    pub root: u32,
    /// Whose: the index of a grant, of the processes that act under it; or [`leases_of`] an account.
    pub holder: u32,
}

/// Who holds the leases of an account.
#[must_use]
#[inline(always)]
pub const fn leases_of(account: u32) -> u32 {
    1 << 31 | account
}

const _: () = assert!(size_of::<HeldName>() == 48);
const _: () = assert!(size_of::<Held>() == 64 + 2 * size_of::<HeldName>() + TEXT_LEN);
const _: () = assert!(size_of::<Grant>() == 24 + NUMBERS * 8);
const _: () = assert!(size_of::<DirectoryKey>() == 16);
const _: () = assert!(size_of::<Moved>() == 16 + TEXT_LEN);
const _: () = assert!(size_of::<Mark>() == 8 + size_of::<Moved>() + 8);

#[cfg(feature = "user")]
mod pod {
    use super::{DirectoryKey, Grant, Held, Mark, Moved};

    // SAFETY: each is repr(C) of integers, sized as the sum of its fields (asserted above); every bit pattern is valid.
    unsafe impl aya::Pod for Held {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Grant {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Moved {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Mark {}
    // SAFETY: as above.
    unsafe impl aya::Pod for DirectoryKey {}
}
