use std::{cell::Cell, collections::VecDeque};

use proptest::prelude::*;

use super::*;

/// When the tests begin: the host has been up for less than a window.
const START: BootNs = 1;

struct Memory {
    stamps: Vec<Cell<BootNs>>,
    cursor: Cell<u32>,
}

impl Memory {
    fn new(slots: u32) -> Self {
        Self { stamps: vec![Cell::new(0); slots as usize], cursor: Cell::new(0) }
    }
}

impl Slots for Memory {
    fn len(&self) -> u32 {
        u32::try_from(self.stamps.len()).unwrap()
    }

    fn load(&self, slot: u32) -> BootNs {
        self.stamps[slot as usize].get()
    }

    fn replace(&self, slot: u32, from: BootNs, to: BootNs) -> bool {
        let found = self.load(slot) == from;
        if found {
            self.stamps[slot as usize].set(to);
        }
        found
    }

    fn cursor(&self) -> u32 {
        self.cursor.get()
    }

    fn set_cursor(&self, slot: u32) {
        self.cursor.set(slot);
    }
}

/// What a budget promises, at its plainest: a list of the stamps of all claims that were not given back.
struct Log {
    most: u32,
    stamps: Vec<BootNs>,
}

impl Log {
    fn has_room(&self, window: Window, now: BootNs) -> bool {
        let counts = |stamp: BootNs| stamp >= window.not_before && now - stamp < window.length;
        self.stamps.iter().filter(|stamp| counts(**stamp)).count() < self.most as usize
    }

    fn remove(&mut self, stamp: BootNs) {
        let index = self.stamps.iter().position(|other| *other == stamp).unwrap();
        self.stamps.swap_remove(index);
    }
}

#[derive(Clone, Debug)]
enum Act {
    Advance(u64),
    Charge,
    /// The operation that holds the claim at this index, counted around, fails.
    Fail(usize),
    /// Claims before this long ago do not count any more.
    Approve(u64),
    /// Somebody overwrites the hint.
    Mislead(u32),
}

const LENGTH: u64 = 10;

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0..LENGTH).prop_map(Act::Advance),
        8 => Just(Act::Charge),
        3 => any::<usize>().prop_map(Act::Fail),
        1 => (0..LENGTH).prop_map(Act::Approve),
        1 => prop_oneof![0..8u32, Just(u32::MAX)].prop_map(Act::Mislead),
    ];
    prop::collection::vec(act, 0..120)
}

proptest! {
    /// Neither too late nor too early.
    #[test]
    fn a_budget_is_a_sliding_log(most in 0..5u32, acts in acts()) {
        let slots = Memory::new(most);
        let mut log = Log { most, stamps: Vec::new() };
        let mut claims = Vec::new();
        let mut window = Window { length: LENGTH, not_before: 0 };
        let mut now = START;
        for act in acts {
            match act {
                Act::Advance(by) => now += by,
                Act::Charge => {
                    let fits = log.has_room(window, now);
                    prop_assert_eq!(peek(&slots, window, now) == Room::Within, fits);
                    let claim = charge(&slots, window, now);
                    prop_assert_eq!(claim.is_some(), fits);
                    claims.extend(claim);
                    log.stamps.extend(claim.map(|claim| claim.stamp));
                }
                Act::Fail(index) if !claims.is_empty() => {
                    let claim = claims.swap_remove(index % claims.len());
                    give_back(&slots, claim);
                    log.remove(claim.stamp);
                }
                Act::Fail(_) => {}
                Act::Approve(ago) => window.not_before = window.not_before.max(now.saturating_sub(ago)),
                Act::Mislead(hint) => slots.set_cursor(hint),
            }
        }
    }

    /// Whatever the clocks read: CPUs may be apart, and a reading may be older than what was claimed since.
    #[test]
    fn no_window_holds_too_many_whatever_the_clocks_read(
        most in 0..5u32,
        charges in prop::collection::vec((START..START + 6 * LENGTH, any::<bool>()), 0..80),
    ) {
        let slots = Memory::new(most);
        let window = Window { length: LENGTH, not_before: 0 };
        let mut kept = Vec::new();
        let mut failed = VecDeque::new();
        for (now, fails) in charges {
            match charge(&slots, window, now) {
                Some(claim) if fails => failed.push_back(claim),
                Some(claim) => kept.push(claim.stamp),
                None => failed.pop_front().into_iter().for_each(|claim| give_back(&slots, claim)),
            }
        }
        for start in START..START + 6 * LENGTH {
            let in_window = kept.iter().filter(|stamp| (start..start + LENGTH).contains(*stamp)).count();
            prop_assert!(in_window <= most as usize, "{} in the window from {}: {:?}", in_window, start, kept);
        }
    }
}

