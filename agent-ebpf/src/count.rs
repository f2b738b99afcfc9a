//! What went wrong, or could not be known, is counted by name; the agent publishes the counters, and logs the faults among them.

use agent_common::wire::Counter;

use crate::{ledger::add_one, maps::COUNTERS};

/// Counts one, atomically: the row is this CPU's own, but a program keeps its CPU and not its turn, so another thread may count there in
/// the midst of it.
#[inline(always)]
pub fn count(counter: Counter) {
    let Some(counts) = COUNTERS.get_ptr_mut(0) else { return };
    // SAFETY: every counter is an index in the row, which is a map's.
    add_one(unsafe { &raw mut (*counts)[counter as usize] });
}
