//! The system calls, for kernels that let no program be asked before an operation: a call is judged when it starts and
//! settled when it is done. Only the calls that matter, since a tracepoint on every call would tax every process.

mod create;
mod mark;
mod remove;
mod rename;
mod settle;
mod truncate;

use agent_common::wire::Counter;
use aya_ebpf::programs::TracePointContext;

use crate::{
    count::count,
    decide::{self, Call},
    lineage, read,
};

/// What every `sys_enter` program does: nothing for an untracked process, else judge the call that its arguments mean.
#[inline(always)]
fn enter(ctx: &TracePointContext, call: impl FnOnce([u64; 5]) -> Option<Call>) -> u32 {
    if let Some(actor) = lineage::current() {
        match read::arguments(ctx) {
            Ok(arguments) => match call(arguments) {
                Some(call) => decide::begin(&actor, &call),
                None => decide::pass(&actor),
            },
            Err(read::Unread) => count(Counter::KernelRead),
        }
    }
    0
}
