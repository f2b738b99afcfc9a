//! Names that come: open, creat, mkdir, mknod, symlink, link. A name that comes back is half of a recreate; one that is
//! new is the account's own; and an open may empty what was there.

use agent_common::wire::record::verb;
use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::enter;
use crate::{
    call::{Call, flag},
    hooks::{O_APPEND, O_TRUNC},
    path::PathArg,
    read,
};

const O_ACCMODE: u64 = 0o3;
const O_CREAT: u64 = 0o100;
const O_EXCL: u64 = 0o200;
const O_PATH: u64 = 0o1000_0000;
const AT_SYMLINK_FOLLOW: u64 = 0x400;
const RESOLVE_IN_ROOT: u64 = 0x10;

/// The name that a call makes which makes no file.
#[inline(always)]
pub(super) fn making(path: PathArg) -> Call {
    Call::one(verb::CREATE, path)
}

/// The same of a symbolic link.
#[inline(always)]
pub(super) fn symlinking(path: PathArg) -> Call {
    making(path).with(flag::REDIRECTS)
}

/// A second name for a file.
#[inline(always)]
pub(super) fn linking(flags: u64, from: PathArg, to: PathArg) -> Call {
    let follows = if flags & AT_SYMLINK_FOLLOW != 0 { flag::FOLLOWS } else { 0 };
    Call::two(verb::LINK, from, to).with(follows)
}

/// An open; one that neither makes nor empties a file, nor may write over it, destroys nothing.
#[inline(always)]
pub(super) fn opening(path: PathArg, flags: u64) -> Call {
    let creates = flags & O_CREAT != 0;
    let empties = flags & O_TRUNC != 0;
    let overwrites = flags & O_ACCMODE != 0 && flags & O_APPEND == 0;
    // What is appended may be a job, or go to what is burstguard's own.
    let writes = flags & O_ACCMODE != 0;
    if flags & O_PATH != 0 || (!creates && !empties && !writes) {
        return Call::HARMLESS;
    }
    let mut known = if writes { flag::WRITES } else { 0 };
    if creates {
        known |= flag::CREATES;
    }
    if empties {
        known |= flag::EMPTIES;
    }
    if overwrites {
        known |= flag::OVERWRITES;
    }
    if creates && flags & O_EXCL != 0 {
        known |= flag::NEW_ONLY;
    }
    Call::one(verb::OPEN, path).with(known)
}

/// `open(path, flags)`
#[tracepoint]
pub fn open(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[path, flags, ..]| opening(PathArg::cwd(path), flags))
}

/// `openat(dirfd, path, flags)`
#[tracepoint]
pub fn openat(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[dirfd, path, flags, ..]| opening(PathArg::at(dirfd, path), flags))
}

/// `openat2(dirfd, path, how)`: `how` is flags, mode and how to resolve. If that is not in memory yet, they are taken to
/// be the worst; a file that was not emptied gives its slot back when the call is done only if it was created, so this
/// may count a harmless open once.
#[tracepoint]
pub fn openat2(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[dirfd, path, how, ..]| {
        let [flags, _, resolve] = read::user(how).unwrap_or([O_CREAT | O_TRUNC, 0, 0]);
        opening(resolving(dirfd, path, resolve), flags)
    })
}

/// How `openat2` has its path resolved.
#[inline(always)]
pub(super) fn resolving(dirfd: u64, path: u64, resolve: u64) -> PathArg {
    let in_root = resolve & RESOLVE_IN_ROOT != 0;
    if in_root { PathArg::in_root(dirfd, path) } else { PathArg::at(dirfd, path) }
}

/// `creat(path)`
#[tracepoint]
pub fn creat(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[path, ..]| opening(PathArg::cwd(path), O_CREAT | O_TRUNC))
}

/// `mkdir(path)` and `mknod(path)`
#[tracepoint]
pub fn mkdir(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[path, ..]| making(PathArg::cwd(path)))
}

/// `mkdirat(dirfd, path)` and `mknodat(dirfd, path)`
#[tracepoint]
pub fn mkdirat(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[dirfd, path, ..]| making(PathArg::at(dirfd, path)))
}

/// `symlink(target, path)`
#[tracepoint]
pub fn symlink(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[_, path, ..]| symlinking(PathArg::cwd(path)))
}

/// `symlinkat(target, dirfd, path)`
#[tracepoint]
pub fn symlinkat(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[_, dirfd, path, ..]| symlinking(PathArg::at(dirfd, path)))
}

/// `link(from, to)`
#[tracepoint]
pub fn link(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[from, to, ..]| linking(0, PathArg::cwd(from), PathArg::cwd(to)))
}

/// `linkat(from_dirfd, from, to_dirfd, to, flags)`
#[tracepoint]
pub fn linkat(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[from_dirfd, from, to_dirfd, to, flags]| {
        linking(flags, PathArg::at(from_dirfd, from), PathArg::at(to_dirfd, to))
    })
}
