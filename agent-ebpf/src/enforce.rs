//! What a verdict does to the process in front of us.

use agent_common::{rules::judge::Verdict, wire::Counter, wire::record::what};
use aya_ebpf::helpers::generated::{bpf_send_signal, bpf_send_signal_thread};

use crate::{actor::Actor, count::count, emit, lineage, maps::LINEAGE};

const SIGKILL: u32 = 9;
const SIGSTOP: u32 = 19;

/// A process that somebody continued and that is stopped again is reported again, but not more often than this (ns).
const REPORT_AGAIN: u64 = 100_000_000;

/// Carries out the verdict. This tier has one means: a stop that takes effect when the call is done. The agent never asks
/// it for anything else, so a verdict of the other tier here is one of our own faults, and lets the call pass. So does what the kernel
/// carries out in a thread of its own, for a process that has ended.
#[inline(always)]
pub fn carry_out(verdict: Verdict, actor: &Actor) {
    if matches!(verdict, Verdict::Stop) && actor.is_here() {
        stop(actor);
    }
}

/// Stops every thread of the current process, on its way out of the kernel.
#[inline(never)]
pub fn stop(actor: &Actor) {
    // To this thread, which stops them all. A signal to the process is one for all its threads: while the thread that got
    // it waits for a CPU, it is not sent again, and the others go on
    // (https://github.com/torvalds/linux/blob/v6.12/kernel/signal.c#L1089).
    // SAFETY: the helper signals the current thread; it refuses kernel threads and the global init.
    if unsafe { bpf_send_signal_thread(SIGSTOP) } != 0 {
        count(Counter::SignalRefused);
        return;
    }
    let now = emit::now();
    let is_news = |before: u64| before == 0 || now.saturating_sub(before) > REPORT_AGAIN;
    if is_news(note_stop(actor, now, is_news)) {
        emit::event(actor, what::STOPPED);
    }
}

/// Ends the current process before it does anything more.
#[inline(always)]
pub fn kill() {
    // SAFETY: the helper signals the current process; it refuses kernel threads and the global init.
    if unsafe { bpf_send_signal(SIGKILL) } != 0 {
        count(Counter::SignalRefused);
    }
}

/// Notes that the process is stopped; when it was last, 0 for never. Who was stopped before it is looked at only if `afresh`:
/// once it has been stopped, its wrappers are so because of it.
#[inline(always)]
pub fn note_stop(actor: &Actor, now: u64, afresh: impl FnOnce(u64) -> bool) -> u64 {
    let Some(member) = LINEAGE.get_ptr_mut(actor.tgid()) else { return now };
    // SAFETY: a live map entry; a race of two threads of one process can at most report the stop twice.
    let member = unsafe { &mut *member };
    let before = core::mem::replace(&mut member.stopped_at, now);
    if afresh(before) {
        member.stopped_ancestors = lineage::stopped_ancestors().unwrap_or_else(|_| {
            count(Counter::KernelRead);
            0
        });
    }
    before
}

/// Notes that the process goes on.
#[inline(always)]
pub fn note_going(actor: &Actor) {
    if let Some(member) = LINEAGE.get_ptr_mut(actor.tgid()) {
        // SAFETY: as above.
        unsafe { (*member).stopped_at = 0 }
    }
}
