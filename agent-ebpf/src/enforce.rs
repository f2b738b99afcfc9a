//! What a verdict does to the process in front of us.

use agent_common::{rules::judge::Verdict, wire::Counter, wire::record::what};
use aya_ebpf::helpers::generated::bpf_send_signal_thread;

use crate::{actor::Actor, count::count, emit, lineage, maps::LINEAGE};

const SIGSTOP: u32 = 19;

/// A process that somebody continued and that is stopped again is reported again, but not more often than this (ns).
const REPORT_AGAIN: u64 = 100_000_000;

/// Carries out the verdict. This tier has one means: a stop that takes effect when the call is done. The agent never asks
/// it for anything else, so a verdict of the other tier here is one of our own faults, and lets the call pass.
#[inline(always)]
pub fn carry_out(verdict: Verdict, actor: &Actor) {
    if matches!(verdict, Verdict::Stop) {
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
    let Some(member) = LINEAGE.get_ptr_mut(actor.tgid()) else { return };
    // SAFETY: a live map entry; a race of two threads of one process can at most report the stop twice.
    let member = unsafe { &mut *member };
    let now = emit::now();
    let before = core::mem::replace(&mut member.stopped_at, now);
    if before == 0 || now.saturating_sub(before) > REPORT_AGAIN {
        member.stopped_ancestors = lineage::stopped_ancestors().unwrap_or_else(|_| {
            count(Counter::KernelRead);
            0
        });
        emit::event(actor, what::STOPPED);
    }
}
