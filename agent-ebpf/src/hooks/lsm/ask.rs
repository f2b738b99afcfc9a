//! Whether a call may: `inode_*`, which comes after the permission check and before anything has happened.

use agent_common::wire::record::{UNKNOWN, verb};
use aya_ebpf::{macros::lsm, programs::LsmContext};

use super::{new_only, object};
use crate::{
    actor::Actor,
    alias,
    ask::{self, ALLOW},
    call::{Call, Pending, flag, stage},
    lineage,
    offsets::{HOOKS, OFFSETS},
    path::{PathArg, form},
    pending,
    read::{Kernel, Unread},
    tamper,
};

// https://github.com/torvalds/linux/blob/v6.12/include/linux/fs.h#L214
const ATTR_SIZE: u32 = 1 << 3;

/// Asks about the call that this thread has named, if it is about these entries.
///
/// If none is under way, or one that was named failed before it was asked about, a file system does it of its own accord, or to a layer that it is made of: an overlay whose own
/// names are protected by nobody, and whose upper directory lies in a tree. While one is under way that was asked about, it
/// is the same once more. `after` is how large the file is to be, if that is known.
#[inline(always)]
fn about(verb: u32, first: Kernel, second: Option<Kernel>, after: u64) -> i32 {
    let Some(actor) = lineage::current() else { return ALLOW };
    let answer = match pending::under_way() {
        Some(pending) if pending.stage == stage::NAMED && is_about(pending, first, second) => {
            pending.sizes[1] = after;
            ALLOW
        }
        Some(pending) if pending.stage != stage::NAMED => return ALLOW,
        _ => name_inner(&actor, verb, first.0, second.map_or(0, |second| second.0), after),
    };
    if verb == verb::TRUNCATE {
        alias::turn(&actor);
    }
    ask::at_once(&actor, answer)
}

#[inline(always)]
fn is_about(pending: &Pending, first: Kernel, second: Option<Kernel>) -> bool {
    let [one, other] = pending.paths;
    match second {
        None => one.text == first.0 && other.form == form::ABSENT,
        // An exchange is asked about from both sides.
        Some(second) => {
            (one.text == first.0 && other.text == second.0) || (one.text == second.0 && other.text == first.0)
        }
    }
}

/// Names it, without a mount; `second` is 0 if there is none. Not inlined: what it needs of the stack is free again when it
/// is asked about.
#[inline(never)]
fn name_inner(actor: &Actor, verb: u32, first: u64, second: u64, after: u64) -> i32 {
    let mut call = Call::one(verb, PathArg::entry(Kernel::NULL, Kernel(first)));
    call.flags = flag::INNER;
    call.after = after;
    if second != 0 {
        call.paths[1] = PathArg::entry(Kernel::NULL, Kernel(second));
        call.flags |= new_only(Kernel(second));
    }
    ask::name(actor, &call)
}

#[lsm(hook = "inode_unlink")]
pub fn inode_unlink(ctx: LsmContext) -> i32 {
    about(verb::REMOVE, object(&ctx, HOOKS.inode_unlink_dentry()), None, UNKNOWN)
}

#[lsm(hook = "inode_rmdir")]
pub fn inode_rmdir(ctx: LsmContext) -> i32 {
    about(verb::REMOVE, object(&ctx, HOOKS.inode_rmdir_dentry()), None, UNKNOWN)
}

#[lsm(hook = "inode_rename")]
pub fn inode_rename(ctx: LsmContext) -> i32 {
    let renamed = object(&ctx, HOOKS.inode_rename_old());
    about(verb::RENAME, renamed, Some(object(&ctx, HOOKS.inode_rename_new())), UNKNOWN)
}

/// Of the attributes only the size matters, and only if there is something to lose and a name to lose it under; if that is
/// still the one that the file was opened by, [`alias::turn`] tells. Of what is burstguard's own, each.
#[lsm(hook = "inode_setattr")]
pub fn inode_setattr(ctx: LsmContext) -> i32 {
    let dentry = object(&ctx, HOOKS.inode_setattr_dentry());
    match loss(dentry, object(&ctx, HOOKS.inode_setattr_attr())) {
        Ok(Some(after)) => about(verb::TRUNCATE, dentry, None, after),
        _ => attributes(dentry),
    }
}

#[inline(always)]
fn attributes(dentry: Kernel) -> i32 {
    lineage::current().map_or(ALLOW, |actor| tamper::at_entry(&actor, dentry.0))
}

#[lsm(hook = "inode_setxattr")]
pub fn inode_setxattr(ctx: LsmContext) -> i32 {
    attributes(object(&ctx, HOOKS.inode_setxattr_dentry()))
}

#[lsm(hook = "inode_removexattr")]
pub fn inode_removexattr(ctx: LsmContext) -> i32 {
    attributes(object(&ctx, HOOKS.inode_removexattr_dentry()))
}

/// Since 6.2, until when they are extended attributes like others.
#[lsm(hook = "inode_set_acl")]
pub fn inode_set_acl(ctx: LsmContext) -> i32 {
    attributes(object(&ctx, 1))
}

/// How large the file is to be, if anything of it is lost.
#[inline(always)]
fn loss(dentry: Kernel, attr: Kernel) -> Result<Option<u64>, Unread> {
    if attr.field::<u32>(HOOKS.attr_valid())? & ATTR_SIZE == 0 {
        return Ok(None);
    }
    let inode = dentry.follow(OFFSETS.dentry_inode())?;
    let size = attr.field(HOOKS.attr_size())?;
    let shrinks = size < inode.field::<u64>(OFFSETS.inode_size())?;
    Ok((shrinks && inode.field::<u32>(OFFSETS.inode_nlink())? > 0).then_some(size))
}
