//! Upwards: from a directory to the root that it lies in.

use core::ffi::c_void;

use agent_common::{
    rules::place::PathFold,
    wire::{
        exception::DEEP,
        offsets::DENTRY_HEAD,
        record::TEXT_LEN,
        row::{EdgeKey, is_own, node},
    },
};

use super::{desk, except, walk};
use crate::{
    desk::Desk,
    grant,
    maps::{EDGES, MARKS, MOVED},
    offsets::OFFSETS,
    path::{MAX_DEPTH, NAME_MAX, NO_NODE, NameAt, OUTSIDE, PATH_MAX, Scratch, form, state},
    read::{Kernel, Unread},
};

/// One level upwards.
pub extern "C" fn step(_: u32, context: *mut c_void) -> i64 {
    super::step(context, |scratch| go_up(desk(context), scratch))
}

/// Whether the walk ends here; if not, the scratch stands one level higher.
#[inline(always)]
fn go_up(desk: Desk, scratch: &mut Scratch) -> Result<bool, Unread> {
    scratch.dentry.words(&mut scratch.entry[..DENTRY_HEAD / 8])?; // all fields in one read: this is the hottest loop there is
    // SAFETY: the value is copied at once, while the entry is alive.
    if let Some(&node) = unsafe { MARKS.get(scratch.entry_u64(OFFSETS.dentry_inode())) }
        && at_root(desk, scratch, node)?
    {
        return Ok(true);
    }
    let parent = Kernel(scratch.entry_u64(OFFSETS.dentry_parent()));
    if scratch.dentry == scratch.mnt_root {
        // A mount may show a directory from the middle of a file system (a bind mount). What that directory really lies
        // in comes first; only if no root is found there, what it is mounted in.
        scratch.height_at_mount = scratch.height;
    }
    if parent == scratch.dentry {
        let is_top = scratch.mnt == Kernel::NULL || leave_mount(scratch)?;
        if !is_top {
            scratch.height = scratch.height_at_mount;
        }
        return Ok(is_top);
    }
    scratch.go_above_entry(parent);
    Ok(false)
}

/// The top of a file system: on with the directory that it is mounted on. `true` if it is not mounted anywhere.
#[inline(always)]
pub fn leave_mount(scratch: &mut Scratch) -> Result<bool, Unread> {
    let mount = scratch.mnt.around(OFFSETS.mount_vfsmount());
    let parent = scratch.mount_field(OFFSETS.mount_parent());
    if parent == mount {
        return Ok(true);
    }
    scratch.dentry = scratch.mount_field(OFFSETS.mount_mountpoint());
    scratch.enter_mount(parent.within(OFFSETS.mount_vfsmount()))?;
    Ok(false)
}

/// Whether the walk upwards ends at this node.
#[inline(always)]
fn at_root(desk: Desk, scratch: &mut Scratch, node: u64) -> Result<bool, Unread> {
    if node & node::MOVED != 0 {
        return Ok(at_moved(scratch));
    }
    if scratch.height == 0 {
        scratch.node = node;
    }
    let root = node::root_of(node);
    // What is burstguard's own comes before a root that it lies in.
    let by_name =
        scratch.height != 0 && node & node::PARENT != 0 && (root.is_none() || node & node::OWN != 0);
    if by_name && at_name(desk, node, root.is_some())? {
        return Ok(true);
    }
    let Some(scratch) = desk.scratch() else { return Err(Unread) };
    scratch.root = root.unwrap_or(scratch.root);
    Ok(root.is_some())
}

/// Whether the name below this carrier is that of a root, and of one of burstguard's own if it has to be.
#[inline(always)]
fn at_name(desk: Desk, node: u64, must_be_own: bool) -> Result<bool, Unread> {
    let Some(scratch) = desk.scratch() else { return Err(Unread) };
    // The name below this carrier may be that of a root which was removed and made again: its inode is a new one.
    read_name(desk, scratch.height - 1)?;
    let Some(scratch) = desk.scratch() else { return Err(Unread) };
    let key = EdgeKey { name: scratch.last, parent: node::index(node), reserved: 0 };
    // SAFETY: the value is copied at once, while the entry is alive.
    let Some(&edge) = (unsafe { EDGES.get(key) }) else { return Ok(false) };
    let Some(root) = node::root_of(edge).filter(|root| !must_be_own || is_own(*root)) else {
        return Ok(false);
    };
    scratch.root = root;
    scratch.height -= 1;
    if scratch.height == 0 {
        scratch.node = edge;
    }
    Ok(true)
}

