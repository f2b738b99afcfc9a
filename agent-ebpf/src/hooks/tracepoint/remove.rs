//! Names that go: unlink, unlinkat, rmdir.

use agent_common::wire::record::verb;
use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::enter;
use crate::{call::Call, path::PathArg};

/// `unlink(path)`, and `rmdir(path)` alike.
#[tracepoint]
pub fn unlink(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[path, ..]| Call::one(verb::REMOVE, PathArg::cwd(path)))
}

/// `unlinkat(dirfd, path, flags)`
#[tracepoint]
pub fn unlinkat(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[dirfd, path, ..]| Call::one(verb::REMOVE, PathArg::at(dirfd, path)))
}
