//! The end of every call that was judged at its start.

use agent_common::wire::record::verb;
use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use crate::{actor::Actor, decide, lineage, pending, read, tamper};

/// On the `sys_exit` of each of them.
#[tracepoint]
pub fn settle(ctx: TracePointContext) -> u32 {
    let _ = settle_call(&ctx); // false: it was of no concern
    0
}

/// The same of an open, which may also be one that only reads: nothing was judged then.
#[tracepoint]
pub fn settle_open(ctx: TracePointContext) -> u32 {
    let descriptor = read::result(&ctx);
    if !settle_call(&ctx)
        && descriptor >= 0
        && let Some(actor) = lineage::current()
        && let Ok(file) = read::open_file(descriptor as u32)
    {
        let _ = tamper::at_reading(&actor, file); // it has happened
    }
    0
}

/// Whether a call of the thread was under way.
#[inline(always)]
fn settle_call(ctx: &TracePointContext) -> bool {
    let Some(pending) = pending::under_way() else { return false };
    if let Some(actor) = Actor::of(pending.account) {
        decide::settle(&actor, pending, read::result(ctx));
    }
    pending.verb = verb::NONE;
    true
}
