//! What an account's own doing tells of a name, and what the next change of that name therefore is.
//!
//! ```text
//!              appears, own                        vanishes (delete)
//!   unknown ------------------> scratch   unknown -----------------> gone
//!   scratch --- vanishes, holds something else ----------> unknown     |
//!   unknown <------------- appears (recreate) -------------------------+
//! ```
//!
//! The one question is whether something *that was there before the account came* is lost. A file that the account made
//! itself, at a name that was free, is its own scratch: lock files and the temporaries of an atomic write cost nothing.
//! So is every free name that it renames or links such a file to, as of when the file was made. Whatever could pass a
//! precious file off as scratch (a link to it, a rename over, an exchange, making a destroyed name again) makes none.

use super::{BootNs, Kind, Kinds};

/// What is remembered of a name; a name of which nothing is remembered counts as precious.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// What the account did to it.
    pub state: State,
    /// When; of scratch, when what it leads to was made, by whatever name.
    pub at: BootNs,
}

/// What the account did to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Made it go.
    Gone,
    /// Made what it leads to, where nothing had been.
    Scratch {
        /// Whether it made that by an open: a directory holds what others have put there, and a symbolic link leads to it.
        file: bool,
    },
}

/// What an act does to one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The name leads to something new.
    Appears {
        /// Whether it led somewhere before; where a tier cannot know, `true`.
        over: bool,
        /// What is known of that something, if the account made it itself.
        own: Option<Name>,
    },
    /// The name leads nowhere any more.
    Vanishes {
        /// Whether another protected name leads there now instead.
        stays: bool,
    },
    /// What the name leads to is shorter than before.
    Shrinks,
    /// What the name leads to is open for overwriting.
    Opens,
    /// A second name leads to the same thing now.
    Linked,
}

/// How long the account's own doing is remembered (ns).
#[derive(Clone, Copy, Debug)]
pub struct Horizon {
    /// Beyond it a name that came back is no recreate, and an own file is precious,
    pub near: u64,
    /// except that up to here it may be renamed within the trees.
    pub far: u64,
}

impl Horizon {
    /// A package's files are unpacked beside the old ones, and put in their place when all packages of a long upgrade are
    /// unpacked and it is the package's turn.
    const FAR: u64 = 3_600_000_000_000;

    /// That of an account.
    #[must_use]
    #[inline(always)]
    pub const fn of(near: u64) -> Self {
        Self { near, far: if near > Self::FAR { near } else { Self::FAR } }
    }
}

/// What becomes of a name by one change, and which operation that is.
#[must_use]
#[inline(always)]
pub fn step(before: Option<Name>, change: Change, at: BootNs, horizon: Horizon) -> (Option<Name>, Kinds) {
    match (was(before, at, horizon), change) {
        // A name that was destroyed is never scratch again, however long ago it went.
        (Was::Gone { recent: true }, Change::Appears { .. }) => (None, Kinds::of(Kind::Recreate)),
        (Was::Gone { recent: false }, Change::Appears { over: false, .. }) => (None, Kinds::NONE),
        (Was::Scratch, Change::Appears { own, .. })
        | (Was::Unknown | Was::Draft, Change::Appears { over: false, own }) => (own, Kinds::NONE),
        // If it went and yet is there, someone else has made it again.
        (Was::Unknown | Was::Draft | Was::Gone { recent: false }, Change::Appears { over: true, .. }) => {
            (None, Kinds::of(Kind::Replace))
        }

        (Was::Scratch, Change::Vanishes { .. }) | (Was::Draft, Change::Vanishes { stays: true }) => {
            (None, Kinds::NONE)
        }
        (_, Change::Vanishes { .. }) => (Some(Name { state: State::Gone, at }), Kinds::of(Kind::Delete)),

        (Was::Scratch, Change::Shrinks) => (before, Kinds::NONE),
        // Something can shrink only where it is: a name that went has been made again by someone else.
        (_, Change::Shrinks) => (None, Kinds::of(Kind::Truncate)),

        (Was::Scratch, Change::Opens) => (before, Kinds::NONE),
        (Was::Draft, Change::Opens) => (before, Kinds::of(Kind::Overwrite)),
        (_, Change::Opens) => (None, Kinds::of(Kind::Overwrite)),

        (_, Change::Linked) => (before, Kinds::NONE),
    }
}

/// What the other name of a rename or a link leads to, if the account made that: as it was known under this name.
#[must_use]
#[inline(always)]
pub fn own(before: Option<Name>, at: BootNs, horizon: Horizon) -> Option<Name> {
    match was(before, at, horizon) {
        Was::Scratch | Was::Draft => before,
        Was::Unknown | Was::Gone { .. } => None,
    }
}

enum Was {
    Unknown,
    Gone {
        recent: bool,
    },
    /// The account's own, to do with what it likes.
    Scratch,
    /// An own file of some time ago.
    Draft,
}

#[inline(always)]
fn was(before: Option<Name>, at: BootNs, horizon: Horizon) -> Was {
    let Some(name) = before else { return Was::Unknown };
    let age = at.saturating_sub(name.at);
    match name.state {
        State::Gone => Was::Gone { recent: age <= horizon.near },
        State::Scratch { .. } if age <= horizon.near => Was::Scratch,
        State::Scratch { file: true } if age <= horizon.far => Was::Draft,
        State::Scratch { .. } => Was::Unknown,
    }
}

#[cfg(test)]
mod tests;
