//! The calls under way: a thread's own entry in `PENDING`.

use agent_common::wire::record::verb;
use aya_ebpf::{bindings::BPF_NOEXIST, helpers::bpf_get_current_pid_tgid};

use crate::{actor::Actor, call::Pending, desk::Desk, maps::PENDING, offsets::OFFSETS, read};

/// A thread's entry, if it has one: this thread's own.
#[inline(always)]
pub fn of_thread(tid: u32) -> Option<&'static mut Pending> {
    // SAFETY: a live map entry, and this thread's own.
    PENDING.get_ptr_mut(tid).map(|own| unsafe { &mut *own })
}

/// The current thread's entry, and the process as one of the account.
#[inline(always)]
pub fn of_current<T>(account: u32, work: impl FnOnce(&Actor, &mut Pending) -> T) -> Option<T> {
    let pending = of_thread(bpf_get_current_pid_tgid() as u32)?;
    Actor::of(account).map(|actor| work(&actor, pending))
}

/// The thread's room for a call under way, and whether it lasts until the call is done: if not, it is on the desk.
#[inline(always)]
pub fn room(tid: u32, desk: Desk) -> Option<(&'static mut Pending, bool)> {
    if let Some(own) = of_thread(tid) {
        return Some((own, true));
    }
    let draft = &mut desk.scratch()?.pending;
    let entry: &Pending = draft; // by reference: a copy would fill the stack
    let _ = PENDING.insert(tid, entry, u64::from(BPF_NOEXIST)); // full: the look-up tells
    match of_thread(tid) {
        Some(own) => Some((own, true)),
        None => Some((draft, false)),
    }
}

/// Whether a call of the current thread is under way, not of one that had its id before.
#[inline(always)]
pub fn is_own(pending: &Pending) -> bool {
    pending.verb != verb::NONE && pending.thread_start == thread_start()
}

/// The current thread's call, whatever its stage.
#[inline(always)]
pub fn under_way() -> Option<&'static mut Pending> {
    of_thread(bpf_get_current_pid_tgid() as u32).filter(|pending| is_own(pending))
}

/// The current thread's call, if it has come to this stage.
#[inline(always)]
pub fn at(stage: u32) -> Option<&'static mut Pending> {
    under_way().filter(|pending| pending.stage == stage)
}

/// When the current thread started.
#[inline(always)]
pub fn thread_start() -> u64 {
    read::current().field(OFFSETS.task_start_boottime())
}
