//! Whether a call may: `inode_*`, which comes after the permission check and before anything has happened.

use aya_ebpf::{macros::lsm, programs::LsmContext};

use super::object;
use crate::{
    ask::{self, ALLOW},
    call::stage,
    lineage,
    offsets::{HOOKS, OFFSETS},
    path::form,
    read::{Kernel, Unread},
};

// https://github.com/torvalds/linux/blob/v6.12/include/linux/fs.h#L214
const ATTR_SIZE: u32 = 1 << 3;

/// Asks about the call that this thread has named, if it is about these entries: a file system that is made of others does
/// the same again in its layers, and some do things of their own accord.
#[inline(always)]
fn about(first: Kernel, second: Option<Kernel>, matters: impl FnOnce() -> bool) -> i32 {
    let Some(pending) = ask::under_way(stage::NAMED) else { return ALLOW };
    if !matters() {
        return ALLOW;
    }
    let [one, other] = pending.paths;
    let is_it = match second {
        None => one.text == first.0 && other.form == form::ABSENT,
        // An exchange is asked about from both sides.
        Some(second) => {
            (one.text == first.0 && other.text == second.0) || (one.text == second.0 && other.text == first.0)
        }
    };
    if !is_it {
        return ALLOW;
    }
    let Some(actor) = lineage::current() else { return ALLOW };
    ask::ask(&actor, pending)
}

#[lsm(hook = "inode_unlink")]
pub fn inode_unlink(ctx: LsmContext) -> i32 {
    about(object(&ctx, HOOKS.inode_unlink_dentry()), None, || true)
}

#[lsm(hook = "inode_rmdir")]
pub fn inode_rmdir(ctx: LsmContext) -> i32 {
    about(object(&ctx, HOOKS.inode_rmdir_dentry()), None, || true)
}

#[lsm(hook = "inode_rename")]
pub fn inode_rename(ctx: LsmContext) -> i32 {
    let renamed = object(&ctx, HOOKS.inode_rename_old());
    about(renamed, Some(object(&ctx, HOOKS.inode_rename_new())), || true)
}

/// Of the attributes only the size matters, and only if there is something to lose and a name to lose it under.
#[lsm(hook = "inode_setattr")]
pub fn inode_setattr(ctx: LsmContext) -> i32 {
    let dentry = object(&ctx, HOOKS.inode_setattr_dentry());
    about(dentry, None, || matches!(is_loss(dentry, object(&ctx, HOOKS.inode_setattr_attr())), Ok(true)))
}

#[inline(always)]
fn is_loss(dentry: Kernel, attr: Kernel) -> Result<bool, Unread> {
    if attr.field::<u32>(HOOKS.attr_valid())? & ATTR_SIZE == 0 {
        return Ok(false);
    }
    let inode = dentry.follow(OFFSETS.dentry_inode())?;
    let shrinks = attr.field::<u64>(HOOKS.attr_size())? < inode.field::<u64>(OFFSETS.inode_size())?;
    let named = dentry.follow(HOOKS.dentry_hash())? != Kernel::NULL;
    Ok(shrinks && named && inode.field::<u32>(OFFSETS.inode_nlink())? > 0)
}
