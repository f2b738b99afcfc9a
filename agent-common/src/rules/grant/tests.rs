use std::cell::Cell;

use proptest::prelude::*;

use super::*;

struct Memory([Cell<u64>; NUMBERS]);

impl Memory {
    fn new(numbers: [u64; NUMBERS]) -> Self {
        Self(numbers.map(Cell::new))
    }

    fn numbers(&self) -> [u64; NUMBERS] {
        self.0.each_ref().map(Cell::get)
    }
}

impl Allowance for Memory {
    fn take_one(&self, number: usize, all: bool) -> bool {
        take_one(&self.0[number], all)
    }

    fn give_one(&self, number: usize) {
        give_one(&self.0[number]);
    }
}

impl Number for Cell<u64> {
    fn left(&self) -> u64 {
        self.get()
    }

    fn replace(&self, from: u64, to: u64) -> bool {
        let found = self.get() == from;
        if found {
            self.set(to);
        }
        found
    }

    fn add_one(&self) {
        self.set(self.get() + 1);
    }
}

/// Numbers of which only those that are named are not 0.
fn numbers<const N: usize>(named: [(usize, u64); N]) -> [u64; NUMBERS] {
    let mut numbers = [0; NUMBERS];
    for (number, left) in named {
        numbers[number] = left;
    }
    numbers
}

const DELETE: usize = Kind::Delete as usize;

#[test]
fn a_kind_that_is_not_named_is_not_admitted() {
    let memory = Memory::new(numbers([(DELETE, 1), (ANY, UNLIMITED)]));
    let both = Kinds::of(Kind::Delete).and(Kinds::of(Kind::Recreate));
    assert!(!take(&memory, Kinds::of(Kind::Recreate)) && !take(&memory, both));
    assert!(take(&memory, Kinds::of(Kind::Delete)) && !take(&memory, Kinds::of(Kind::Delete)));
    assert_eq!(memory.numbers(), numbers([(ANY, UNLIMITED)]));
}

#[test]
fn a_whole_tree_is_more_than_any_number_of_its_kind() {
    let whole = Kinds::of(Kind::Delete).and(Kinds::WHOLE);
    let limited = Memory::new(numbers([(DELETE, 500), (ANY, UNLIMITED)]));
    assert!(!take(&limited, whole));
    assert_eq!(limited.numbers(), numbers([(DELETE, 500), (ANY, UNLIMITED)]));
    let one_of_any = Memory::new(numbers([(DELETE, UNLIMITED), (ANY, 1)]));
    assert!(take(&one_of_any, whole) && !take(&one_of_any, whole));
}

#[test]
fn an_escape_is_of_no_kind() {
    let mut any = [UNLIMITED; NUMBERS];
    any[ANY] = 1;
    let memory = Memory::new(any);
    assert!(take(&memory, Kinds::ESCAPE) && !take(&memory, Kinds::ESCAPE));
    give_back(&memory, Kinds::ESCAPE);
    assert_eq!(memory.numbers(), any);
    let of_kinds = numbers([(DELETE, 5), (ANY, UNLIMITED)]);
    let memory = Memory::new(of_kinds);
    assert!(!take(&memory, Kinds::ESCAPE));
    assert_eq!(memory.numbers(), of_kinds);
}

#[derive(Clone, Debug)]
enum Act {
    Take(u8),
    /// The operation that was admitted at this index, counted around, fails.
    Fail(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![3 => (1..64u8).prop_map(Act::Take), 1 => any::<usize>().prop_map(Act::Fail)];
    prop::collection::vec(act, 0..100)
}

fn left() -> impl Strategy<Value = [u64; NUMBERS]> {
    prop::array::uniform8(prop_oneof![3 => 0..12u64, 1 => Just(UNLIMITED)])
}

proptest! {
    /// At its plainest: the numbers less those of all that was admitted and has not failed.
    #[test]
    fn what_is_left_is_what_was_given_less_what_was_admitted(given in left(), acts in acts()) {
        let memory = Memory::new(given);
        let mut admitted: Vec<Kinds> = Vec::new();
        let counts = |kinds: &Kinds, number| number == ANY || Kind::ALL.get(number).is_some_and(|kind| kinds.has(*kind));
        for act in acts {
            let used = |number| admitted.iter().filter(|kinds| counts(kinds, number)).count() as u64;
            match act {
                Act::Take(bits) => {
                    let kinds = Kinds::from_bits(bits);
                    let room = |number: usize| given[number] == UNLIMITED || used(number) < given[number];
                    let expected = (0..=ANY).filter(|number| counts(&kinds, *number)).all(room);
                    prop_assert_eq!(take(&memory, kinds), expected);
                    admitted.extend(expected.then_some(kinds));
                }
                Act::Fail(_) if admitted.is_empty() => {}
                Act::Fail(index) => {
                    let index = index % admitted.len();
                    give_back(&memory, admitted.swap_remove(index));
                }
            }
            for (number, left) in memory.numbers().into_iter().enumerate().take(ANY + 1) {
                let used = admitted.iter().filter(|kinds| counts(kinds, number)).count() as u64;
                prop_assert_eq!(left, if given[number] == UNLIMITED { UNLIMITED } else { given[number] - used });
            }
        }
    }
}
