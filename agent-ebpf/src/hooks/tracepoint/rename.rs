//! Names that move: rename, renameat, renameat2.

use agent_common::wire::record::verb;
use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::enter;
use crate::{
    call::{Call, flag},
    path::PathArg,
};

const RENAME_NOREPLACE: u64 = 1;
const RENAME_EXCHANGE: u64 = 2;

/// What moves may be a directory, which this tier cannot tell.
#[inline(always)]
fn moving(verb: u32, from: PathArg, to: PathArg) -> Call {
    Call::two(verb, from, to).with(flag::REDIRECTS)
}

/// The same with the flags of `renameat2`.
#[inline(always)]
pub(super) fn moving_by(flags: u64, from: PathArg, to: PathArg) -> Call {
    let verb = if flags & RENAME_EXCHANGE != 0 { verb::EXCHANGE } else { verb::RENAME };
    let new_only = if flags & RENAME_NOREPLACE != 0 { flag::NEW_ONLY } else { 0 };
    moving(verb, from, to).with(new_only)
}

/// `rename(from, to)`
#[tracepoint]
pub fn rename(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[from, to, ..]| moving(verb::RENAME, PathArg::cwd(from), PathArg::cwd(to)))
}

/// `renameat(from_dirfd, from, to_dirfd, to)`: the fifth argument is not one of its own, and must not be read as flags.
#[tracepoint]
pub fn renameat(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[from_dirfd, from, to_dirfd, to, _]| {
        moving(verb::RENAME, PathArg::at(from_dirfd, from), PathArg::at(to_dirfd, to))
    })
}

/// `renameat2(from_dirfd, from, to_dirfd, to, flags)`
#[tracepoint]
pub fn renameat2(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[from_dirfd, from, to_dirfd, to, flags]| {
        moving_by(flags, PathArg::at(from_dirfd, from), PathArg::at(to_dirfd, to))
    })
}
