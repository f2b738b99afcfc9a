//! A place: a name under a protected tree, told apart from every other by its path below the root.
//!
//! Not by inode: a directory that is removed and made again has a new inode, and its names are still the same names.
//! The path is folded into 64 bits that come out equal whether the components are met from the root downwards (the text
//! of a system call) or from the name upwards (the kernel's directory entries), and from any mixture of the two.
//!
//! The fold is a polynomial over seeded component hashes. A collision would let one name's history stand for another's,
//! so the seed is chosen at random at each start and is not told to anyone.

/// The index of a protected root among those of the policy.
pub type RootId = u32;

/// A name under a protected root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which root.
    pub root: RootId,
    /// The path below it, folded; 0 is the root itself.
    pub key: u64,
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Hashes one path component, byte after byte.
#[derive(Clone, Copy, Debug)]
pub struct NameHash(u64);

impl NameHash {
    /// The hash of no bytes yet.
    #[must_use]
    #[inline(always)]
    pub const fn new(seed: u64) -> Self {
        Self(FNV_OFFSET ^ seed)
    }

    /// Takes in the next byte.
    #[must_use]
    #[inline(always)]
    pub const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(FNV_PRIME))
    }

    /// The hash of the bytes so far. The last mixing spreads the final bytes, which FNV leaves in the low bits.
    #[must_use]
    #[inline(always)]
    pub const fn finish(self) -> u64 {
        mixed(self.0)
    }

    /// The hash of a whole component.
    #[must_use]
    pub fn of(seed: u64, name: &[u8]) -> u64 {
        name.iter().fold(Self::new(seed), |hash, byte| hash.byte(*byte)).finish()
    }
}

#[inline(always)]
const fn mixed(word: u64) -> u64 {
    let mixed = (word ^ (word >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 29)
}

/// What a fold multiplies by at each level. Secret as the seed is: whoever knew it could choose two paths that fold to one
/// key out of names whose hashes he does not know.
#[derive(Clone, Copy, Debug)]
pub struct Step(u64);

impl Step {
    /// The step that belongs to a seed.
    #[must_use]
    #[inline(always)]
    pub const fn of(seed: u64) -> Self {
        // 5 modulo 8: odd, so that multiplying loses nothing modulo 2^64, and no power below the 2^62th is 1.
        Self(mixed(!seed) & !7 | 5)
    }
}

/// The bits of a tag that say whose name it is: 9 for the account, 6 for the root.
const OWNER: u64 = (1 << 15) - 1;

/// The tag of a name in the ledger: the place's key, and in the lowest bits the root and the account. So whoever has other
/// numbers for these can take the name over.
#[must_use]
#[inline(always)]
pub const fn tag(key: u64, root: RootId, account: u32) -> u64 {
    with_owner(mixed(key), root, account)
}

/// The same name with another number for its root and its account.
#[must_use]
#[inline(always)]
pub const fn with_owner(tag: u64, root: RootId, account: u32) -> u64 {
    tag & !OWNER | (root as u64) << 9 & OWNER | account as u64 & 0x1ff
}

/// The root and the account of a tag.
#[must_use]
pub const fn owner(tag: u64) -> (RootId, u32) {
    ((tag >> 9) as RootId & 0x3f, tag as u32 & 0x1ff)
}

/// A path being folded: `key` is the sum of component hashes, each times the [`Step`] to the power of its distance from the
/// last component; `scale` is the power that the next component *above* has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct PathFold {
    key: u64,
    scale: u64,
}

impl PathFold {
    /// The empty path: the root itself.
    pub const EMPTY: Self = Self { key: 0, scale: 1 };

    /// A whole path, from its first name to its last.
    #[must_use]
    pub fn of<'a>(seed: u64, names: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let below = |fold: Self, name| fold.below(NameHash::of(seed, name), Step::of(seed));
        names.into_iter().fold(Self::EMPTY, below)
    }

    /// A path whose key is known, to go on at its end only.
    #[must_use]
    #[inline(always)]
    pub const fn at(key: u64) -> Self {
        Self { key, scale: 1 }
    }

    /// The path with one more component at its end.
    #[must_use]
    #[inline(always)]
    pub const fn below(self, name: u64, step: Step) -> Self {
        Self { key: self.key.wrapping_mul(step.0).wrapping_add(name), scale: self.scale.wrapping_mul(step.0) }
    }

    /// The path with one more component at its start.
    #[must_use]
    #[inline(always)]
    pub const fn above(self, name: u64, step: Step) -> Self {
        Self {
            key: self.key.wrapping_add(name.wrapping_mul(self.scale)),
            scale: self.scale.wrapping_mul(step.0),
        }
    }

    /// The key of the path as folded so far.
    #[must_use]
    #[inline(always)]
    pub const fn key(self) -> u64 {
        self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn downwards(seed: u64, path: &[Vec<u8>]) -> PathFold {
        PathFold::of(seed, path.iter().map(Vec::as_slice))
    }

    #[test]
    fn another_seed_steps_otherwise() {
        let steps: std::collections::BTreeSet<_> = (0..1000).map(|seed| Step::of(seed).0).collect();
        assert_eq!(steps.len(), 1000);
        assert!(steps.iter().all(|step| step % 8 == 5));
    }

    #[test]
    fn the_root_itself_is_zero() {
        assert_eq!(PathFold::EMPTY.key(), 0);
    }

    proptest! {
        #[test]
        fn any_mixture_of_directions_folds_to_one_key(
            seed: u64,
            path in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..12),
            split in 0usize..13,
        ) {
            let split = split.min(path.len());
            // The lower part by text, then upwards through the part above it, as a relative path is resolved.
            let mixed = path[..split]
                .iter()
                .rev()
                .fold(downwards(seed, &path[split..]), |fold, name| {
                    fold.above(NameHash::of(seed, name), Step::of(seed))
                });
            prop_assert_eq!(mixed, downwards(seed, &path));
        }

        #[test]
        fn different_paths_have_different_keys(
            seed: u64,
            one in prop::collection::vec("[a-c]{1,3}", 0..6),
            other in prop::collection::vec("[a-c]{1,3}", 0..6),
        ) {
            let bytes = |path: &[String]| path.iter().map(|name| name.clone().into_bytes()).collect::<Vec<_>>();
            let same = downwards(seed, &bytes(&one)).key() == downwards(seed, &bytes(&other)).key();
            prop_assert_eq!(same, one == other);
        }
    }
}
