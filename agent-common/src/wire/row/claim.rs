//! Who acts for an account, and by what the policy tells.

use crate::rules::identity::Evidence;

/// By what a process acts for an account: an entry of the policy. One word, from the top: [`Evidence`], 0 if there is no claim; the
/// account's index; which entry it is, for the record, 0 for one that is not in the policy any more.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim(u64);

impl Claim {
    /// None.
    pub const NONE: Self = Self(0);

    /// The claim of an account.
    #[must_use]
    pub const fn of(account: u32, evidence: Evidence, entry: u32) -> Self {
        Self((evidence as u64) << 56 | (account as u64) << 32 | entry as u64)
    }

    /// The same claim, in other numbers.
    #[must_use]
    pub const fn renumbered(self, account: u32, entry: u32) -> Self {
        Self(self.0 & 0xff << 56 | (account as u64) << 32 | entry as u64)
    }

    /// As it comes out of a function of numbers.
    #[must_use]
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// As a number.
    #[must_use]
    #[inline(always)]
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// The account's index.
    #[must_use]
    #[inline(always)]
    pub const fn account(self) -> u32 {
        (self.0 >> 32) as u32 & 0x00ff_ffff
    }

    /// [`Evidence`] as a number.
    #[must_use]
    #[inline(always)]
    pub const fn evidence(self) -> u32 {
        (self.0 >> 56) as u32
    }

    /// Which entry of the policy it is.
    #[must_use]
    #[inline(always)]
    pub const fn entry(self) -> u32 {
        self.0 as u32
    }

    /// Whether it takes a process from who has it by the other. A login user id takes it from nobody: whoever has none may give
    /// himself any.
    #[must_use]
    #[inline(always)]
    pub const fn outranks(self, other: Self) -> bool {
        let is_believed = self.evidence() != Evidence::Login as u32 || other.evidence() == 0;
        is_believed && self.evidence() > other.evidence()
    }
}

/// A process that acts for an account, by its process id.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// When the process started, in clock ticks since boot as in field 22 of `/proc/PID/stat`: an entry whose process is
    /// gone and whose id was given out again does not match.
    pub start: u64,
    /// When it was stopped by us (ns); 0 if it was not.
    pub stopped_at: u64,
    /// When what it is a member by was seen (ns).
    pub since: u64,
    /// What it is a member by: its own, or that of the ancestor it has it from.
    pub claim: Claim,
    /// The process that was claimed: itself, or that ancestor.
    pub origin: u32,
    /// Which of its ancestors were stopped already when it was: the parent is bit 0. Whoever continues the others must
    /// leave those as they are.
    pub stopped_ancestors: u32,
    /// The index of the grant under which it acts, as its descendants do; 0 for none.
    pub grant: u32,
    /// Must be zero.
    pub reserved: u32,
}

impl Member {
    /// Of no account.
    pub const NONE: Self = Self {
        start: 0,
        stopped_at: 0,
        since: 0,
        claim: Claim::NONE,
        origin: 0,
        stopped_ancestors: 0,
        grant: 0,
        reserved: 0,
    };
}

/// A user id and the way it marks a process.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserKey {
    /// The id.
    pub uid: u32,
    /// One of [`by`].
    pub by: u32,
}

/// The values of [`UserKey::by`].
pub mod by {
    /// The real user id.
    pub const REAL: u32 = 0;
    /// The login user id.
    pub const LOGIN: u32 = 1;
}

const _: () = assert!(size_of::<Claim>() == 8);
const _: () = assert!(size_of::<Member>() == 48);
const _: () = assert!(size_of::<UserKey>() == 8);

#[cfg(feature = "user")]
mod pod {
    use super::{Claim, Member, UserKey};

    // SAFETY: each is of integers, repr(C) or transparent, sized as the sum of its fields (asserted above); every bit pattern is valid.
    unsafe impl aya::Pod for Claim {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Member {}
    // SAFETY: as above.
    unsafe impl aya::Pod for UserKey {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_keeps_its_parts_apart() {
        for evidence in Evidence::ALL {
            let claim = Claim::of(256, evidence, u32::MAX);
            assert_eq!((claim.account(), claim.evidence(), claim.entry()), (256, evidence as u32, u32::MAX));
            assert_eq!(claim.renumbered(1, 2), Claim::of(1, evidence, 2));
            assert_eq!(Claim::from_word(claim.to_word()), claim);
            assert!(claim.outranks(Claim::NONE) && !claim.outranks(claim));
        }
    }
}
