//! Room to work at, too large for the stack: for a path, for the state of its resolution, for new entries of maps.
//!
//! A desk belongs to whoever has claimed it until it is released. One for each CPU would do for tracepoint programs, which run
//! with preemption off; in the midst of a program of the lsm tier another thread may take the CPU and run the same.

use agent_common::wire::{Counter, row::DESKS};
use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;

use crate::{count::count, ledger, maps::SCRATCH, path::Scratch};

/// A desk, by its number.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Desk(pub u32);

impl Desk {
    /// A free one of this CPU's.
    #[inline(always)]
    pub fn claim() -> Option<Self> {
        let number = claim_number();
        if number == u32::MAX {
            count(Counter::ScratchMissing);
            return None;
        }
        Some(Self(number))
    }

    /// What is on it. Looked up again after every walk and in every step: the callback of `bpf_loop` cannot be handed it, and a
    /// reference kept over a walk would tell the compiler that nothing changes meanwhile.
    #[inline(always)]
    pub fn scratch(self) -> Option<&'static mut Scratch> {
        // SAFETY: claimed by this program run alone; no two references from here are used across each other's lives.
        SCRATCH.get_ptr_mut(self.0).map(|scratch| unsafe { &mut *scratch })
    }

    /// Leaves it to others.
    #[inline(always)]
    pub fn release(self) {
        if let Some(scratch) = SCRATCH.get_ptr_mut(self.0) {
            // SAFETY: a live map entry; volatile because other CPUs read it.
            unsafe { core::ptr::write_volatile(&raw mut (*scratch).taken, 0) }
        }
    }
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn claim_number() -> u32 {
    // SAFETY: a helper without arguments.
    let first = unsafe { bpf_get_smp_processor_id() }.wrapping_mul(DESKS);
    // Not a loop: its counter has no bound that the verifier of Linux 6.1 could see.
    const { assert!(DESKS == 4) };
    if take(first) {
        first
    } else if take(first.wrapping_add(1)) {
        first.wrapping_add(1)
    } else if take(first.wrapping_add(2)) {
        first.wrapping_add(2)
    } else if take(first.wrapping_add(3)) {
        first.wrapping_add(3)
    } else {
        u32::MAX
    }
}

#[inline(always)]
fn take(number: u32) -> bool {
    // SAFETY: a live map entry.
    SCRATCH
        .get_ptr_mut(number)
        .is_some_and(|scratch| ledger::exchange(unsafe { &raw mut (*scratch).taken }, 0, 1))
}
