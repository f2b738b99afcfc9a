//! "At most N in any window of W", a grant's numbers, and a name ledger without locks, on every interleaving that the memory model allows.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p agent-common --release --test loom -- --nocapture`
#![cfg(loom)]

mod support;

use std::sync::{Arc, atomic::AtomicUsize};

use agent_common::rules::{
    BootNs, Kind, Kinds,
    budget::{Slots, Window, charge, give_back},
    grant::{self, Allowance, NUMBERS, Number},
    ledger::{SPOTS, Shelf, recall, remember},
};
use loom::{
    sync::atomic::{
        AtomicU64,
        Ordering::{Relaxed, SeqCst},
        fence,
    },
    thread,
};
use support::most_in_any_window;

/// What the clock reads at first.
const START: BootNs = 100;
const NEVER_CLAIMED: BootNs = 0;
const EXPIRED: BootNs = START - 50;
const FRESH: BootNs = START;

/// What a thread does next. All but the last are operations that it charges.
#[derive(Clone, Copy)]
enum Act {
    /// One that happens.
    Happens,
    /// One that fails, and gives its slot back at once.
    Fails,
    /// One that fails, but gives its slot back only after all else that its thread does.
    FailsLate,
    /// Claims made before now do not count any more.
    Approves,
}
use Act::{Approves, Fails, FailsLate, Happens};

/// A budget, and threads that charge it.
#[derive(Clone)]
struct Model {
    /// What the slots hold at first.
    slots: Vec<BootNs>,
    /// The length of the window, in steps of the clock.
    window: u64,
    /// How often the clock is read until it moves by one step. It is read in every order, and a thread may be preempted
    /// between its reading and its charge for as long as the others run.
    readings: u64,
    threads: Vec<Vec<Act>>,
    /// Where each search begins, a bit for each act of each thread: trying both is trying all that a shared cursor could
    /// say, whoever set it and when.
    hints: u32,
    replace: fn(&AtomicU64, BootNs, BootNs) -> bool,
}

/// What all threads share.
struct World {
    stamps: Vec<AtomicU64>,
    clock: AtomicU64,
    not_before: AtomicU64,
}

impl Model {
    fn new(slots: &[BootNs], window: u64, threads: &[&[Act]]) -> Self {
        let threads = threads.iter().map(|acts| acts.to_vec()).collect();
        Self { slots: slots.to_vec(), window, readings: 1, threads, hints: 0, replace: exchange }
    }

    /// Checks that no window holds more claims than there are slots; the number of interleavings.
    fn check(self) -> usize {
        let (most, window) = (self.slots.len(), self.window);
        self.check_that(move |stamps| most_in_any_window(stamps, window) <= most)
    }

    /// Checks the stamps of all claims that count at the end.
    fn check_that(self, holds: impl Fn(Vec<BootNs>) -> bool + Send + Sync + 'static) -> usize {
        let runs = Arc::new(AtomicUsize::new(0));
        let count = runs.clone();
        loom::model(move || {
            count.fetch_add(1, Relaxed);
            let stamps = self.run();
            assert!(holds(stamps.clone()), "broken by the stamps {stamps:?}");
        });
        runs.load(Relaxed)
    }

    fn run(&self) -> Vec<BootNs> {
        let world = Arc::new(World {
            stamps: self.slots.iter().map(|stamp| AtomicU64::new(*stamp)).collect(),
            clock: AtomicU64::new(START * self.readings),
            not_before: AtomicU64::new(0),
        });
        let life = |thread| {
            let (model, world) = (self.clone(), world.clone());
            move || model.live(thread, &world)
        };
        let others: Vec<_> = (1..self.threads.len()).map(|index| thread::spawn(life(index))).collect();
        let mut stamps = [self.slots.clone(), life(0)()].concat();
        for other in others {
            stamps.extend(other.join().unwrap());
        }
        let not_before = world.not_before.load(Relaxed);
        stamps.retain(|stamp| *stamp >= not_before);
        stamps
    }

    /// The life of one thread; the stamps of those of its operations that happened.
    fn live(&self, thread: usize, world: &World) -> Vec<BootNs> {
        let mut kept = Vec::new();
        let mut late = Vec::new();
        for (index, act) in self.threads[thread].iter().enumerate() {
            let slots = View { world, hint: self.hints >> (2 * thread + index) & 1, replace: self.replace };
            let now = world.clock.fetch_add(1, Relaxed) / self.readings;
            let claim = || {
                let window = Window { length: self.window, not_before: world.not_before.load(Relaxed) };
                charge(&slots, window, now)
            };
            match act {
                Happens => kept.extend(claim().map(|claim| claim.stamp)),
                Fails => claim().into_iter().for_each(|claim| give_back(&slots, claim)),
                FailsLate => late.extend(claim().map(|claim| (slots, claim))),
                Approves => world.not_before.store(now, Relaxed),
            }
        }
        for (slots, claim) in late {
            give_back(&slots, claim);
        }
        kept
    }
}

