//! The end of every call that was judged at its start.

use agent_common::wire::record::verb;
use aya_ebpf::{helpers::bpf_get_current_pid_tgid, macros::tracepoint, programs::TracePointContext};

use crate::{actor::Actor, decide, maps::PENDING, offsets::OFFSETS, read};

/// On the `sys_exit` of each of them.
#[tracepoint]
pub fn settle(ctx: TracePointContext) -> u32 {
    let Some(pending) = PENDING.get_ptr_mut(bpf_get_current_pid_tgid() as u32) else { return 0 };
    // SAFETY: a live map entry, and this thread's own.
    let pending = unsafe { &mut *pending };
    if pending.verb == verb::NONE {
        return 0;
    }
    if pending.thread_start == read::current().field::<u64>(OFFSETS.task_start_boottime())
        && let Some(actor) = Actor::of(pending.account)
    {
        decide::settle(&actor, pending, read::result(&ctx));
    }
    pending.verb = verb::NONE;
    0
}
