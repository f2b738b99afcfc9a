//! Mounts over what is protected: nothing is removed, and nothing of it is to be seen any more.

use agent_common::wire::record::verb;
use aya_ebpf::{macros::lsm, programs::LsmContext};

use super::{entry_at, object};
use crate::{
    ask::{self, ALLOW},
    call::{Call, stage},
    lineage,
    offsets::{HOOKS, OFFSETS},
    path::PathArg,
    read::{Kernel, Unread},
};

// https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/mount.h#L13: they change a mount and hide nothing.
const MS_REMOUNT: u64 = 1 << 5;
const PROPAGATION: u64 = 0xf << 17;

#[inline(always)]
fn over(path: impl FnOnce() -> Result<PathArg, Unread>) -> i32 {
    let Some(actor) = lineage::current() else { return ALLOW };
    let Ok(path) = path() else { return ALLOW };
    let answer = ask::name(&actor, &Call::one(verb::MOUNT, path));
    match ask::under_way(stage::NAMED) {
        Some(pending) => ask::ask(&actor, pending),
        None => answer,
    }
}

#[lsm(hook = "sb_mount")]
pub fn sb_mount(ctx: LsmContext) -> i32 {
    if object(&ctx, HOOKS.sb_mount_flags()).0 & (MS_REMOUNT | PROPAGATION) != 0 {
        return ALLOW;
    }
    over(|| entry_at(object(&ctx, HOOKS.sb_mount_path())))
}

#[lsm(hook = "move_mount")]
pub fn move_mount(ctx: LsmContext) -> i32 {
    over(|| entry_at(object(&ctx, HOOKS.move_mount_to())))
}

/// What was mounted on a protected directory, or is one, is to be seen no more.
#[lsm(hook = "sb_umount")]
pub fn sb_umount(ctx: LsmContext) -> i32 {
    over(|| {
        let mount = object(&ctx, HOOKS.sb_umount_mnt()).around(OFFSETS.mount_vfsmount());
        let parent: Kernel = mount.follow(OFFSETS.mount_parent())?;
        Ok(PathArg::entry(parent.within(OFFSETS.mount_vfsmount()), mount.follow(OFFSETS.mount_mountpoint())?))
    })
}
