//! The end of every call that was judged at its start.

use agent_common::wire::Counter;
use aya_ebpf::{helpers::bpf_get_current_pid_tgid, macros::tracepoint, programs::TracePointContext};

use crate::{count::count, decide, lineage, maps::PENDING, read};

/// On the `sys_exit` of each of them.
#[tracepoint]
pub fn settle(ctx: TracePointContext) -> u32 {
    let thread = bpf_get_current_pid_tgid();
    let Some(pending) = PENDING.get_ptr_mut(thread) else { return 0 };
    match (lineage::current(), read::result(&ctx)) {
        // SAFETY: a live map entry, and this thread's own.
        (Some(actor), Ok(result)) => decide::settle(&actor, unsafe { &mut *pending }, result),
        (_, Err(read::Unread)) => count(Counter::KernelRead),
        (None, Ok(_)) => {}
    }
    let _ = PENDING.remove(thread); // it was there a moment ago, and only this thread removes it
    0
}
