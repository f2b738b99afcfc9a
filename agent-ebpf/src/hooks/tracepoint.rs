//! The system calls, for kernels that let no program be asked before an operation: a call is judged when it starts and
//! settled when it is done. Only the calls that matter, since a tracepoint on every call would tax every process. In `ring`, the same of
//! what is handed over to an io_uring.

mod create;
mod mark;
mod remove;
mod rename;
mod ring;
mod settle;
mod truncate;
mod way;

use agent_common::wire::Counter;
use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use crate::{
    actor::Actor,
    call::{Asked, Call},
    count::count,
    decide, lineage,
    maps::{CALL, JUDGE},
    read,
};

/// What every `sys_enter` program does: nothing for an untracked process, else hand the call that its arguments mean to
/// `begin`. By tail call, so that the judge is one program of its own and is verified once, not with each hook.
#[inline(always)]
fn enter(ctx: &TracePointContext, call: impl FnOnce([u64; 5]) -> Call) -> u32 {
    if let Some(actor) = lineage::current() {
        let Some(slot) = CALL.get_ptr_mut(0) else {
            count(Counter::ScratchMissing);
            return 0;
        };
        // SAFETY: this CPU's own entry, and `begin` reads it before anything else can run here.
        unsafe { *slot = Asked { account: actor.index, call: call(read::arguments(ctx)) } };
        // SAFETY: the program in the array is of this type. A call that succeeds does not return.
        unsafe { JUDGE.tail_call(ctx, 0) };
        count(Counter::JudgeMissing);
    }
    0
}

/// The start of a call that a hook has understood; reached by tail call only.
#[tracepoint]
pub fn begin(_: TracePointContext) -> u32 {
    // SAFETY: see `enter`.
    if let Some(asked) = CALL.get_ptr(0).map(|asked| unsafe { &*asked })
        && let Some(actor) = Actor::of(asked.account)
    {
        decide::begin(&actor, &asked.call);
    }
    0
}
