//! What lies in the maps of exceptions: names in a tree that are outside of it all the same. They are of the policy, so each
//! generation has its own.

use crate::rules::exception::Pattern;

/// How many exceptions a tree may have.
pub const MAX_EXCEPTIONS: usize = 256;

/// What is excepted in a root; nothing, if all of it is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    /// How deep there are single places, a bit each; see [`Exceptions::has_place_at`].
    depths: u64,
    /// Of the patterns, the first of this root's.
    pub first: u32,
    /// How many there are.
    pub patterns: u32,
    /// 1 if there are names that are excepted wherever they are.
    pub names: u32,
    /// Must be zero.
    pub reserved: u32,
}

/// The depth of whatever lies deeper, and of what lies nobody knows how deep.
pub const DEEP: u32 = 63;

impl Exceptions {
    /// Notes that there is a place so many components below the root.
    pub fn add_place(&mut self, depth: u32) {
        self.depths |= 1 << depth.min(DEEP) | 1 << DEEP;
    }

    /// Whether there may be one.
    #[must_use]
    #[inline(always)]
    pub const fn has_place_at(&self, depth: u32) -> bool {
        let depth = if depth < DEEP { depth } else { DEEP };
        self.depths >> depth & 1 != 0
    }

    /// Whether nothing is excepted.
    #[must_use]
    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        self.depths | self.patterns as u64 | self.names as u64 == 0
    }
}

/// A place or a name that is excepted.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExceptedKey {
    /// The folded path below the root, or the hash of the name.
    pub key: u64,
    /// The root's index.
    pub root: u32,
    /// One of [`by`].
    pub by: u32,
}

/// The values of [`ExceptedKey::by`].
pub mod by {
    /// One place.
    pub const PLACE: u32 = 0;
    /// A name, wherever it is below the root.
    pub const NAME: u32 = 1;
}

/// Names that are excepted because they match.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExceptedPattern {
    /// What they match.
    pub pattern: Pattern,
    /// The key of the directory that they are in.
    pub directory: u64,
    /// The root's index; all ones: in any directory of any root that has this pattern.
    pub root: u32,
    /// Must be zero.
    pub reserved: u32,
}

/// The value of [`ExceptedPattern::root`] that stands for every one.
pub const ANYWHERE: u32 = u32::MAX;

const _: () = assert!(size_of::<Exceptions>() == 24);
const _: () = assert!(size_of::<ExceptedKey>() == 16);
const _: () = assert!(size_of::<ExceptedPattern>() == 72 + 16);

#[cfg(feature = "user")]
mod pod {
    use super::{ExceptedKey, ExceptedPattern, Exceptions};

    // SAFETY: each is repr(C) of integers, sized as the sum of its fields (asserted above); every bit pattern is valid.
    unsafe impl aya::Pod for Exceptions {}
    // SAFETY: as above.
    unsafe impl aya::Pod for ExceptedKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for ExceptedPattern {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_looked_for_at_its_depth_and_where_that_is_not_known() {
        let mut row = Exceptions::default();
        assert!(row.is_empty() && (0..100).all(|depth| !row.has_place_at(depth)));
        row.add_place(2);
        let looked: Vec<_> = (0..66).filter(|depth| row.has_place_at(*depth)).collect();
        assert_eq!(looked, [2, 63, 64, 65]);
        assert!(!row.is_empty());
    }
}
