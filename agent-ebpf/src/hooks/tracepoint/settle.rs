//! The end of every call that was judged at its start.

use agent_common::wire::record::verb;
use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use crate::{actor::Actor, decide, pending, read};

/// On the `sys_exit` of each of them.
#[tracepoint]
pub fn settle(ctx: TracePointContext) -> u32 {
    let Some(pending) = pending::under_way() else { return 0 };
    if let Some(actor) = Actor::of(pending.account) {
        decide::settle(&actor, pending, read::result(&ctx));
    }
    pending.verb = verb::NONE;
    0
}
