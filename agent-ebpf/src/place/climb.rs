//! Upwards: from a directory to the root that it lies in.

use core::ffi::c_void;

use agent_common::{
    rules::place::NameHash,
    wire::row::{EdgeKey, node},
};

use super::scratch;
use crate::{
    maps::{EDGES, MARKS},
    offsets::{OFFSETS, SETTINGS},
    path::{NAME_MAX, Scratch, state},
    read::Unread,
};

/// One level upwards.
pub extern "C" fn step(_: u32, _: *mut c_void) -> i64 {
    let Some(scratch) = scratch() else { return 1 };
    match try_step(scratch) {
        Ok(false) => 0,
        Ok(true) => {
            scratch.state = state::DONE;
            1
        }
        Err(Unread) => {
            scratch.state = state::FAILED;
            1
        }
    }
}

#[inline(always)]
fn try_step(scratch: &mut Scratch) -> Result<bool, Unread> {
    let offsets = OFFSETS.load();
    let inode: u64 = scratch.dentry.field(offsets.dentry_inode)?;
    // SAFETY: the value is copied at once, while the entry is alive.
    if let Some(&node) = unsafe { MARKS.get(inode) }
        && at_root(scratch, node)
    {
        return Ok(true);
    }
    if scratch.dentry == scratch.mnt.follow(offsets.vfsmount_root)? {
        let mount = scratch.mnt.around(offsets.mount_vfsmount);
        let parent = mount.follow(offsets.mount_parent)?;
        if parent == mount {
            return Ok(true);
        }
        scratch.dentry = mount.follow(offsets.mount_mountpoint)?;
        scratch.mnt = parent.within(offsets.mount_vfsmount);
        return Ok(false);
    }
    let parent = scratch.dentry.follow(offsets.dentry_parent)?;
    if parent == scratch.dentry {
        return Ok(true); // not reachable from any mount: nothing is above it
    }
    let length: u32 = scratch.dentry.field(offsets.dentry_name_len)?;
    let length = length.min(NAME_MAX) as usize;
    scratch.dentry.follow(offsets.dentry_name)?.bytes(&mut scratch.name[..length])?;
    let mut hash = NameHash::new(SETTINGS.load().seed);
    for index in 0..NAME_MAX as usize {
        if index >= length {
            break;
        }
        hash = hash.byte(scratch.name[index]);
    }
    scratch.last = hash.finish();
    scratch.fold_before = scratch.fold;
    scratch.fold = scratch.fold.above(scratch.last);
    scratch.dentry = parent;
    scratch.depth += 1;
    Ok(false)
}

/// Whether the walk upwards ends at this node.
#[inline(always)]
fn at_root(scratch: &mut Scratch, node: u64) -> bool {
    if scratch.depth == 0 {
        scratch.node = node;
    }
    if let Some(root) = node::root_of(node) {
        scratch.root = root;
        return true;
    }
    if scratch.depth == 0 {
        return false;
    }
    // The name below this carrier may be that of a root which was removed and made again: its inode is a new one.
    // SAFETY: the value is copied at once, while the entry is alive.
    let Some(&edge) =
        (unsafe { EDGES.get(EdgeKey { name: scratch.last, parent: node::index(node), reserved: 0 }) })
    else {
        return false;
    };
    let Some(root) = node::root_of(edge) else { return false };
    scratch.root = root;
    scratch.fold = scratch.fold_before;
    if scratch.depth == 1 {
        scratch.node = edge;
    }
    true
}