/// A directory that was moved out of a tree: what lies in it has the place that it had.
#[inline(always)]
fn at_moved(scratch: &mut Scratch) -> bool {
    // SAFETY: what is taken of it is, at once, while the entry is alive.
    let Some(moved) = (unsafe { MOVED.get(scratch.entry_u64(OFFSETS.dentry_inode())) }) else {
        return false;
    };
    scratch.root = moved.root;
    scratch.apart = scratch.entry_u64(OFFSETS.dentry_inode());
    scratch.fold = PathFold::at(moved.key);
    scratch.depth = DEEP;
    if scratch.form == form::ENTRY {
        // What is below it is written down behind.
        let length = moved.text_len.min(TEXT_LEN as u32 - 1) as usize;
        scratch.text[..TEXT_LEN].copy_from_slice(&moved.text);
        scratch.text[length] = if scratch.height == 0 { 0 } else { b'/' };
        scratch.text_len = length as u32 + 1;
    }
    true
}

/// Folds the names between the start and the root that was met, from the root down. Where none was and the start is no
/// carrier either, the text leads to no place, whatever they are.
#[inline(always)]
pub fn fold(desk: Desk) -> Result<(), Unread> {
    let Some(&mut Scratch { root, node, height, .. }) = desk.scratch() else { return Ok(()) };
    if root == OUTSIDE && node == NO_NODE {
        return Ok(());
    }
    grant::look(desk);
    if height > 0 && walk(desk, fold_name, height) == state::FAILED {
        return Err(Unread);
    }
    Ok(())
}

extern "C" fn fold_name(index: u32, context: *mut c_void) -> i64 {
    let desk = desk(context);
    let Some(scratch) = desk.scratch() else { return 1 };
    let level = scratch.height.wrapping_sub(1).wrapping_sub(index);
    if take_name(scratch, level).is_err() {
        scratch.state = state::FAILED;
        return 1;
    }
    scratch.go_below();
    if scratch.form == form::ENTRY {
        write_down(scratch, level);
    }
    except::look(desk);
    grant::look(desk);
    0
}

/// Adds the name that was read last to the text: of an entry nobody has given a path.
#[inline(always)]
fn write_down(scratch: &mut Scratch, level: u32) {
    let NameAt { text, length, .. } = scratch.names[level as usize % MAX_DEPTH as usize];
    let length = length.min(NAME_MAX) as usize;
    let at = scratch.text_len as usize;
    if at >= PATH_MAX - NAME_MAX as usize - 1 {
        return;
    }
    let _ = text.bytes(&mut scratch.text[at..at + length]); // it was read a moment ago
    scratch.text[at + length] = if level == 0 { 0 } else { b'/' };
    scratch.text_len = (at + length + 1) as u32;
}

/// A name that was left below is the last component.
#[inline(always)]
fn read_name(desk: Desk, level: u32) -> Result<(), Unread> {
    if name_at(desk.0, level) == 0 { Err(Unread) } else { Ok(()) }
}

/// Global: whether it could be read.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn name_at(desk: u32, level: u32) -> u32 {
    let is_read = Desk(desk).scratch().is_some_and(|scratch| take_name(scratch, level).is_ok());
    u32::from(is_read)
}

#[inline(always)]
fn take_name(scratch: &mut Scratch, level: u32) -> Result<(), Unread> {
    let NameAt { text, length, is_short, short } = scratch.names[level as usize % MAX_DEPTH as usize];
    let length = length.min(NAME_MAX);
    if is_short == 0 {
        text.bytes(&mut scratch.name[..length as usize])?;
    } else {
        scratch.put_name(short);
    }
    scratch.take_name(length);
    Ok(())
}
