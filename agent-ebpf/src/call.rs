//! A system call on its way through the judge.

use core::mem::offset_of;

use agent_common::{
    rules::{Kind, Kinds, budget::Claim},
    wire::record::{Judged, TEXT_LEN, UNKNOWN, verb},
};

use crate::path::{Beginning, PathArg, Scratch, Target};

/// A system call as its hook understands it: a verb and one or two names.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Call {
    pub verb: u32,
    /// Any of [`flag`].
    pub flags: u32,
    /// As [`Pending::sizes`], as far as the hook knows. Not side by side: two words of one value are set by a loop over bytes.
    pub before: u64,
    pub paths: [PathArg; 2],
    pub after: u64,
    /// The address of the request to an io_uring that it is, which the kernel carries out by itself; 0 for a system call.
    pub request: u64,
}

/// What else is known of a call.
pub mod flag {
    /// It fails if the (second) name exists.
    pub const NEW_ONLY: u32 = 1;
    /// It may make the name.
    pub const CREATES: u32 = 2;
    /// It empties the file.
    pub const EMPTIES: u32 = 4;
    /// It has made the name.
    pub const CREATED: u32 = 8;
    /// What lies below its name may be something else afterwards: it is, or may be, a directory or a symbolic link.
    pub const REDIRECTS: u32 = 16;
    /// A file system does it to a layer of its own, in the midst of another call: it can be refused, and cannot wait.
    pub const INNER: u32 = 32;
    /// It has begun a burst: should it wait, then for a decision of its own.
    pub const BEGINS: u32 = 64;
    /// The first name is one of what a symbolic link there leads to.
    pub const FOLLOWS: u32 = 128;
    /// It opens the file for overwriting.
    pub const OVERWRITES: u32 = 256;
    /// It opens the file for writing in whatever way.
    pub const WRITES: u32 = 512;
    /// Nobody sees how it ends.
    pub const UNSEEN_END: u32 = 1024;
}

/// How far a call has come; the values of [`Pending::stage`].
pub mod stage {
    /// Its names are known; it will be asked about.
    pub const NAMED: u32 = 0;
    /// It may: now the kernel does it.
    pub const ALLOWED: u32 = 1;
    /// Its names have been looked at, and nobody is asked: what it is shows when it is done.
    pub const ANNOUNCED: u32 = 2;
}

impl Call {
    /// Destroys nothing whatever its paths are; a tripped account's is stopped all the same.
    pub const HARMLESS: Self = Self::two(verb::NONE, PathArg::ABSENT, PathArg::ABSENT);

    #[inline(always)]
    pub const fn one(verb: u32, path: PathArg) -> Self {
        Self::two(verb, path, PathArg::ABSENT)
    }

    #[inline(always)]
    pub const fn two(verb: u32, first: PathArg, second: PathArg) -> Self {
        Self { verb, flags: 0, before: UNKNOWN, paths: [first, second], after: UNKNOWN, request: 0 }
    }

    #[inline(always)]
    pub const fn with(self, flags: u32) -> Self {
        Self { flags: self.flags | flags, ..self }
    }

    #[inline(always)]
    pub const fn handed_over(self, request: u64) -> Self {
        Self { request, ..self }
    }

    #[inline(always)]
    pub const fn sized(self, before: u64, after: u64) -> Self {
        Self { before, after, ..self }
    }
}

/// A call and whose it is, on its way from its hook to the judge.
#[repr(C)]
pub struct Asked {
    pub account: u32,
    pub call: Call,
}

/// A slot that a name of a call holds, or none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Held {
    pub stamp: u64,
    pub before: u64,
    pub slot: u32,
    /// The index of the [`agent_common::rules::Kind`] whose budget it is of, or [`Held::NO_KIND`].
    pub kind: u32,
}

impl Held {
    pub const NO_KIND: u32 = Kind::COUNT as u32;
    pub const NONE: Self = Self { stamp: 0, before: 0, slot: 0, kind: Self::NO_KIND };

    #[inline(always)]
    pub const fn claim(&self) -> Claim {
        Claim { slot: self.slot, stamp: self.stamp, before: self.before }
    }
}

/// A thread's call under way, or room for one.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pending {
    pub at: u64,
    /// When the thread started: an entry whose thread is gone and whose id was given out again does not match.
    pub thread_start: u64,
    /// Whose call it is: its thread group and its thread. Of what was handed over to an io_uring, others may see the end.
    pub thread: u64,
    pub paths: [PathArg; 2],
    pub ends: [Target; 2],
    /// By name, each of which is an operation of one kind at most.
    pub held: [Held; 2],
    pub account: u32,
    /// [`verb::NONE`]: no call is under way.
    pub verb: u32,
    pub flags: u32,
    /// [`agent_common::rules::Kinds`] of what it destroys, by name: an exchange replaces two.
    pub kinds: [u8; 2],
    /// What it does to each of its names; see `act`.
    pub changes: [u8; 2],
    /// One of [`stage`].
    pub stage: u32,
    /// The index of the grant under which it happens; 0 for none.
    pub grant: u32,
    /// Of which kinds its names were when that admitted it.
    pub admitted: [u8; 2],
    pub reserved: [u8; 6],
    /// How large what it hits is, and what is there afterwards; see [`agent_common::wire::Record`].
    pub sizes: [u64; 2],
    /// What the ledger holds of what its first name led to, if the account made that: 0 if not.
    pub own: u64,
    /// What the ledger held of each of its names before.
    pub words: [u64; 2],
    /// When a call of this thread was last reported as refused.
    pub refused_at: u64,
    /// How it was judged.
    pub judged: Judged,
    /// Whether a budget had no room for it: 0 or 1.
    pub over: u32,
    pub text_len: u32,
    pub text: [u8; TEXT_LEN],
}

impl Pending {
    /// Keeps what a desk has of these names. What is only assigned is moved byte by byte, since the compiler cannot tell that these are
    /// two places.
    #[inline(always)]
    pub fn keep_ends(&mut self, scratch: &Scratch) {
        // SAFETY: neither is part of the other, wherever this entry lies.
        unsafe { core::ptr::copy_nonoverlapping(&raw const scratch.ends, &raw mut self.ends, 1) }
    }

    /// The same of the beginning of the text.
    #[inline(always)]
    pub fn keep_text(&mut self, scratch: &Scratch) {
        const { assert!(offset_of!(Self, text).is_multiple_of(align_of::<Beginning>())) }
        self.text_len = scratch.text_len.saturating_sub(1);
        // SAFETY: as above; both are as long as that, and aligned.
        unsafe { core::ptr::copy_nonoverlapping(scratch.beginning(), (&raw mut self.text).cast(), 1) }
    }

    /// What it destroys.
    #[inline(always)]
    pub const fn kinds(&self) -> Kinds {
        Kinds::from_bits(self.kinds[0] | self.kinds[1])
    }
}