/// The slots as one search sees them.
#[derive(Clone, Copy)]
struct View<'a> {
    world: &'a World,
    hint: u32,
    replace: fn(&AtomicU64, BootNs, BootNs) -> bool,
}

/// Nothing is ordered by these accesses but each word by itself: what holds here holds for every stronger ordering.
impl Slots for View<'_> {
    fn len(&self) -> u32 {
        u32::try_from(self.world.stamps.len()).unwrap()
    }

    fn load(&self, slot: u32) -> BootNs {
        self.world.stamps[slot as usize].load(Relaxed)
    }

    fn replace(&self, slot: u32, from: BootNs, to: BootNs) -> bool {
        (self.replace)(&self.world.stamps[slot as usize], from, to)
    }

    fn cursor(&self) -> u32 {
        self.hint
    }

    fn set_cursor(&self, _: u32) {}
}

fn exchange(slot: &AtomicU64, from: BootNs, to: BootNs) -> bool {
    slot.compare_exchange(from, to, Relaxed, Relaxed).is_ok()
}

#[test]
fn one_slot_and_two_threads() {
    const LIVES: [&[Act]; 5] = [
        &[Happens, Happens],
        &[Happens, Fails],
        &[Fails, Happens],
        &[FailsLate, Happens],
        &[FailsLate, Fails],
    ];
    let mut interleavings = 0;
    for (index, one) in LIVES.iter().enumerate() {
        for other in &LIVES[index..] {
            for slot in [NEVER_CLAIMED, EXPIRED, FRESH] {
                for (window, readings) in [(2, 1), (3, 1), (1, 2)] {
                    let model = Model::new(&[slot], window, &[one, other]);
                    interleavings += Model { readings, ..model }.check();
                }
            }
        }
    }
    println!("one slot, two threads: {interleavings} interleavings");
}

#[test]
fn one_slot_and_three_threads() {
    let mut interleavings = 0;
    for slot in [EXPIRED, FRESH] {
        for third in [Happens, Fails] {
            interleavings += Model::new(&[slot], 2, &[&[Happens], &[Happens], &[third]]).check();
        }
    }
    println!("one slot, three threads: {interleavings} interleavings");
}

#[test]
fn two_slots_and_two_threads() {
    let mut interleavings = 0;
    for slots in [[EXPIRED, EXPIRED], [EXPIRED, FRESH], [FRESH - 1, FRESH]] {
        for first in [Happens, Fails, FailsLate] {
            for hints in 0..16 {
                let model = Model::new(&slots, 3, &[&[first, Happens], &[Happens, Happens]]);
                interleavings += Model { hints, ..model }.check();
            }
        }
    }
    println!("two slots, two threads: {interleavings} interleavings");
}

#[test]
fn two_slots_and_three_threads() {
    let mut interleavings = 0;
    for slots in [[EXPIRED, EXPIRED], [EXPIRED, FRESH]] {
        for hints in [0b00_00_00, 0b00_00_01, 0b00_01_01, 0b01_01_01] {
            let model = Model::new(&slots, 3, &[&[Happens], &[Happens], &[Happens]]);
            interleavings += Model { hints, ..model }.check();
        }
    }
    println!("two slots, three threads: {interleavings} interleavings");
}

#[test]
fn an_approval_in_between() {
    let mut interleavings = 0;
    for slot in [EXPIRED, FRESH] {
        for life in [&[Happens, Happens], &[FailsLate, Happens]] {
            interleavings += Model::new(&[slot], 4, &[life, &[Happens, Approves]]).check();
            interleavings += Model::new(&[slot], 4, &[life, &[Approves, Happens]]).check();
        }
        interleavings += Model::new(&[slot], 3, &[&[Happens], &[Happens], &[Approves]]).check();
    }
    println!("an approval in between: {interleavings} interleavings");
}

/// Nobody is refused while there is room: as long as no slot comes free again, all that fit are admitted.
#[test]
fn within_one_window_all_that_fit_are_admitted() {
    let mut interleavings = 0;
    for hints in 0..16 {
        let model = Model::new(&[NEVER_CLAIMED; 2], 50, &[&[Happens, Happens], &[Happens]]);
        interleavings += Model { hints, ..model }.check_that(|stamps| kept(&stamps) == 2);
        let model = Model::new(&[NEVER_CLAIMED; 2], 50, &[&[Happens], &[Happens]]);
        interleavings += Model { hints, ..model }.check_that(|stamps| kept(&stamps) == 2);
    }
    println!("within one window: {interleavings} interleavings");
}

fn kept(stamps: &[BootNs]) -> usize {
    stamps.iter().filter(|stamp| **stamp != NEVER_CLAIMED).count()
}

/// The model has teeth: without the exchange the promise breaks, and it is seen.
#[test]
#[should_panic(expected = "broken by the stamps")]
fn a_store_instead_of_an_exchange_lets_one_through() {
    let store = |slot: &AtomicU64, _: BootNs, to: BootNs| {
        slot.store(to, Relaxed);
        true
    };
    Model { replace: store, ..Model::new(&[EXPIRED], 2, &[&[Happens], &[Happens]]) }.check();
}

