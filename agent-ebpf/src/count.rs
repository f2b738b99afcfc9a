//! What went wrong, or could not be known, is counted by name; the agent publishes the counters, and logs the faults among them.

use agent_common::wire::Counter;

use crate::maps::COUNTERS;

/// Counts one.
#[inline(always)]
pub fn count(counter: Counter) {
    // SAFETY: the row is this CPU's own and programs that reach it do not nest.
    let Some(counts) = COUNTERS.get_ptr_mut(0).map(|counts| unsafe { &mut *counts }) else { return };
    counts[counter as usize] += 1;
}
