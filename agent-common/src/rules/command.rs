//! Whether the words of a command line have sequences of words in them: each word of a sequence in its order, with anything
//! between.
//!
//! All sequences that a program is known by share one state of 64 bits, a bit for each of their words: it is set once the words up
//! to it were met. As gaps do not matter a bit stays set, and whatever the command line, taking in a word is three operations.

use super::Kinds;

/// How many words the sequences of one program may have together.
pub const MOST: u32 = u64::BITS;

/// What a program's command lines are searched for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    /// The first words of sequences.
    pub first: u64,
    /// The last words of those that destroy.
    pub destroy: u64,
    /// The last words of those that make anew.
    pub recreate: u64,
    /// The last words of those with which nothing happens, whatever else is there.
    pub except: u64,
    /// The last words of those behind which the command line is another program's.
    pub until: u64,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing that is counted.
    Nothing,
    /// It destroys.
    Destroys,
    /// It makes anew what may have been destroyed.
    Recreates,
}

impl Sequences {
    /// The state after one more word, which is that of these bits.
    #[must_use]
    #[inline(always)]
    pub const fn take(first: u64, state: u64, word: u64) -> u64 {
        // A last word's bit moves on to the first one of the next sequence, which needs nothing before it anyway.
        state | (state << 1 | first) & word
    }

    /// The same behind `--`, where nothing is an option any more: what is there excepts nothing.
    #[must_use]
    #[inline(always)]
    pub const fn take_operand(&self, state: u64, word: u64) -> u64 {
        Self::take(self.first, state, word & !self.except)
    }

    /// Whether what comes behind is of no matter.
    #[must_use]
    #[inline(always)]
    pub const fn is_over(&self, state: u64) -> bool {
        state & self.until != 0
    }

    /// What a command line is that has led to this state.
    #[must_use]
    #[inline(always)]
    pub const fn meaning(&self, state: u64) -> Meaning {
        if state & self.except != 0 {
            Meaning::Nothing
        } else if state & self.destroy != 0 {
            Meaning::Destroys
        } else if state & self.recreate != 0 {
            Meaning::Recreates
        } else {
            Meaning::Nothing
        }
    }
}

/// By what two runs of a program mean the same thing: the rule, and where they run if that matters.
#[must_use]
#[inline(always)]
pub const fn key(rule: u64, inode: u64, device: u32) -> u64 {
    (inode ^ (device as u64) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ rule
}

/// What a name's disappearance is, if it stands for what a command destroys.
#[must_use]
#[inline(always)]
pub const fn kinds(of_name: Kinds) -> Kinds {
    if of_name.has(super::Kind::Delete) { Kinds::of(super::Kind::Command) } else { of_name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// Sequences of small numbers, and the bits of each number.
    fn compile(lists: [&[Vec<u8>]; 4]) -> (Sequences, impl Fn(u8) -> u64) {
        let (mut sequences, mut words, mut bit) = (Sequences::default(), Vec::new(), 0);
        for (which, list) in lists.into_iter().enumerate() {
            for sequence in list {
                sequences.first |= 1 << bit;
                words.extend((bit..).zip(sequence.iter().copied()));
                bit += sequence.len();
                let last = 1 << (bit - 1);
                match which {
                    0 => sequences.destroy |= last,
                    1 => sequences.recreate |= last,
                    2 => sequences.except |= last,
                    _ => sequences.until |= last,
                }
            }
        }
        let bits = move |word| {
            words.iter().filter(|(_, known)| *known == word).fold(0, |bits, (bit, _)| bits | 1 << bit)
        };
        (sequences, bits)
    }

    /// The same by looking for one word after the other.
    fn has(line: &[u8], sequence: &[u8]) -> bool {
        let mut rest = line.iter();
        sequence.iter().all(|word| rest.any(|other| other == word))
    }

    #[test]
    fn what_destroys_comes_before_what_makes_anew_and_what_does_nothing_before_both() {
        let sequences = Sequences { destroy: 1, recreate: 2, except: 4, ..Sequences::default() };
        assert_eq!(sequences.meaning(0), Meaning::Nothing);
        assert_eq!(sequences.meaning(0b11), Meaning::Destroys);
        assert_eq!(sequences.meaning(0b10), Meaning::Recreates);
        assert_eq!(sequences.meaning(0b111), Meaning::Nothing);
    }

    #[test]
    fn another_directory_is_another_thing() {
        assert_ne!(key(1, 2, 3), key(1, 2, 4));
        assert_ne!(key(1, 2, 3), key(1, 3, 3));
        assert_ne!(key(1, 2, 3), key(2, 2, 3));
    }

    proptest! {
        // Few words and short sequences, so that they are met often enough.
        #[test]
        fn it_is_a_plain_search(
            destroy in prop::collection::vec(prop::collection::vec(0u8..4, 1..4), 0..4),
            recreate in prop::collection::vec(prop::collection::vec(0u8..4, 1..4), 0..4),
            except in prop::collection::vec(prop::collection::vec(0u8..4, 1..4), 0..3),
            until in prop::collection::vec(prop::collection::vec(0u8..6, 1..3), 0..2),
            options in prop::collection::vec(0u8..6, 0..8),
            operands in prop::collection::vec(0u8..6, 0..8),
        ) {
            let (sequences, bits) = compile([&destroy, &recreate, &except, &until]);
            let mut state = 0;
            for (at, word) in options.iter().chain(&operands).enumerate() {
                state = if at < options.len() {
                    Sequences::take(sequences.first, state, bits(*word))
                } else {
                    sequences.take_operand(state, bits(*word))
                };
                if sequences.is_over(state) {
                    break;
                }
            }
            // As far as it is this program's.
            let line: Vec<u8> = options.iter().chain(&operands).copied().collect();
            let ends = |to: &usize| until.iter().any(|sequence| has(&line[..*to], sequence));
            let end = (1..=line.len()).find(ends).unwrap_or(line.len());
            let any = |list: &[Vec<u8>]| list.iter().any(|sequence| has(&line[..end], sequence));
            let excepts = |sequence: &Vec<u8>| has(&line[..end.min(options.len())], sequence);
            let plain = match (except.iter().any(excepts), any(&destroy), any(&recreate)) {
                (true, ..) | (_, false, false) => Meaning::Nothing,
                (_, true, _) => Meaning::Destroys,
                (_, _, true) => Meaning::Recreates,
            };
            prop_assert_eq!(sequences.meaning(state), plain);
        }
    }
}
