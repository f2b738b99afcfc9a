//! What an account's own doing tells of a name, and what the next change of that name therefore is.
//!
//! ```text
//!              appears, fresh                      vanishes (delete)
//!   unknown ------------------> scratch   unknown -----------------> gone
//!   scratch --- vanishes, linked, holds something else --> unknown     |
//!   unknown <------------- appears (recreate) -------------------------+
//! ```
//!
//! The one question is whether something *that was there before the account came* is lost. A file that the account made
//! itself, at a name that was free, is its own scratch: lock files and the temporaries of an atomic write cost nothing.
//! Whatever could pass a precious file off as scratch (a second link, a rename over, an exchange, making a destroyed
//! name again) ends that.

use super::{BootNs, Kind, Kinds};

/// What is remembered of a name; a name of which nothing is remembered counts as precious.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// What the account did to it.
    pub state: State,
    /// When.
    pub at: BootNs,
}

/// What the account did to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Made it go.
    Gone,
    /// Made it itself, where nothing had been.
    Scratch,
}

/// What an act does to one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The name leads to something new.
    Appears {
        /// Whether it led somewhere before; where a tier cannot know, `true`.
        over: bool,
        /// Whether the account made that something itself and nothing else leads to it.
        fresh: bool,
    },
    /// The name leads nowhere any more.
    Vanishes,
    /// What the name leads to is shorter than before.
    Shrinks,
    /// A second name leads to the same thing now.
    Linked,
}

/// What becomes of a name by one change, and which operation that is.
///
/// `horizon` (ns) is how long the account's own doing is remembered: beyond it a name that came back is no recreate, and
/// an own file is precious.
#[must_use]
#[inline(always)]
pub fn step(before: Option<Name>, change: Change, at: BootNs, horizon: u64) -> (Option<Name>, Kinds) {
    let recent = matches!(before, Some(name) if at.saturating_sub(name.at) <= horizon);
    let was = match before {
        Some(Name { state: State::Gone, .. }) => Was::Gone { recent },
        Some(Name { state: State::Scratch, .. }) if recent => Was::Scratch,
        _ => Was::Unknown,
    };
    match (was, change) {
        // A name that was destroyed is never scratch again, however long ago it went.
        (Was::Gone { recent: true }, Change::Appears { .. }) => (None, Kinds::of(Kind::Recreate)),
        (Was::Gone { recent: false }, Change::Appears { over: false, .. }) => (None, Kinds::NONE),
        (Was::Scratch, Change::Appears { fresh: true, .. })
        | (Was::Unknown, Change::Appears { over: false, fresh: true }) => (scratch(at), Kinds::NONE),
        (Was::Scratch, Change::Appears { fresh: false, .. })
        | (Was::Unknown, Change::Appears { over: false, fresh: false }) => (None, Kinds::NONE),
        // If it went and yet is there, someone else has made it again.
        (Was::Unknown | Was::Gone { recent: false }, Change::Appears { over: true, .. }) => {
            (None, Kinds::of(Kind::Replace))
        }

        (Was::Scratch, Change::Vanishes) => (None, Kinds::NONE),
        (_, Change::Vanishes) => (Some(Name { state: State::Gone, at }), Kinds::of(Kind::Delete)),

        (Was::Scratch, Change::Shrinks) => (before, Kinds::NONE),
        // Something can shrink only where it is: a name that went has been made again by someone else.
        (_, Change::Shrinks) => (None, Kinds::of(Kind::Truncate)),

        (Was::Gone { .. }, Change::Linked) => (before, Kinds::NONE),
        (_, Change::Linked) => (None, Kinds::NONE),
    }
}

enum Was {
    Unknown,
    Gone { recent: bool },
    Scratch,
}

#[inline(always)]
const fn scratch(at: BootNs) -> Option<Name> {
    Some(Name { state: State::Scratch, at })
}

#[cfg(test)]
mod tests;
