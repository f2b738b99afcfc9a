//! What a call is about to touch: `path_*`, which comes before the permission check and knows the mount.

use agent_common::wire::{Counter, record::verb};
use aya_ebpf::{EbpfContext, macros::lsm, programs::LsmContext};

use super::{entry_at, entry_in, new_only, object};
use crate::{
    actor::Actor,
    ask::{self, ALLOW},
    call::{Call, flag},
    count::count,
    lineage,
    offsets::{HOOKS, OFFSETS},
    path::PathArg,
    read::{Kernel, Unread},
};

// https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/fs.h#L58
const RENAME_NOREPLACE: u32 = 1;
const RENAME_EXCHANGE: u32 = 2;

/// What every program here does: nothing for an untracked process.
#[inline(always)]
fn tracked(answer: fn(&Actor, &Call) -> i32, call: impl FnOnce() -> Result<Call, Unread>) -> i32 {
    let Some(actor) = lineage::current() else { return ALLOW };
    match call() {
        Ok(call) => answer(&actor, &call),
        Err(Unread) => {
            count(Counter::KernelRead);
            ALLOW
        }
    }
}

/// One name in a directory.
#[inline(always)]
fn one(ctx: &impl EbpfContext, verb: u32, directory: u32, dentry: u32) -> Result<Call, Unread> {
    Ok(Call::one(verb, entry_in(object(ctx, directory), object(ctx, dentry))?))
}

#[lsm(hook = "path_unlink")]
pub fn path_unlink(ctx: LsmContext) -> i32 {
    tracked(ask::name, || one(&ctx, verb::REMOVE, HOOKS.path_unlink_dir(), HOOKS.path_unlink_dentry()))
}

#[lsm(hook = "path_rmdir")]
pub fn path_rmdir(ctx: LsmContext) -> i32 {
    tracked(ask::name, || one(&ctx, verb::REMOVE, HOOKS.path_rmdir_dir(), HOOKS.path_rmdir_dentry()))
}

#[lsm(hook = "path_rename")]
pub fn path_rename(ctx: LsmContext) -> i32 {
    tracked(ask::name, || {
        let from =
            entry_in(object(&ctx, HOOKS.path_rename_old_dir()), object(&ctx, HOOKS.path_rename_old()))?;
        let to = entry_in(object(&ctx, HOOKS.path_rename_new_dir()), object(&ctx, HOOKS.path_rename_new()))?;
        let flags = super::number(&ctx, HOOKS.path_rename_flags());
        let verb = if flags & RENAME_EXCHANGE != 0 { verb::EXCHANGE } else { verb::RENAME };
        let refuses = if flags & RENAME_NOREPLACE != 0 { flag::NEW_ONLY } else { 0 };
        Ok(Call::two(verb, from, to).with(refuses | new_only(Kernel(to.text))))
    })
}

/// `truncate`, and where `file_truncate` is not there yet (before 6.2) every other way to shorten a file.
#[lsm(hook = "path_truncate")]
pub fn path_truncate(ctx: LsmContext) -> i32 {
    tracked(ask::name, || Ok(Call::one(verb::TRUNCATE, entry_at(object(&ctx, HOOKS.path_truncate_path()))?)))
}

/// `ftruncate`, and an open that empties. Its one argument is the file.
#[lsm(hook = "file_truncate")]
pub fn file_truncate(ctx: LsmContext) -> i32 {
    tracked(ask::name, || {
        let path = object(&ctx, 0).within(OFFSETS.file_path());
        Ok(Call::one(verb::TRUNCATE, entry_at(path)?))
    })
}

#[lsm(hook = "path_mkdir")]
pub fn path_mkdir(ctx: LsmContext) -> i32 {
    tracked(ask::announce, || one(&ctx, verb::CREATE, HOOKS.path_mkdir_dir(), HOOKS.path_mkdir_dentry()))
}

/// `mknod`, and an open that makes a file, unless somebody else is faster.
#[lsm(hook = "path_mknod")]
pub fn path_mknod(ctx: LsmContext) -> i32 {
    tracked(ask::announce, || {
        let call = one(&ctx, verb::CREATE, HOOKS.path_mknod_dir(), HOOKS.path_mknod_dentry())?;
        Ok(call.with(flag::CREATES))
    })
}

#[lsm(hook = "path_symlink")]
pub fn path_symlink(ctx: LsmContext) -> i32 {
    tracked(ask::announce, || one(&ctx, verb::CREATE, HOOKS.path_symlink_dir(), HOOKS.path_symlink_dentry()))
}

/// The first name's own mount is not told; both are on one.
#[lsm(hook = "path_link")]
pub fn path_link(ctx: LsmContext) -> i32 {
    tracked(ask::announce_link, || {
        let to = entry_in(object(&ctx, HOOKS.path_link_new_dir()), object(&ctx, HOOKS.path_link_new()))?;
        let from = PathArg { text: object(&ctx, HOOKS.path_link_old()).0, ..to };
        Ok(Call::two(verb::LINK, from, to))
    })
}
