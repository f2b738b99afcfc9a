//! The memory of what an account did to names: large, bounded, and one look-up away.
//!
//! A name has one shelf, told by its tag, and any of the spots of it. A full shelf gives the spot of its oldest name away:
//! that name is forgotten and so counts as precious, which is the safe side. The tags lie side by side, so that one visit to
//! memory tells that a name is not there. The kernel's own map with eviction makes five to add a name, and that was a
//! third of what judging a call cost.
//!
//! There is no lock. A spot is a tag and a word; whoever gives a spot to another name first takes it by putting [`TAKEN`]
//! into the word. So a word that is the same before and after the tag was read belongs to that tag.

/// How many names a shelf holds: few where every interleaving is tried.
pub const SPOTS: usize = if cfg!(loom) { 2 } else { 8 };

/// The word of a spot that holds nothing.
pub const FREE: u64 = 0;
/// The word of a spot that is being given to another name.
pub const TAKEN: u64 = u64::MAX;

/// One shelf. Words are those of names: the time in all bits but the lowest two, and neither [`FREE`] nor [`TAKEN`].
pub trait Shelf {
    /// Whose the spot is.
    fn tag(&self, spot: usize) -> u64;
    /// Says whose it is.
    fn set_tag(&self, spot: usize, tag: u64);
    /// What is remembered there.
    fn word(&self, spot: usize) -> u64;
    /// Puts `to` into the word if it still holds `from`; whether it did. No other access moves across it.
    fn replace(&self, spot: usize, from: u64, to: u64) -> bool;
}

/// What is remembered under a tag.
#[must_use]
#[inline(always)]
pub fn recall(shelf: &impl Shelf, tag: u64) -> Option<u64> {
    let mut spot = 0;
    while spot < SPOTS {
        if shelf.tag(spot) == tag
            && let Some(word) = word_of(shelf, spot, tag)
        {
            return Some(word);
        }
        spot += 1;
    }
    None
}

/// The word of a spot, if it is this tag's.
#[inline(always)]
fn word_of(shelf: &impl Shelf, spot: usize, tag: u64) -> Option<u64> {
    let word = shelf.word(spot);
    let holds = word != FREE && word != TAKEN;
    let is_ours =
        holds && shelf.replace(spot, word, word) && shelf.tag(spot) == tag && shelf.replace(spot, word, word);
    if is_ours { Some(word) } else { None }
}

/// Remembers a word under a tag, or nothing any more; whether that could be done.
///
/// Two at once may give one name two spots; so a change of a name concerns every spot of it.
#[must_use]
#[inline(always)]
pub fn remember(shelf: &impl Shelf, tag: u64, word: Option<u64>) -> bool {
    let mut wanted = word;
    let mut spot = 0;
    while spot < SPOTS {
        if shelf.tag(spot) == tag
            && let Some(before) = word_of(shelf, spot, tag)
            && shelf.replace(spot, before, wanted.unwrap_or(FREE))
        {
            wanted = None;
        }
        spot += 1;
    }
    // Twice, since somebody else may take the same spot first.
    wanted.is_none_or(|word| add(shelf, tag, word) || add(shelf, tag, word))
}

/// Gives the oldest spot to a name that has none.
#[inline(always)]
fn add(shelf: &impl Shelf, tag: u64, word: u64) -> bool {
    let (mut oldest, mut before) = (0, shelf.word(0));
    let mut spot = 1;
    while spot < SPOTS {
        let other = shelf.word(spot);
        if other < before {
            (oldest, before) = (spot, other);
        }
        spot += 1;
    }
    if before == TAKEN || !shelf.replace(oldest, before, TAKEN) {
        return false;
    }
    shelf.set_tag(oldest, tag);
    shelf.replace(oldest, TAKEN, word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{cell::Cell, collections::HashMap};

    #[derive(Default)]
    struct Plain([(Cell<u64>, Cell<u64>); SPOTS]);

    impl Shelf for Plain {
        fn tag(&self, spot: usize) -> u64 {
            self.0[spot].0.get()
        }
        fn set_tag(&self, spot: usize, tag: u64) {
            self.0[spot].0.set(tag);
        }
        fn word(&self, spot: usize) -> u64 {
            self.0[spot].1.get()
        }
        fn replace(&self, spot: usize, from: u64, to: u64) -> bool {
            self.0[spot].1.get() == from && self.0[spot].1.replace(to) == from
        }
    }

    proptest! {
        #[test]
        fn a_shelf_tells_the_last_word_of_its_newest_names(
            acts in prop::collection::vec((0u64..12, any::<bool>()), 0..100),
        ) {
            let shelf = Plain::default();
            let mut words = HashMap::new();
            for (time, (tag, forgets)) in (1u64..).zip(acts) {
                let word = if forgets { None } else { Some(time << 1) };
                prop_assert!(remember(&shelf, tag, word));
                words.insert(tag, word);
                let mut known: Vec<_> = words.iter().filter_map(|(tag, word)| Some(((*word)?, *tag))).collect();
                known.sort_unstable();
                // Those that had to make room are the oldest.
                for (_, tag) in &known[..known.len().saturating_sub(SPOTS)] {
                    words.insert(*tag, None);
                }
                for (tag, word) in &words {
                    prop_assert_eq!(recall(&shelf, *tag), *word);
                }
            }
        }
    }

    #[test]
    fn a_name_with_two_spots_is_forgotten_in_both() {
        let shelf = Plain::default();
        for spot in [2, 5] {
            shelf.set_tag(spot, 7);
            assert!(shelf.replace(spot, FREE, 9 << 1));
        }
        assert!(remember(&shelf, 7, None));
        assert_eq!(recall(&shelf, 7), None);
    }

    #[test]
    fn a_spot_that_is_being_given_away_tells_nothing() {
        let shelf = Plain::default();
        assert!(remember(&shelf, 7, Some(9 << 1)));
        assert!(shelf.replace(0, 9 << 1, TAKEN));
        assert_eq!(recall(&shelf, 7), None);
    }
}
