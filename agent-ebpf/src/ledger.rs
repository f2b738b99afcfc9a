//! The kernel's memory for the pure rules: the name ledger, the slots of the budgets, the standing.

use core::{
    ffi::c_void,
    intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd},
};

use agent_common::{
    rules::{
        budget::Slots,
        ledger::{self, SPOTS, Shelf},
        name::{Name, State},
    },
    wire::{
        Counter,
        row::{Budget, name_from_word, name_to_word},
    },
};
use aya_ebpf::helpers::generated::bpf_loop;

use crate::{
    count::count,
    maps::{LEDGER, LEDGER_SHELVES, SLOTS},
};

/// A shelf of the name ledger.
#[repr(C)]
pub struct Spots {
    tags: [u64; SPOTS],
    words: [u64; SPOTS],
}

struct MapShelf(*mut Spots);

impl MapShelf {
    /// The shelf of a tag.
    #[inline(always)]
    fn of(tag: u64) -> Option<Self> {
        LEDGER.get_ptr_mut((tag >> 32) as u32 % LEDGER_SHELVES).map(Self)
    }
}

impl Shelf for MapShelf {
    #[inline(always)]
    fn tag(&self, spot: usize) -> u64 {
        // SAFETY: a live entry of an array map, here and below; volatile because other CPUs write it.
        unsafe { core::ptr::read_volatile(&raw const (*self.0).tags[spot % SPOTS]) }
    }

    #[inline(always)]
    fn set_tag(&self, spot: usize, tag: u64) {
        // SAFETY: as above.
        unsafe { core::ptr::write_volatile(&raw mut (*self.0).tags[spot % SPOTS], tag) }
    }

    #[inline(always)]
    fn word(&self, spot: usize) -> u64 {
        // SAFETY: as above.
        unsafe { core::ptr::read_volatile(&raw const (*self.0).words[spot % SPOTS]) }
    }

    #[inline(always)]
    fn replace(&self, spot: usize, from: u64, to: u64) -> bool {
        // SAFETY: as above.
        exchange(unsafe { &raw mut (*self.0).words[spot % SPOTS] }, from, to)
    }
}

/// What is remembered of a name, as it lies in the ledger: to be read by [`name_of`], or put back by [`put_back`].
#[inline(always)]
pub fn word(tag: u64) -> u64 {
    recall_word(tag)
}

/// What a word of the ledger says of a name; scratch from before `scratch_from` is forgotten.
#[inline(always)]
pub fn name_of(word: u64, scratch_from: u64) -> Option<Name> {
    if word == ledger::FREE {
        return None;
    }
    let name = name_from_word(word);
    let disowned = matches!(name.state, State::Scratch { .. }) && name.at < scratch_from;
    if disowned { None } else { Some(name) }
}

/// Puts back what was remembered before.
#[inline(always)]
pub fn put_back(tag: u64, word: u64) {
    let _ = remember_word(tag, word); // there was room for the name a moment ago
}

/// Remembers it.
#[inline(always)]
pub fn remember(tag: u64, name: Option<Name>) {
    if remember_word(tag, name.map_or(ledger::FREE, name_to_word)) == 0 {
        count(Counter::LedgerFailed);
    }
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn recall_word(tag: u64) -> u64 {
    MapShelf::of(tag).and_then(|shelf| ledger::recall(&shelf, tag)).unwrap_or(ledger::FREE)
}

/// Global: whether it could be done.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn remember_word(tag: u64, word: u64) -> u32 {
    let word = if word == ledger::FREE { None } else { Some(word) };
    u32::from(MapShelf::of(tag).is_some_and(|shelf| ledger::remember(&shelf, tag, word)))
}

/// One budget's slots in the common array.
pub struct MapSlots {
    budget: *mut Budget,
}

impl MapSlots {
    #[inline(always)]
    pub fn new(budget: *mut Budget) -> Self {
        Self { budget }
    }

    #[inline(always)]
    fn at(&self, slot: u32) -> Option<*mut u64> {
        // SAFETY: the budget is part of a live entry of an array map.
        SLOTS.get_ptr_mut(unsafe { (*self.budget).base }.wrapping_add(slot))
    }
}

impl Slots for MapSlots {
    #[inline(always)]
    fn len(&self) -> u32 {
        // SAFETY: as in `at`.
        unsafe { (*self.budget).count }
    }

    #[inline(always)]
    fn load(&self, slot: u32) -> u64 {
        // A slot that is not there is never free: our own fault must not open the budget.
        // SAFETY: a live entry of an array map; a volatile read because other CPUs write it.
        self.at(slot).map_or(u64::MAX, |slot| unsafe { core::ptr::read_volatile(slot) })
    }

    #[inline(always)]
    fn replace(&self, slot: u32, from: u64, to: u64) -> bool {
        self.at(slot).is_some_and(|slot| exchange(slot, from, to))
    }

    #[inline(always)]
    fn cursor(&self) -> u32 {
        // SAFETY: as in `at`; a hint, so a race over it is harmless.
        unsafe { core::ptr::read_volatile(&raw const (*self.budget).cursor) }
    }

    #[inline(always)]
    fn set_cursor(&self, slot: u32) {
        // SAFETY: as in `cursor`.
        unsafe { core::ptr::write_volatile(&raw mut (*self.budget).cursor, slot) }
    }

    #[inline(always)]
    fn repeat(&self, most: u32, mut step: impl FnMut() -> bool) {
        repeat(most, &mut |_| step());
    }
}

/// Calls `step` with 0, 1, … until it answers `true`, at most `most` times.
#[inline(always)]
pub fn repeat<F: FnMut(u32) -> bool>(most: u32, step: &mut F) {
    let call: extern "C" fn(u32, *mut c_void) -> i64 = call_step::<F>;
    // SAFETY: the callback is handed the closure that it is an instance for, which outlives the loop.
    let _ = unsafe { bpf_loop(most, call as *mut c_void, core::ptr::from_mut(step).cast(), 0) };
}

extern "C" fn call_step<F: FnMut(u32) -> bool>(index: u32, step: *mut c_void) -> i64 {
    // SAFETY: see `repeat`.
    i64::from(unsafe { (*step.cast::<F>())(index) })
}

/// Puts `to` into a word of a map if it still holds `from`; whether it did.
#[inline(always)]
pub fn exchange(word: *mut u64, from: u64, to: u64) -> bool {
    // SAFETY: the word lies in a live map entry, aligned. `AtomicU64` has no compare-exchange on this target.
    unsafe { atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(word, from, to).1 }
}

/// Adds to a word of a map, wrapping. Its former value cannot be told on this target.
#[inline(always)]
pub fn add(word: *mut u64, much: u64) {
    // SAFETY: the word lies in a live map entry, aligned.
    let _ = unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(word, much) };
}

/// Adds one.
#[inline(always)]
pub fn add_one(word: *mut u64) {
    add(word, 1);
}
