//! "At most N in any window of W", exactly, with any number of CPUs charging at once.
//!
//! A budget is N slots, each holding the time of the operation that claimed it last. A slot may be claimed only when
//! that time lies at least W back, and only by a compare-exchange that finds it unchanged. So two claims of one slot are
//! always W apart, any window of W holds at most one claim of each, and N slots admit at most N: no order of slots, no
//! lock and no single counter is needed for that, and a claim that a failed operation gives back cannot disturb it.
//!
//! The cursor is only a hint where the oldest claim lies. A wrong hint costs time, never correctness.

use super::BootNs;

/// The most slots that a budget may have: what one search may cost.
pub const MAX_SLOTS: u32 = 1024;

/// The memory of one budget. Implemented over a BPF map, over [`core::sync::atomic::AtomicU64`], and for model checking.
pub trait Slots {
    /// How many slots there are, at most [`MAX_SLOTS`].
    fn len(&self) -> u32;
    /// Whether there are none: then every operation is over the budget.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The time in a slot; 0 if it was never claimed.
    fn load(&self, slot: u32) -> BootNs;
    /// Puts `to` into the slot if it still holds `from`; whether it did.
    fn replace(&self, slot: u32, from: BootNs, to: BootNs) -> bool;
    /// Where the next free slot is likely to be.
    fn cursor(&self) -> u32;
    /// Remembers where the next free slot is likely to be.
    fn set_cursor(&self, slot: u32);
    /// Calls `step` until it answers `true`, at most `most` times. The kernel has a loop of its own for this, which its
    /// verifier follows once instead of [`MAX_SLOTS`] times.
    #[inline(always)]
    fn repeat(&self, most: u32, mut step: impl FnMut() -> bool) {
        for _ in 0..most {
            if step() {
                break;
            }
        }
    }
}

/// What a budget measures by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// W, in nanoseconds.
    pub length: u64,
    /// Claims made before this time do not count: an approval moves it instead of rewriting slots.
    pub not_before: BootNs,
}

impl Window {
    /// Whether a slot that was claimed at `stamp` is free again. A stamp later than `now` (its claimant read the clock
    /// after us and claimed before us) is as fresh as can be.
    #[must_use]
    #[inline(always)]
    pub const fn is_over(self, stamp: BootNs, now: BootNs) -> bool {
        stamp == 0 || stamp < self.not_before || now.saturating_sub(stamp) >= self.length
    }
}

/// Whether one more operation fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It fits.
    Within,
    /// It would be one too many.
    Over,
}

/// A slot held by one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which slot.
    pub slot: u32,
    /// The time of the operation.
    pub stamp: BootNs,
    /// What the slot held before.
    pub before: BootNs,
}

/// Whether there is room, without taking any.
#[must_use]
#[inline(always)]
pub fn peek(slots: &impl Slots, window: Window, now: BootNs) -> Room {
    let length = slots.len();
    let mut slot = slots.cursor();
    let mut room = Room::Over;
    slots.repeat(length, || {
        slot = wrapped(slot, length);
        if window.is_over(slots.load(slot), now) {
            room = Room::Within;
            return true;
        }
        slot += 1;
        false
    });
    room
}

/// Claims a slot for an operation at `now`, or says that none is free.
///
/// A slot lost to another claimant is passed by: then that one has it for a whole window.
#[must_use]
#[inline(always)]
pub fn charge(slots: &impl Slots, window: Window, now: BootNs) -> Option<Claim> {
    let length = slots.len();
    let mut slot = slots.cursor();
    let mut claim = None;
    slots.repeat(length, || {
        slot = wrapped(slot, length);
        let before = slots.load(slot);
        if window.is_over(before, now) && slots.replace(slot, before, now) {
            slots.set_cursor(slot + 1);
            claim = Some(Claim { slot, stamp: now, before });
            return true;
        }
        slot += 1;
        false
    });
    claim
}

/// Gives the slot of an operation that did not happen back, unless somebody else has claimed it since.
#[inline(always)]
pub fn give_back(slots: &impl Slots, claim: Claim) {
    if slots.replace(claim.slot, claim.stamp, claim.before) {
        slots.set_cursor(claim.slot);
    }
}

#[inline(always)]
const fn wrapped(slot: u32, length: u32) -> u32 {
    if slot >= length { 0 } else { slot }
}

#[cfg(test)]
mod tests;
