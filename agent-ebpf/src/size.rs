//! How large files are: what an operation hits, and what is there afterwards.

use agent_common::wire::record::{UNKNOWN, verb};

use crate::{call::Pending, offsets::OFFSETS, path::found, read::Kernel};

// https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/stat.h#L9
pub const S_IFMT: u16 = 0o170_000;
const S_IFREG: u16 = 0o100_000;

/// Of a call of the lsm tier that is about to happen; what its hook knows stays.
#[inline(always)]
pub fn of_call(pending: &Pending) -> [u64; 2] {
    let [first, second] = [of_entry(pending.paths[0].text), of_entry(pending.paths[1].text)];
    match pending.verb {
        verb::REMOVE => [first, 0],
        // The second name is hit, unless it is only where the first one goes.
        verb::RENAME if pending.kinds[1] == 0 => [first, 0],
        verb::RENAME => [second, first],
        verb::EXCHANGE if pending.ends[1].found == found::PLACE => [second, first],
        verb::EXCHANGE => [first, second],
        verb::TRUNCATE | verb::OVERWRITE => [first, pending.sizes[1]],
        _ => [UNKNOWN; 2],
    }
}

/// Of what a directory entry leads to.
#[inline(always)]
fn of_entry(dentry: u64) -> u64 {
    Kernel(dentry).follow(OFFSETS.dentry_inode()).ok().and_then(of_file).unwrap_or(UNKNOWN)
}

/// Of a file's inode; of nothing else.
#[inline(always)]
fn of_file(inode: Kernel) -> Option<u64> {
    let mode: u16 = inode.field(OFFSETS.inode_mode()).ok()?;
    if mode & S_IFMT != S_IFREG {
        return None;
    }
    inode.field(OFFSETS.inode_size()).ok()
}

// https://github.com/torvalds/linux/blob/v6.12/include/linux/fs.h#L111
const FMODE_WRITE: u32 = 2;
// Made by this very open.
const FMODE_CREATED: u32 = 0x10_0000;
// The kernel's own: a file system that is made of others opens the one below.
const FMODE_NOACCOUNT: u32 = 0x2000_0000;

/// Whether an open file is a socket.
#[inline(always)]
pub fn is_socket(file: Kernel) -> bool {
    const S_IFSOCK: u16 = 0o140_000;
    let dentry = file.within(OFFSETS.file_path()).follow(OFFSETS.path_dentry());
    let inode = dentry.and_then(|dentry| dentry.follow(OFFSETS.dentry_inode()));
    let mode = inode.and_then(|inode| inode.field::<u16>(OFFSETS.inode_mode()));
    matches!(mode, Ok(mode) if mode & S_IFMT == S_IFSOCK)
}

/// What an open says of writing to a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing, or the kernel does it for itself.
    Not,
    /// It may be written to, and was there before.
    Kept,
    /// It may, and was made by this open.
    Made,
}

#[inline(always)]
pub fn written_by(file: Kernel) -> Written {
    let mode: u32 = file.field(OFFSETS.file_mode()).unwrap_or(0);
    if mode & (FMODE_WRITE | FMODE_NOACCOUNT) != FMODE_WRITE {
        Written::Not
    } else if mode & FMODE_CREATED == 0 {
        Written::Kept
    } else {
        Written::Made
    }
}

/// The directory entry of a file that only its owner may read, or list: what is kept of trees is so.
#[inline(always)]
pub fn of_its_owner_alone(file: Kernel) -> Option<u64> {
    const OTHERS: u16 = 0o077;
    let dentry = file.within(OFFSETS.file_path()).follow(OFFSETS.path_dentry()).ok()?;
    let mode: u16 = dentry.follow(OFFSETS.dentry_inode()).ok()?.field(OFFSETS.inode_mode()).ok()?;
    (mode & OTHERS == 0).then_some(dentry.0)
}

/// Of an open file, if it can be overwritten: one that holds something, and has a name to lose it under.
#[inline(always)]
pub fn to_overwrite(file: Kernel) -> Option<u64> {
    let mode: u32 = file.field(OFFSETS.file_mode()).ok()?;
    if mode & (FMODE_WRITE | FMODE_CREATED | FMODE_NOACCOUNT) != FMODE_WRITE {
        return None;
    }
    let dentry = file.within(OFFSETS.file_path()).follow(OFFSETS.path_dentry()).ok()?;
    let inode = dentry.follow(OFFSETS.dentry_inode()).ok()?;
    let size = of_file(inode)?;
    let links: u32 = inode.field(OFFSETS.inode_nlink()).ok()?;
    (size > 0 && links > 0).then_some(size)
}
