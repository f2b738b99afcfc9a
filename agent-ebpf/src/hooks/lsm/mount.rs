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
fn over(paths: impl FnOnce() -> Result<[PathArg; 2], Unread>) -> i32 {
    let Some(actor) = lineage::current() else { return ALLOW };
    let Ok(paths) = paths() else { return ALLOW };
    if matches!(is_seen(Kernel(paths[0].base)), Ok(false)) {
        return ALLOW;
    }
    ask::at_once(&actor, name(&actor, &paths))
}

/// What the second one leads to is not covered, but goes from where it is: that matters of what is burstguard's own.
#[inline(never)]
fn name(actor: &Actor, [over, goes]: &[PathArg; 2]) -> i32 {
    ask::name(actor, &Call::two(verb::MOUNT, *over, *goes))
}

#[lsm(hook = "sb_mount")]
pub fn sb_mount(ctx: LsmContext) -> i32 {
    if hides_nothing(object(&ctx, HOOKS.sb_mount_flags()).0) {
        return ALLOW;
    }
    over(|| Ok([entry_at(object(&ctx, HOOKS.sb_mount_path()))?, PathArg::ABSENT]))
}

#[lsm(hook = "move_mount")]
pub fn move_mount(ctx: LsmContext) -> i32 {
    over(|| {
        let to = entry_at(object(&ctx, HOOKS.move_mount_to()))?;
        Ok([to, entry_at(object(&ctx, HOOKS.move_mount_from()))?])
    })
}

/// What was mounted on a protected directory, or is one, is to be seen no more.
#[lsm(hook = "sb_umount")]
pub fn sb_umount(ctx: LsmContext) -> i32 {
    over(|| {
        let mounted = object(&ctx, HOOKS.sb_umount_mnt());
        let mount = mounted.around(OFFSETS.mount_vfsmount());
        let parent: Kernel = mount.follow(OFFSETS.mount_parent())?;
        let over = PathArg::entry(
            parent.within(OFFSETS.mount_vfsmount()),
            mount.follow(OFFSETS.mount_mountpoint())?,
        );
        Ok([over, PathArg::entry(mounted, mounted.follow(OFFSETS.vfsmount_root())?)])
    })
}
