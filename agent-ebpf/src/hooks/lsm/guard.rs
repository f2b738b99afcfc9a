//! What keeps the hold whole: nobody of a lineage continues what waits or makes a child that is not of it, and a mark does not outlive
//! its inode.

use agent_common::{
    rules::judge::Phase,
    wire::{
        Counter,
        record::thing,
        row::{Member, node},
    },
};
use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid,
    macros::{fexit, lsm},
    programs::{FExitContext, LsmContext},
};

use super::{number, object};
use crate::{
    actor::Actor,
    ask::{ALLOW, EPERM},
    command,
    count::count,
    emit, lineage,
    maps::{LINEAGE, MARKS, MOVED},
    members,
    offsets::{HOOKS, OFFSETS},
    read::{Kernel, Unread},
    tamper,
};

const SIGCONT: u32 = 18;
const CLONE_THREAD: u32 = 0x10000;
/// What `fork` answers where there are too many processes.
const EAGAIN: i32 = -11;
/// The signals that are sent to end a process, by their bits: HUP, INT, QUIT, ABRT, TERM.
const ENDING: u64 = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 5 | 1 << 14;

/// A process of a lineage signals another.
#[lsm(hook = "task_kill")]
pub fn task_kill(ctx: LsmContext) -> i32 {
    let signal = number(&ctx, HOOKS.task_kill_signal());
    let Some(actor) = lineage::current().filter(|_| signal != 0) else { return ALLOW };
    let task = object(&ctx, HOOKS.task_kill_task());
    if lineage::is_agent(task) {
        return tamper::with(&actor, thing::SIGNAL);
    }
    if signal != SIGCONT {
        return ALLOW;
    }
    let Ok(tgid) = task.field::<u32>(OFFSETS.task_tgid()) else { return ALLOW };
    // Whoever has been told to end is continued so that it can (timeout does both); its call does not happen by that.
    if !waits(tgid) || matches!(pending(task), Ok(signals) if signals & ENDING != 0) {
        return ALLOW;
    }
    count(Counter::ContinueRefused);
    EPERM
}

/// A process or thread is about to be made, and nothing of it is there yet.
#[lsm(hook = "task_alloc")]
pub fn task_alloc(ctx: LsmContext) -> i32 {
    let Some(parent) = lineage::current() else { return ALLOW };
    let waits = command::again_in_a_call(&parent);
    if waits != ALLOW {
        return waits;
    }
    if number(&ctx, HOOKS.task_alloc_flags()) & CLONE_THREAD != 0 || members::reserve(parent.tid()) {
        return ALLOW;
    }
    count(Counter::LineageFull);
    EAGAIN
}

/// A call that makes a process or thread is done, or has failed.
#[fexit(function = "kernel_clone")]
pub fn kernel_clone(_: FExitContext) -> i32 {
    let _ = members::release(bpf_get_current_pid_tgid() as u32); // mostly the child has it
    0
}

/// The signals that a process has not taken yet, a bit each.
#[inline(always)]
fn pending(task: Kernel) -> Result<u64, Unread> {
    task.follow(OFFSETS.task_signal())?.field(HOOKS.signal_pending())
}

/// Whether a process is stopped and nobody has decided yet. Once somebody has, its wrappers may continue it: sudo does.
#[inline(always)]
fn waits(tgid: u32) -> bool {
    let Some(member) = LINEAGE.get_ptr(tgid) else { return false };
    // SAFETY: a live map entry, here and below.
    let Member { stopped_at, claim, .. } = unsafe { *member };
    let Some(actor) = Actor::of(claim.account()).filter(|_| stopped_at != 0) else { return false };
    matches!(actor.standing().at(emit::now()).phase, Phase::Tripped | Phase::Frozen)
}

/// An inode goes, and its address may be another's next.
#[lsm(hook = "inode_free_security")]
pub fn inode_free_security(ctx: LsmContext) -> i32 {
    let inode = object(&ctx, HOOKS.inode_free_inode()).0;
    // SAFETY: the value is read at once, while the entry is alive.
    if unsafe { MARKS.get(inode) }.is_some_and(|node| node & node::MOVED != 0) {
        let _ = (MARKS.remove(inode), MOVED.remove(inode)); // both were there a moment ago
    }
    0
}
