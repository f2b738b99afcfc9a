//! The calls under way: a thread's own entry in `PENDING`. What an io_uring does is kept apart until it is done, and settled in the
//! entry of the thread that finds it so.

use agent_common::wire::record::verb;
use aya_ebpf::{
    bindings::{BPF_ANY, BPF_NOEXIST},
    helpers::bpf_get_current_pid_tgid,
};

use crate::{
    actor::Actor,
    call::Pending,
    desk::Desk,
    maps::{PENDING, REQUESTS},
    offsets::{OFFSETS, RING},
    read,
};

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

/// Keeps what a request to an io_uring is, until it is done; whether it could.
#[inline(always)]
pub fn keep(request: u64, pending: &Pending) -> bool {
    REQUESTS.insert(request, pending, u64::from(BPF_ANY)).is_ok()
}

/// A request that is done, if it was kept: `settle` takes it as the current thread's own call. Whether it could: not in the midst of
/// another one, nor in another process, whose request lies where that one lay.
#[inline(always)]
pub fn done(request: u64, settle: impl FnOnce(&Actor, &mut Pending)) -> Option<bool> {
    // SAFETY: a live map entry, which goes with the request, and that is done once.
    let kept = REQUESTS.get_ptr(request).map(|kept| unsafe { &*kept })?;
    let is_settled = settle_here(kept, settle).is_some();
    let _ = REQUESTS.remove(request); // it was there a moment ago
    Some(is_settled)
}

#[inline(always)]
fn settle_here(kept: &Pending, settle: impl FnOnce(&Actor, &mut Pending)) -> Option<()> {
    let actor = Actor { thread: kept.thread, ..Actor::of(kept.account)? };
    if !actor.is_here() && !is_kernel_thread() {
        return None;
    }
    let tid = bpf_get_current_pid_tgid() as u32;
    let was_there = match of_thread(tid) {
        Some(own) if is_own(own) => return None,
        own => own.is_some(),
    };
    PENDING.insert(tid, kept, u64::from(BPF_ANY)).ok()?;
    let own = of_thread(tid)?;
    settle(&actor, own);
    own.verb = verb::NONE;
    if !was_there {
        // The kernel may tell what a thread has handed over when that has ended: then nobody else takes it off.
        let _ = PENDING.remove(tid); // it was there a moment ago
    }
    Some(())
}

/// Whether the current thread is one of the kernel's own: it carries on what a process leaves behind.
#[inline(always)]
fn is_kernel_thread() -> bool {
    // https://github.com/torvalds/linux/blob/v6.12/include/linux/sched.h
    const PF_KTHREAD: u32 = 0x20_0000;
    read::current().field::<u32>(RING.task_flags()) & PF_KTHREAD != 0
}

/// A new request lies where an older one lay, whose end nobody has seen; whether there was one.
#[inline(always)]
pub fn forget(request: u64) -> bool {
    REQUESTS.get_ptr(request).is_some() && REQUESTS.remove(request).is_ok()
}

/// When the current thread started.
#[inline(always)]
pub fn thread_start() -> u64 {
    read::current().field(OFFSETS.task_start_boottime())
}
