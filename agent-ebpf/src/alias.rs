//! A file's other names: what is lost by a name outside of every tree is lost to the one inside.
//!
//! The kernel has the names of a file that it knows in a list, whoever made them and when: so there is nothing to remember
//! here. It forgets a name that nobody has used of late when it needs the memory, and knows none that nobody has used yet.

use agent_common::wire::record::verb;
use aya_ebpf::helpers::generated::bpf_loop;
use core::ffi::c_void;

use crate::{
    actor::Actor,
    call::{Pending, stage},
    decide::{in_trees, known},
    desk::Desk,
    directory,
    grant::NOBODY,
    held,
    offsets::{HOOKS, OFFSETS},
    path::{PathArg, found},
    pending, place,
    read::{Kernel, Unread},
};

/// How many names are looked at: as many as ext4 and btrfs let a file have.
const NAMES: u32 = 65_536;

/// Turns the call that has been named to another name of its file, which is in a tree, if the one that it goes by is in none or
/// is gone.
#[inline(always)]
pub fn turn(actor: &Actor) {
    let Some(pending) = pending::at(stage::NAMED) else { return };
    let entry = Kernel(pending.paths[0].text);
    let there = directory::is_there(entry);
    if !there || matches!(links(entry), Ok(links) if links > 1) {
        look(actor, pending, there);
    }
}

#[inline(always)]
fn links(entry: Kernel) -> Result<u32, Unread> {
    entry.follow(OFFSETS.dentry_inode())?.field(OFFSETS.inode_nlink())
}

#[inline(never)]
fn look(actor: &Actor, pending: &mut Pending, there: bool) {
    let Some(desk) = Desk::claim() else { return };
    let path = pending.paths[0];
    if !there || in_trees(actor, place::of_found(desk, path, NOBODY)).found != found::PLACE {
        match look_along(actor, Kernel(path.text), desk) {
            // Without a mount: what is in a tree by one is known by the top of what is mounted there.
            Ok(Some(entry)) => pending.paths[0] = PathArg::entry(Kernel::NULL, entry),
            _ if !there => {
                held::forget(actor);
                pending.verb = verb::NONE;
            }
            _ => {}
        }
    }
    desk.release();
}

/// The entry of a name in one of the account's trees.
#[inline(always)]
fn look_along(actor: &Actor, entry: Kernel, desk: Desk) -> Result<Option<Kernel>, Unread> {
    let inode = entry.follow(OFFSETS.dentry_inode())?;
    let at = inode.follow(HOOKS.inode_aliases())?;
    let mut walk = Walk { inode, at, found: Kernel::NULL, account: actor.index, desk };
    // SAFETY: the step is handed the walk, which outlives the loop.
    let _ = unsafe { bpf_loop(NAMES, step as *mut c_void, (&raw mut walk).cast(), 0) };
    Ok((walk.found != Kernel::NULL).then_some(walk.found))
}

/// Along the names of a file.
#[repr(C)]
struct Walk {
    inode: Kernel,
    /// Where the next one is in the list.
    at: Kernel,
    found: Kernel,
    account: u32,
    desk: Desk,
}

extern "C" fn step(_: u32, context: *mut c_void) -> i64 {
    // SAFETY: see `look_along`.
    let walk = unsafe { &mut *context.cast::<Walk>() };
    match try_step(walk) {
        Ok(false) => 0,
        Ok(true) | Err(Unread) => 1,
    }
}

/// Whether the walk ends here.
#[inline(always)]
fn try_step(walk: &mut Walk) -> Result<bool, Unread> {
    if walk.at == Kernel::NULL {
        return Ok(true);
    }
    let next = walk.at.follow(0)?;
    let entry = walk.at.around(HOOKS.dentry_alias());
    // Nobody locks the list for us. A name that is taken out of it has lost its inode before, and does not know any more what
    // came after it (`dentry_unlink_inode`, https://github.com/torvalds/linux/blob/v6.12/fs/dcache.c): so from the beginning.
    if entry.follow(OFFSETS.dentry_inode())? != walk.inode {
        walk.at = walk.inode.follow(HOOKS.inode_aliases())?;
        return Ok(false);
    }
    walk.at = next;
    if directory::is_there(entry) && is_in_trees(walk, entry) {
        walk.found = entry;
        return Ok(true);
    }
    Ok(false)
}

#[inline(always)]
fn is_in_trees(walk: &Walk, entry: Kernel) -> bool {
    let Some(actor) = Actor::of(walk.account) else { return false };
    let target = place::of_found(walk.desk, PathArg::entry(Kernel::NULL, entry), NOBODY);
    known(&actor, in_trees(&actor, target)).found == found::PLACE
}
