//! What keeps the agent whole, and what it has put into the kernel: no process of a lineage signals it, looks into it, takes from it what it
//! needs, or gets hold of its maps, programs and attachments.

use agent_common::wire::{record::thing, row::own};
use aya_ebpf::{bindings::BPF_ANY, macros::lsm, programs::LsmContext};

use super::{number, object};
use crate::{
    ask::{ALLOW, EPERM},
    command, lineage,
    maps::OWN,
    offsets::{HOOKS, OFFSETS},
    read::{Kernel, Unread},
    tamper,
};

/// Something is done to the task that is the hook's first argument.
#[inline(always)]
fn to(ctx: &LsmContext, thing: u32) -> i32 {
    match lineage::current() {
        Some(actor) if lineage::is_agent(object(ctx, 0)) => tamper::with(&actor, thing),
        _ => ALLOW,
    }
}

/// Also where its memory is written to by another way, or a descriptor of its taken. What only shows how it does is free.
#[lsm(hook = "ptrace_access_check")]
pub fn ptrace_access_check(ctx: LsmContext) -> i32 {
    // https://github.com/torvalds/linux/blob/v6.12/include/linux/ptrace.h#L62
    const PTRACE_MODE_ATTACH: u32 = 2;
    if number(&ctx, 1) & PTRACE_MODE_ATTACH == 0 {
        return ALLOW;
    }
    // What was approved is what runs: nobody of the lineage changes it while it waits.
    let is_waiting = |task: Kernel| task.field(OFFSETS.task_tgid()).is_ok_and(command::is_waiting);
    if lineage::current().is_some() && is_waiting(object(&ctx, 0)) {
        return EPERM;
    }
    to(&ctx, thing::TRACE)
}

#[lsm(hook = "task_setscheduler")]
pub fn task_setscheduler(ctx: LsmContext) -> i32 {
    to(&ctx, thing::LIMITS)
}

#[lsm(hook = "task_setnice")]
pub fn task_setnice(ctx: LsmContext) -> i32 {
    to(&ctx, thing::LIMITS)
}

#[lsm(hook = "task_setioprio")]
pub fn task_setioprio(ctx: LsmContext) -> i32 {
    to(&ctx, thing::LIMITS)
}

#[lsm(hook = "task_setrlimit")]
pub fn task_setrlimit(ctx: LsmContext) -> i32 {
    to(&ctx, thing::LIMITS)
}

#[lsm(hook = "task_movememory")]
pub fn task_movememory(ctx: LsmContext) -> i32 {
    to(&ctx, thing::LIMITS)
}

/// Somebody gets a descriptor of a map: a new one, by its id or by a pin.
#[lsm(hook = "bpf_map")]
pub fn bpf_map(ctx: LsmContext) -> i32 {
    descriptor_of(own::MAP, || object(&ctx, 0).field(HOOKS.map_id()))
}

#[lsm(hook = "bpf_prog")]
pub fn bpf_prog(ctx: LsmContext) -> i32 {
    descriptor_of(own::PROGRAM, || object(&ctx, 0).follow(HOOKS.program_aux())?.field(HOOKS.aux_id()))
}

/// Those that the agent makes are its own from their beginning: the next generation's too, before that one's programs run.
#[inline(always)]
fn descriptor_of(kind: u32, id: impl FnOnce() -> Result<u32, Unread>) -> i32 {
    let tracked = lineage::current();
    if tracked.is_none() && !lineage::is_agent_here() {
        return ALLOW;
    }
    let Ok(id) = id() else { return ALLOW };
    match tracked {
        Some(actor) if is_own(kind, id) => tamper::with(&actor, thing::BPF),
        Some(_) => ALLOW,
        None => {
            let _ = OWN.insert([kind, id], 0, u64::from(BPF_ANY)); // the agent does the same of what is in force
            ALLOW
        }
    }
}

#[inline(always)]
fn is_own(kind: u32, id: u32) -> bool {
    // SAFETY: whether there is an entry, not what it holds.
    unsafe { OWN.get([kind, id]) }.is_some()
}

/// An attachment is asked for by its id: no hook comes with its descriptor. By its pin one can be had too, which is worth nothing: the kernel
/// neither ends nor changes an attachment of these kinds by a descriptor.
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/syscall.c#L5245>
#[lsm(hook = "bpf")]
pub fn bpf(ctx: LsmContext) -> i32 {
    // https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h#L918
    const BPF_LINK_GET_FD_BY_ID: u32 = 30;
    if number(&ctx, 0) != BPF_LINK_GET_FD_BY_ID {
        return ALLOW;
    }
    let Some(actor) = lineage::current() else { return ALLOW };
    match object(&ctx, HOOKS.bpf_attributes()).field::<u32>(0) {
        Ok(id) if is_own(own::LINK, id) => tamper::with(&actor, thing::BPF),
        _ => ALLOW,
    }
}
