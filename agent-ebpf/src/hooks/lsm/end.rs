//! How a call ended: the functions that the inode hooks are asked in. A file system may still refuse what was allowed.

use agent_common::wire::record::verb;
use aya_ebpf::{EbpfContext, macros::fexit, programs::FExitContext};

use super::{number, object};
use crate::{
    actor::Actor,
    ask,
    call::{Pending, stage},
    offsets::{HOOKS, OFFSETS},
    pending,
    read::Kernel,
};

/// The end of what was asked about for this entry.
#[inline(always)]
fn about(ctx: &impl EbpfContext, dentry: impl FnOnce() -> Kernel, result: u32) {
    let Some(pending) = pending::at(stage::ALLOWED) else { return };
    let dentry = dentry();
    if !is_about(pending, dentry) {
        return;
    }
    match Actor::of(pending.account) {
        Some(actor) => ask::done(&actor, i64::from(number(ctx, result) as i32)),
        None => pending.verb = verb::NONE,
    }
}

/// A truncation may have been turned to another name of the file.
#[inline(always)]
fn is_about(pending: &Pending, dentry: Kernel) -> bool {
    let asked = Kernel(pending.paths[0].text);
    let inode = |dentry: Kernel| dentry.follow(OFFSETS.dentry_inode());
    asked == dentry
        || pending.verb == verb::TRUNCATE
            && matches!((inode(asked), inode(dentry)), (Ok(one), Ok(other)) if one == other)
}

#[fexit(function = "vfs_unlink")]
pub fn vfs_unlink(ctx: FExitContext) -> i32 {
    about(&ctx, || object(&ctx, HOOKS.vfs_unlink_dentry()), HOOKS.vfs_unlink_result());
    0
}

#[fexit(function = "vfs_rmdir")]
pub fn vfs_rmdir(ctx: FExitContext) -> i32 {
    about(&ctx, || object(&ctx, HOOKS.vfs_rmdir_dentry()), HOOKS.vfs_rmdir_result());
    0
}

#[fexit(function = "vfs_rename")]
pub fn vfs_rename(ctx: FExitContext) -> i32 {
    let renamed =
        || object(&ctx, HOOKS.vfs_rename_data()).follow(HOOKS.renamed_old()).unwrap_or(Kernel::NULL);
    about(&ctx, renamed, HOOKS.vfs_rename_result());
    0
}

#[fexit(function = "notify_change")]
pub fn notify_change(ctx: FExitContext) -> i32 {
    about(&ctx, || object(&ctx, HOOKS.notify_change_dentry()), HOOKS.notify_change_result());
    0
}
