//! The life of processes. Raw tracepoints, because fork, exec and exit are not always system calls of their own (clone,
//! clone3, vfork, execveat, a fatal signal), and because their arguments are the kernel's own objects.

use agent_common::wire::{Counter, record::thing};
use aya_ebpf::{
    EbpfContext,
    helpers::bpf_get_current_pid_tgid,
    macros::{raw_tracepoint, tracepoint},
    programs::{RawTracePointContext, TracePointContext},
};

use crate::{
    actor::Actor,
    command,
    count::count,
    decide, emit, enforce, identity,
    lineage::{self, Seen},
    maps::{HELD, LINEAGE, PENDING},
    members,
    offsets::{OFFSETS, RING},
    read::{self, Kernel, Unread},
    tamper,
};

/// A child exists and does not run yet.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn fork(ctx: RawTracePointContext) -> i32 {
    if let Some(parent) = lineage::current() {
        match read::argument(&ctx, OFFSETS.fork_child()).and_then(|child| lineage::inherit(&parent, child)) {
            Ok(true) => {}
            Ok(false) => {
                // No security module refused it: at least its parent makes no more of them.
                count(Counter::LineageFull);
                enforce::stop(&parent);
            }
            Err(Unread) => count(Counter::KernelRead),
        }
    }
    if let Ok(child) = read::argument(&ctx, OFFSETS.fork_child())
        && identity::born_elsewhere(child)
    {
        lineage::identify_other(child, identity::in_group(child));
    }
    0
}

/// A process was put into another control group.
#[raw_tracepoint(tracepoint = "cgroup_attach_task")]
pub fn change_group(ctx: RawTracePointContext) -> i32 {
    if let Ok(task) = read::argument(&ctx, OFFSETS.group_task()) {
        lineage::identify_other(task, identity::in_group(task));
        // A group may be frozen or ended as one, and nothing asks before.
        if let Some(actor) = lineage::current()
            && lineage::is_agent(task)
        {
            tamper::tell(&actor, thing::GROUP);
        }
    }
    0
}

/// The new program is in place and has not run yet: a stop here comes before its first instruction.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn exec(ctx: RawTracePointContext) -> i32 {
    if let Some(actor) = lineage::identify(identity::at_exec(&ctx)) {
        forget_old_thread(&ctx, &actor);
        decide::pass(&actor);
        command::at_exec(&actor, &ctx);
        if is_compat(&ctx) {
            count(Counter::Compat);
            emit::blind(&actor, Counter::Compat as u32);
        }
    }
    0
}

/// A thread that is not the leader takes the leader's id when it runs a program. What there is under its old one would
/// stay behind.
#[inline(always)]
fn forget_old_thread(ctx: &impl EbpfContext, actor: &Actor) {
    if let Ok(Kernel(old)) = read::argument(ctx, OFFSETS.exec_old_pid())
        && old as u32 != actor.tid()
    {
        // Absent: it has touched nothing protected, and does not wait.
        let _ = (PENDING.remove(old as u32), HELD.remove(old as u32), members::release(old as u32));
    }
}

/// Whether the program is a 32-bit one: the `syscalls` events leave its calls out.
#[inline(always)]
fn is_compat(ctx: &impl EbpfContext) -> bool {
    const EI_CLASS: u32 = 4;
    const ELFCLASS32: u8 = 1;
    let class = read::argument(ctx, OFFSETS.exec_bprm())
        .and_then(|bprm| bprm.within(OFFSETS.bprm_buf()).field::<u8>(EI_CLASS));
    matches!(class, Ok(ELFCLASS32))
}

/// A thread ends; with the last one, the process.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn exit(_: RawTracePointContext) -> i32 {
    let thread = bpf_get_current_pid_tgid();
    let (tgid, tid) = ((thread >> 32) as u32, thread as u32);
    // Each by itself: of two last threads, one may find that the other has taken the process off already.
    if PENDING.get_ptr(tid).is_some() {
        let _ = PENDING.remove(tid); // it was there a moment ago, and only this thread removes it
    }
    if HELD.get_ptr(tid).is_some() {
        let _ = HELD.remove(tid); // as above
    }
    members::release(tid);
    if LINEAGE.get_ptr(tgid).is_some() {
        lineage::leave(tgid);
    }
    0
}

/// setuid, setreuid, setresuid are done. There is no tracepoint below the system calls.
#[tracepoint]
pub fn set_user(ctx: TracePointContext) -> u32 {
    if read::result(&ctx) == 0 {
        let _ = lineage::identify(lineage::by_user(Seen::SetUser));
    }
    0
}

/// A process is about to make a child. A stop that pends here makes the kernel abandon the call before there is a child
/// and repeat it when the process is continued (copy_process() answers -ERESTARTNOINTR while a signal is pending:
/// https://github.com/torvalds/linux/blob/v6.12/kernel/fork.c#L2200), so a tripped account's fork storm ends at once.
#[tracepoint]
pub fn steer(_: TracePointContext) -> u32 {
    if let Some(actor) = lineage::current() {
        decide::pass(&actor);
    }
    0
}

/// A process is about to signal or trace another: whoever continues a stopped process of its own account is stopped too. And it is told if
/// that is the agent.
#[tracepoint]
pub fn reach(ctx: TracePointContext) -> u32 {
    // https://github.com/torvalds/linux/blob/v6.12/arch/x86/entry/syscalls/syscall_64.tbl: `ptrace(request, pid)`, and those of whole processes with
    // the process first, but for one that has a descriptor.
    const PTRACE: u32 = 101;
    const PIDFD_SEND_SIGNAL: u32 = 424;
    let Some(actor) = lineage::current() else { return 0 };
    decide::pass(&actor);
    let number = read::call(&ctx);
    let [first, second, ..] = read::arguments(&ctx);
    let (whom, is_nothing) = if number == PTRACE { (second, false) } else { (first, second == 0) };
    if number != PIDFD_SEND_SIGNAL && !is_nothing && lineage::is_agents_id(whom as u32) {
        tamper::tell(&actor, if number == PTRACE { thing::TRACE } else { thing::SIGNAL });
    }
    0
}

/// A tracked process makes an io_uring: where this kernel does not tell what goes through it, or the agent does not know how, it cannot
/// be seen in this tier.
#[tracepoint]
pub fn make_ring(_: TracePointContext) -> u32 {
    if let Some(actor) = lineage::current() {
        decide::pass(&actor);
        if !RING.are_known() {
            count(Counter::IoUring);
            emit::blind(&actor, Counter::IoUring as u32);
        }
    }
    0
}