#[test]
fn a_window_is_half_open() {
    let slots = Memory::new(1);
    let window = Window { length: LENGTH, not_before: 0 };
    assert!(charge(&slots, window, START).is_some());
    assert_eq!(charge(&slots, window, START + LENGTH - 1), None);
    assert!(charge(&slots, window, START + LENGTH).is_some());
}

#[test]
fn a_stamp_from_the_future_is_fresh() {
    let slots = Memory::new(1);
    let window = Window { length: LENGTH, not_before: 0 };
    assert!(charge(&slots, window, START + 5 * LENGTH).is_some());
    assert_eq!(charge(&slots, window, START), None);
}

#[test]
fn a_claim_is_given_back_only_while_it_is_the_last() {
    let slots = Memory::new(1);
    let window = Window { length: LENGTH, not_before: 0 };
    let earlier = charge(&slots, window, START).unwrap();
    assert!(charge(&slots, window, START + LENGTH).is_some());
    give_back(&slots, earlier);
    assert_eq!(peek(&slots, window, START + LENGTH), Room::Over);
}

#[test]
fn a_slot_given_back_is_claimed_next() {
    let slots = Memory::new(4);
    let window = Window { length: LENGTH, not_before: 0 };
    let failed = charge(&slots, window, START).unwrap();
    assert!(charge(&slots, window, START).is_some());
    give_back(&slots, failed);
    assert_eq!(charge(&slots, window, START).map(|claim| claim.slot), Some(failed.slot));
}

#[test]
fn no_slots_no_room() {
    let slots = Memory::new(0);
    let window = Window { length: LENGTH, not_before: 0 };
    assert!(slots.is_empty());
    assert_eq!(peek(&slots, window, START), Room::Over);
    assert_eq!(charge(&slots, window, START), None);
}

#[test]
fn the_largest_budget_is_used_to_the_last_slot_wherever_the_search_begins() {
    let window = Window { length: LENGTH, not_before: 0 };
    for hint in [0, 1, MAX_SLOTS / 2, MAX_SLOTS - 1, MAX_SLOTS, u32::MAX] {
        let slots = Memory::new(MAX_SLOTS);
        for _ in 0..MAX_SLOTS {
            slots.set_cursor(hint);
            assert!(charge(&slots, window, START).is_some());
        }
        assert_eq!(peek(&slots, window, START), Room::Over);
        assert_eq!(charge(&slots, window, START), None);
    }
}

#[test]
fn peeking_takes_nothing() {
    let slots = Memory::new(1);
    let window = Window { length: LENGTH, not_before: 0 };
    assert_eq!(peek(&slots, window, START), Room::Within);
    assert_eq!(peek(&slots, window, START), Room::Within);
}

#[test]
fn slots_are_claimed_in_turn() {
    let slots = Memory::new(4);
    let window = Window { length: LENGTH, not_before: 0 };
    let claimed: Vec<_> =
        (0..8).map(|turn| charge(&slots, window, START + turn * LENGTH).unwrap().slot).collect();
    assert_eq!(claimed, [0, 1, 2, 3, 0, 1, 2, 3]);
}
