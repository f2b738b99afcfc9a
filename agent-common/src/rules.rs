//! The rules of a burst, each a pure function: no clock, no map, no hook.
//!
//! An act moves through them in this order: [`place`] says which protected names it touches, [`name`] what becomes of
//! each and so which [`Kinds`] of operation it is, [`grant`] whether a grant lets it pass, [`budget`] whether there is room
//! for it, [`judge`] what follows.

pub mod budget;
pub mod command;
pub mod exception;
pub mod grant;
pub mod identity;
pub mod judge;
pub mod ledger;
pub mod name;
pub mod place;

/// Nanoseconds on `CLOCK_BOOTTIME`, the one clock of records, stamps and deadlines.
pub type BootNs = u64;

/// A point in time that never comes.
pub const NEVER: BootNs = (1 << 62) - 1;

/// What happened to a name, and the index of the budget that pays for it.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The name is gone: unlinked, removed, renamed away.
    Delete = 0,
    /// The name leads to something else now: renamed over, or one end of an exchange.
    Replace = 1,
    /// What the name leads to was emptied or shortened.
    Truncate = 2,
    /// What the name leads to was opened for overwriting.
    Overwrite = 3,
    /// The name came back after the same account had made it go.
    Recreate = 4,
    /// A destructive command was run.
    Command = 5,
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = 6;

    /// Every kind, in the order of its index.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Delete, Self::Replace, Self::Truncate, Self::Overwrite, Self::Recreate, Self::Command];

    /// The singular word for one operation of this kind.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Replace => "replace",
            Self::Truncate => "truncate",
            Self::Overwrite => "overwrite",
            Self::Recreate => "recreate",
            Self::Command => "command",
        }
    }
}

/// The kinds that one act is an operation of. Empty means that nothing was destroyed: an own scratch file, a new name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Nothing was destroyed.
    pub const NONE: Self = Self(0);
    /// A whole tree went at once (a root, or a directory on the way to one): a burst by itself, whatever the budgets.
    pub const WHOLE: Self = Self(1 << 7);
    /// Somebody who does not act for the account was asked to act: a burst by itself as well, with a response of its own.
    pub const ESCAPE: Self = Self(1 << 6);

    /// Something was done to burstguard itself. The two bits of what is a burst by itself together, which no other act has: no
    /// tree goes when somebody is asked.
    pub const TAMPERING: Self = Self(Self::WHOLE.0 | Self::ESCAPE.0);

    /// The act is an operation of this kind alone.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        Self(1 << kind as u8)
    }

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the act destroyed nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the act is an operation of this kind.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// The index of the first of its kinds, or [`Kind::COUNT`]; of one name, which is an operation of one kind at most,
    /// that tells all. Without a branch, each of which would double the work of the kernel's verifier.
    #[must_use]
    #[inline(always)]
    pub const fn first(self) -> u32 {
        (self.0 as u32 | 1 << Kind::COUNT).trailing_zeros()
    }

    /// Whether somebody else was asked to act.
    #[must_use]
    pub const fn is_escape(self) -> bool {
        self.0 & Self::TAMPERING.0 == Self::ESCAPE.0
    }

    /// Whether it was done to burstguard itself.
    #[must_use]
    pub const fn is_tampering(self) -> bool {
        self.0 & Self::TAMPERING.0 == Self::TAMPERING.0
    }

    /// Whether it is a burst whatever the budgets say.
    #[must_use]
    pub const fn is_by_itself(self) -> bool {
        self.0 & (Self::WHOLE.0 | Self::ESCAPE.0) != 0
    }

    /// Whether a whole tree went at once.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.0 & Self::TAMPERING.0 == Self::WHOLE.0
    }

    /// As it lies in a record.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From a record; bits without a meaning are kept, so that a newer sender is not misread as harmless.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Kinds};

    #[test]
    fn the_first_kind_is_the_one_that_it_is_of() {
        for kind in Kind::ALL {
            assert_eq!(Kinds::of(kind).first(), kind as u32);
            assert_eq!(Kinds::of(kind).and(Kinds::WHOLE).first(), kind as u32);
        }
        assert_eq!(Kinds::NONE.first(), Kind::COUNT as u32);
        assert_eq!(Kinds::WHOLE.first(), Kind::COUNT as u32);
        assert_eq!(Kinds::ESCAPE.first(), Kind::COUNT as u32);
        assert_eq!(Kinds::TAMPERING.first(), Kind::COUNT as u32);
    }

    #[test]
    fn an_act_is_one_of_those_by_itself_at_most() {
        let of = |kinds: Kinds| [kinds.is_whole(), kinds.is_escape(), kinds.is_tampering()];
        let delete = Kinds::of(Kind::Delete);
        for (kinds, expected) in [
            (Kinds::NONE, [false; 3]),
            (Kinds::WHOLE, [true, false, false]),
            (Kinds::ESCAPE, [false, true, false]),
            (Kinds::TAMPERING, [false, false, true]),
        ] {
            assert_eq!(of(kinds), expected);
            assert_eq!(of(kinds.and(delete)), expected);
        }
    }
}
