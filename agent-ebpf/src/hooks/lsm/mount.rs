//! Mounts over what is protected: nothing is removed, and nothing of it is to be seen any more.

use agent_common::wire::record::verb;
use aya_ebpf::{macros::lsm, programs::LsmContext};

use super::{entry_at, object};
use crate::{
    actor::Actor,
    ask::{self, ALLOW},
    call::Call,
    lineage,
    maps::HOST_MOUNTS,
    offsets::{HOOKS, OFFSETS},
    path::PathArg,
    read::{Kernel, Unread},
};

// https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/mount.h#L13
const MS_REMOUNT: u64 = 1 << 5;
const MS_BIND: u64 = 1 << 12;
const PROPAGATION: u64 = 0xf << 17;

/// Whether a mount with these flags only changes one and hides nothing. In the kernel's order: to bind comes before the kinds
/// of propagation (https://github.com/torvalds/linux/blob/v6.12/fs/namespace.c#L3941).
#[inline(always)]
fn hides_nothing(flags: u64) -> bool {
    flags & MS_REMOUNT != 0 || (flags & MS_BIND == 0 && flags & PROPAGATION != 0)
}

/// Whether the host sees what is mounted on this mount: it is one of its own, or shares what happens on it with others. What
/// else a container or a sandbox mounts for itself, it hides from itself.
#[inline(always)]
fn is_seen(mount: Kernel) -> Result<bool, Unread> {
    // https://github.com/torvalds/linux/blob/v6.12/include/linux/mount.h#L43
    const MNT_SHARED: u32 = 0x1000;
    if mount.field::<u32>(HOOKS.vfsmount_flags())? & MNT_SHARED != 0 {
        return Ok(true);
    }
    let space = mount.around(OFFSETS.mount_vfsmount()).follow(HOOKS.mount_ns())?;
    // SAFETY: a live entry of an array map.
    let host = HOST_MOUNTS.get_ptr(0).map_or(0, |host| unsafe { *host });
    Ok(host == 0 || space.0 == host)
}

#[inline(always)]
fn over(path: impl FnOnce() -> Result<PathArg, Unread>) -> i32 {
    let Some(actor) = lineage::current() else { return ALLOW };
    let Ok(path) = path() else { return ALLOW };
    if matches!(is_seen(Kernel(path.base)), Ok(false)) {
        return ALLOW;
    }
    ask::at_once(&actor, name(&actor, &path))
}

#[inline(never)]
fn name(actor: &Actor, path: &PathArg) -> i32 {
    ask::name(actor, &Call::one(verb::MOUNT, *path))
}

#[lsm(hook = "sb_mount")]
pub fn sb_mount(ctx: LsmContext) -> i32 {
    if hides_nothing(object(&ctx, HOOKS.sb_mount_flags()).0) {
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