/// A shelf of the name ledger in shared memory, with no more order between its parts than the trait promises.
struct Shared {
    tags: [AtomicU64; SPOTS],
    words: [AtomicU64; SPOTS],
}

impl Shelf for Shared {
    fn tag(&self, spot: usize) -> u64 {
        self.tags[spot].load(Relaxed)
    }
    fn set_tag(&self, spot: usize, tag: u64) {
        self.tags[spot].store(tag, Relaxed);
    }
    fn word(&self, spot: usize) -> u64 {
        self.words[spot].load(Relaxed)
    }
    fn replace(&self, spot: usize, from: u64, to: u64) -> bool {
        fence(SeqCst);
        let replaced = self.words[spot].compare_exchange(from, to, SeqCst, Relaxed).is_ok();
        fence(SeqCst);
        replaced
    }
}

#[test]
fn no_name_is_told_what_is_remembered_of_another() {
    loom::model(|| {
        // The name of tag 7 has the oldest spot.
        let shelf =
            Arc::new(Shared { tags: [7, 8].map(AtomicU64::new), words: [70, 80].map(AtomicU64::new) });
        let other = shelf.clone();
        let newcomer = thread::spawn(move || remember(&*other, 9, Some(90)));
        assert!(matches!(recall(&*shelf, 7), None | Some(70)));
        assert!(matches!(recall(&*shelf, 9), None | Some(90)));
        assert_eq!(recall(&*shelf, 8), Some(80));
        assert!(newcomer.join().expect("the other thread"));
        assert_eq!(recall(&*shelf, 9), Some(90));
    });
}

#[test]
fn a_name_that_two_remember_at_once_is_forgotten_at_once() {
    loom::model(|| {
        let shelf = Arc::new(Shared { tags: [0, 0].map(AtomicU64::new), words: [0, 0].map(AtomicU64::new) });
        let other = shelf.clone();
        let first = thread::spawn(move || remember(&*other, 9, Some(90)));
        let _ = remember(&*shelf, 9, Some(92)); // it may find no spot: that is no harm
        let _ = first.join().expect("the other thread");
        assert!(remember(&*shelf, 9, None));
        assert_eq!(recall(&*shelf, 9), None);
    });
}

/// The numbers of a grant.
struct Numbers([AtomicU64; NUMBERS]);

/// One of them.
struct One<'a>(&'a AtomicU64);

impl Number for One<'_> {
    fn left(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn replace(&self, from: u64, to: u64) -> bool {
        exchange(self.0, from, to)
    }

    fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Allowance for Numbers {
    fn take_one(&self, number: usize, all: bool) -> bool {
        grant::take_one(&One(&self.0[number]), all)
    }

    fn give_one(&self, number: usize) {
        grant::give_one(&One(&self.0[number]));
    }
}

/// Of two deletes and one recreate, and two operations in all, never more is admitted than that, and what was not is all
/// there again, whoever comes when and fails.
#[test]
fn a_grant_admits_no_more_than_it_says() {
    const LIVES: [&[(Kind, bool)]; 3] = [
        &[(Kind::Delete, true), (Kind::Recreate, true)],
        &[(Kind::Delete, false), (Kind::Recreate, true)],
        &[(Kind::Recreate, true), (Kind::Recreate, false)],
    ];
    let mut interleavings = 0;
    for (index, one) in LIVES.iter().enumerate() {
        for other in &LIVES[index..] {
            let runs = Arc::new(AtomicUsize::new(0));
            let count = runs.clone();
            loom::model(move || {
                count.fetch_add(1, Relaxed);
                admits(one, other);
            });
            interleavings += runs.load(Relaxed);
        }
    }
    println!("a grant, two threads: {interleavings} interleavings");
}

/// Two threads, and of each what kinds of operation it asks for and whether they happen.
fn admits(one: &'static [(Kind, bool)], other: &'static [(Kind, bool)]) {
    let given = |number| match number {
        number if number == Kind::Delete as usize || number == grant::ANY => 2,
        number if number == Kind::Recreate as usize => 1,
        _ => 0,
    };
    let numbers = Arc::new(Numbers(std::array::from_fn(|number| AtomicU64::new(given(number)))));
    let life = |acts: &'static [(Kind, bool)]| {
        let numbers = numbers.clone();
        move || {
            let mut admitted = Vec::new();
            for (kind, happens) in acts {
                let kinds = Kinds::of(*kind);
                if !grant::take(&*numbers, kinds) {
                    continue;
                }
                if *happens {
                    admitted.push(*kind);
                } else {
                    grant::give_back(&*numbers, kinds);
                }
            }
            admitted
        }
    };
    let thread = thread::spawn(life(other));
    let mut admitted = life(one)();
    admitted.extend(thread.join().unwrap());
    for number in 0..=grant::ANY {
        let used = admitted.iter().filter(|kind| number == grant::ANY || **kind as usize == number).count();
        let left = numbers.0[number].load(Relaxed);
        assert_eq!(left + used as u64, given(number), "{admitted:?}");
    }
}
