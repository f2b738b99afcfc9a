//! Control groups. A unit that is started gets a new one, so the kernel's own name for it is judged, when a process is first
//! seen in it: to tell the programs of a new group from user space would come too late for its first process.

use core::ffi::c_void;

use agent_common::wire::{identity::of, row::Claim};
use aya_ebpf::bindings::BPF_ANY;

use super::{UNREAD, names};
use crate::{
    desk::Desk,
    maps::GROUPS,
    offsets::OFFSETS,
    path::{MAX_DEPTH, state},
    place::{step, walk},
    read::{Kernel, Unread},
};

/// Who claims the processes of a task's group in the v2 tree. What was found once holds: a group keeps its name, and its id is
/// never given out again.
#[inline(always)]
pub fn of(task: Kernel) -> Result<Claim, Unread> {
    let group = task.follow(OFFSETS.task_cgroups())?.follow(OFFSETS.css_set_group())?;
    let node = group.follow(OFFSETS.cgroup_node())?;
    let id: u64 = node.field(OFFSETS.node_id())?;
    // SAFETY: the value is copied at once, while the entry is alive.
    if let Some(claim) = unsafe { GROUPS.get(id) } {
        return Ok(*claim);
    }
    let Some(desk) = Desk::claim() else { return Ok(Claim::NONE) };
    let claim = claim_group(desk.0, node.0);
    desk.release();
    if claim == UNREAD {
        return Err(Unread);
    }
    let claim = Claim::from_word(claim);
    let _ = GROUPS.insert(id, claim, u64::from(BPF_ANY)); // or it is judged again
    Ok(claim)
}

/// Global: a claim.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn claim_group(desk: u32, node: u64) -> u64 {
    let desk = Desk(desk);
    let Some(scratch) = desk.scratch() else { return UNREAD };
    scratch.dentry = Kernel(node);
    scratch.height = 0;
    if walk(desk, up, MAX_DEPTH) != state::DONE || !names::down(desk, of::GROUP) {
        return UNREAD;
    }
    let Some(scratch) = desk.scratch() else { return UNREAD };
    let claim =
        if scratch.launched == Claim::NONE { names::claim(of::GROUP, scratch.met) } else { scratch.launched };
    claim.to_word()
}

/// One group upwards; the top has no name.
extern "C" fn up(_: u32, context: *mut c_void) -> i64 {
    step(context, |scratch| {
        let parent = scratch.dentry.follow(OFFSETS.node_parent())?;
        let text = scratch.dentry.follow(OFFSETS.node_name())?;
        let is_top = parent == Kernel::NULL;
        if !is_top {
            scratch.go_above(parent, text, 0);
        }
        Ok(is_top)
    })
}
