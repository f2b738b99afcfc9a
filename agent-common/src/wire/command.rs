//! What lies in the maps of commands. They are of the policy, so each generation has its own.

use crate::rules::{command::Sequences, exception::Pattern};

/// A program that may be run for a destructive command, by the hash of its name.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// What its arguments are searched for.
    pub sequences: Sequences,
    /// The hash of its rule's name.
    pub rule: u64,
    /// Of the words with a star, the first of this program's.
    pub first_starred: u32,
    /// How many there are.
    pub starred: u32,
    /// By which its words are found.
    pub program: u32,
    /// One of [`key`].
    pub key: u32,
}

/// By what two runs mean the same thing; the values of [`Command::key`].
pub mod key {
    /// The directory that they run in.
    pub const CWD: u32 = 0;
    /// The rule alone.
    pub const HOST: u32 = 1;
}

/// A word of a program's sequences.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WordKey {
    /// Its hash.
    pub word: u64,
    /// [`Command::program`].
    pub program: u32,
    /// Must be zero.
    pub reserved: u32,
}

/// Words that match.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StarredWord {
    /// What they match.
    pub pattern: Pattern,
    /// Their bits.
    pub bits: u64,
}

const _: () = assert!(size_of::<Command>() == 64);
const _: () = assert!(size_of::<WordKey>() == 16);
const _: () = assert!(size_of::<StarredWord>() == 80);

#[cfg(feature = "user")]
mod pod {
    use super::{Command, StarredWord, WordKey};

    // SAFETY: each is repr(C) of integers, sized as the sum of its fields (asserted above); every bit pattern is valid.
    unsafe impl aya::Pod for Command {}
    // SAFETY: as above.
    unsafe impl aya::Pod for WordKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for StarredWord {}
}
