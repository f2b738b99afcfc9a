//! What went wrong, or could not be known, is counted by name; the agent publishes the counters.

use agent_common::wire::Counter;
use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;

use crate::maps::COUNTERS;

/// Counts one.
#[inline(always)]
pub fn count(counter: Counter) {
    let _ = count_one(counter as u32, u32::from(counter.is_fault()));
}

/// Global. A fault is logged as well, at its 1st, 2nd, 4th, 8th … time on a CPU, so that a storm of them cannot flood the
/// log.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn count_one(index: u32, fault: u32) -> u32 {
    // SAFETY: the row is this CPU's own and programs that reach it do not nest.
    let Some(counts) = COUNTERS.get_ptr_mut(0).map(|counts| unsafe { &mut *counts }) else { return 0 };
    let count = &mut counts[index as usize % counts.len()];
    *count += 1;
    let now = *count;
    if fault != 0 && now & (now - 1) == 0 {
        // SAFETY: a helper without arguments.
        let cpu = unsafe { bpf_get_smp_processor_id() };
        aya_log_ebpf::warn!((), "kernel programs: fault {} counted {} times on cpu {}", index, now, cpu);
    }
    0
}
