//! Contents that go: truncate, ftruncate. Opens that empty a file are with the opens.

use agent_common::wire::record::verb;
use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::enter;
use crate::{
    call::Call,
    offsets::OFFSETS,
    path::PathArg,
    read::{self, Unread},
};

/// `truncate(path, length)`: the file cannot be reached from the text, so every one counts, growing ones too.
#[tracepoint]
pub fn truncate(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[path, ..]| Call::one(verb::TRUNCATE, PathArg::cwd(path)))
}

/// `ftruncate(descriptor, length)`: the open file tells whether anything is lost.
#[tracepoint]
pub fn ftruncate(ctx: TracePointContext) -> u32 {
    enter(&ctx, |[descriptor, length, ..]| shrinking(descriptor, length))
}

#[inline(always)]
pub(super) fn shrinking(descriptor: u64, length: u64) -> Call {
    match loss(descriptor, length) {
        Ok(Some(size)) => Call::one(verb::TRUNCATE, PathArg::descriptor(descriptor)).sized(size, length),
        _ => Call::HARMLESS,
    }
}

/// How long the file is, if that is longer than it is to be and it has a name to lose it under.
#[inline(always)]
fn loss(descriptor: u64, length: u64) -> Result<Option<u64>, Unread> {
    let file = read::open_file(descriptor as u32)?;
    let inode =
        file.within(OFFSETS.file_path()).follow(OFFSETS.path_dentry())?.follow(OFFSETS.dentry_inode())?;
    let size = inode.field(OFFSETS.inode_size())?;
    Ok((length < size && inode.field::<u32>(OFFSETS.inode_nlink())? > 0).then_some(size))
}
