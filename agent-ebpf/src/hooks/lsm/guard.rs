//! What keeps the hold whole: nobody of a lineage continues what waits, and a mark does not outlive its inode.

use agent_common::{
    rules::judge::Phase,
    wire::{
        Counter,
        row::{Member, node},
    },
};
use aya_ebpf::{macros::lsm, programs::LsmContext};

use super::{number, object};
use crate::{
    actor::Actor,
    ask::{ALLOW, EPERM},
    count::count,
    emit, lineage,
    maps::{LINEAGE, MARKS, MOVED},
    offsets::{HOOKS, OFFSETS},
};

const SIGCONT: u32 = 18;

/// A process of a lineage signals another.
#[lsm(hook = "task_kill")]
pub fn task_kill(ctx: LsmContext) -> i32 {
    if number(&ctx, HOOKS.task_kill_signal()) != SIGCONT || lineage::current().is_none() {
        return ALLOW;
    }
    let Ok(tgid) = object(&ctx, HOOKS.task_kill_task()).field::<u32>(OFFSETS.task_tgid()) else {
        return ALLOW;
    };
    if !waits(tgid) {
        return ALLOW;
    }
    count(Counter::ContinueRefused);
    EPERM
}

/// Whether a process is stopped and nobody has decided yet. Once somebody has, its wrappers may continue it: sudo does.
#[inline(always)]
fn waits(tgid: u32) -> bool {
    let Some(member) = LINEAGE.get_ptr(tgid) else { return false };
    // SAFETY: a live map entry, here and below.
    let Member { stopped_at, account, .. } = unsafe { *member };
    let Some(actor) = Actor::of(account).filter(|_| stopped_at != 0) else { return false };
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
