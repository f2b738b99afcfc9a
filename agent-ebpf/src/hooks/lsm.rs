//! The operations, for kernels that ask before each of them: a call names what it will touch in a `path_*` hook, is asked
//! about in the `inode_*` hook that follows the kernel's own permission check, and settled when the function that did it
//! returns. However a call got into the kernel (32-bit calls, io_uring), it comes by here.

mod agent;
mod ask;
mod end;
mod guard;
mod mount;
mod name;
mod open;
mod way;

use aya_ebpf::EbpfContext;

use crate::{
    call::flag,
    offsets::OFFSETS,
    path::PathArg,
    read::{self, Kernel, Unread},
};

/// An argument that is a pointer.
#[inline(always)]
fn object(ctx: &impl EbpfContext, position: u32) -> Kernel {
    read::argument(ctx, position).unwrap_or(Kernel::NULL)
}

/// An argument that is a number of 32 bits.
#[inline(always)]
fn number(ctx: &impl EbpfContext, position: u32) -> u32 {
    object(ctx, position).0 as u32
}

/// An entry in a directory that is given as a `struct path`.
#[inline(always)]
fn entry_in(directory: Kernel, dentry: Kernel) -> Result<PathArg, Unread> {
    Ok(PathArg::entry(directory.follow(OFFSETS.path_mnt())?, dentry))
}

/// An entry that is given as a `struct path`.
#[inline(always)]
fn entry_at(path: Kernel) -> Result<PathArg, Unread> {
    Ok(PathArg::entry(path.follow(OFFSETS.path_mnt())?, path.follow(OFFSETS.path_dentry())?))
}

/// [`flag::NEW_ONLY`] if an entry leads nowhere yet.
#[inline(always)]
fn new_only(entry: Kernel) -> u32 {
    match entry.follow(OFFSETS.dentry_inode()) {
        Ok(Kernel::NULL) => flag::NEW_ONLY,
        _ => 0,
    }
}
