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
    read::{Kernel, Unread},
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

/// Whether the walk ends here; if not, the scratch stands one level higher.
#[inline(always)]
fn try_step(scratch: &mut Scratch) -> Result<bool, Unread> {
    let offsets = OFFSETS.load();
    scratch.dentry.bytes(&mut scratch.entry)?; // all fields in one read: this is the hottest loop there is
    // SAFETY: the value is copied at once, while the entry is alive.
    if let Some(&node) = unsafe { MARKS.get(scratch.entry_u64(offsets.dentry_inode)) }
        && at_root(scratch, node)
    {
        return Ok(true);
    }
    let parent = Kernel(scratch.entry_u64(offsets.dentry_parent));
    if scratch.dentry == scratch.mnt_root {
        // A mount may show a directory from the middle of a file system (a bind mount). What that directory really lies
        // in comes first; only if no root is found there, what it is mounted in.
        scratch.fold_at_mount = scratch.fold;
    }
    if parent == scratch.dentry {
        return leave_mount(scratch);
    }
    scratch.last = name(scratch)?;
    scratch.fold_before = scratch.fold;
    scratch.fold = scratch.fold.above(scratch.last);
    scratch.dentry = parent;
    scratch.depth += 1;
    Ok(false)
}

/// The hash of the entry's name.
#[inline(always)]
fn name(scratch: &mut Scratch) -> Result<u64, Unread> {
    let offsets = OFFSETS.load();
    let length = (scratch.entry_u32(offsets.dentry_name_len)).min(NAME_MAX) as usize;
    let text = Kernel(scratch.entry_u64(offsets.dentry_name));
    text.bytes(&mut scratch.name[..length])?;
    let mut hash = NameHash::new(SETTINGS.load().seed);
    for index in 0..NAME_MAX as usize {
        if index >= length {
            break;
        }
        hash = hash.byte(scratch.name[index]);
    }
    Ok(hash.finish())
}

/// The top of a file system: on with the directory that it is mounted on. `true` if it is not mounted anywhere.
#[inline(always)]
fn leave_mount(scratch: &mut Scratch) -> Result<bool, Unread> {
    let offsets = OFFSETS.load();
    let mount = scratch.mnt.around(offsets.mount_vfsmount);
    let parent = mount.follow(offsets.mount_parent)?;
    if parent == mount {
        return Ok(true);
    }
    scratch.fold = scratch.fold_at_mount;
    scratch.dentry = mount.follow(offsets.mount_mountpoint)?;
    scratch.mnt = parent.within(offsets.mount_vfsmount);
    scratch.mnt_root = scratch.mnt.follow(offsets.vfsmount_root)?;
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
