//! Descriptors that may write over what is there: one that is opened so, and one for appending that becomes so. What is
//! written by it nobody is asked for; so becoming so counts, once.

use agent_common::wire::{Counter, record::verb};
use aya_ebpf::{macros::lsm, programs::LsmContext};

use super::{entry_at, number, object};
use crate::{
    actor::Actor,
    alias,
    ask::{self, ALLOW},
    call::Call,
    command,
    count::count,
    hooks::{O_APPEND, O_TRUNC},
    lineage,
    offsets::{HOOKS, OFFSETS},
    read::{Kernel, Unread},
    size::{self, Written},
    tamper,
};

/// After the kernel's own permission check. An open that empties the file is a truncation, which is asked for by itself; one that has
/// made it may have made a job.
#[lsm(hook = "file_open")]
pub fn file_open(ctx: LsmContext) -> i32 {
    let Some(actor) = lineage::current() else { return ALLOW };
    let waits = command::again(&actor);
    if waits != ALLOW {
        return waits;
    }
    let file = object(&ctx, 0);
    match size::written_by(file) {
        Written::Made => ask::written(&actor),
        // It may be a job, or burstguard's own. One that holds something, and is not emptied: below.
        Written::Kept if !may_overwrite(file) => ask::at_once(&actor, name(&actor, file, verb::WRITE)),
        Written::Kept => of(&actor, file, overwrites),
        Written::Not => tamper::at_reading(&actor, file),
    }
}

#[inline(always)]
fn overwrites(flags: u64) -> bool {
    flags & (O_TRUNC | O_APPEND) == 0
}

/// Whether an open for writing is asked about as one that overwrites.
#[inline(always)]
fn may_overwrite(file: Kernel) -> bool {
    let flags = file.field::<u32>(OFFSETS.file_flags());
    matches!(flags, Ok(flags) if overwrites(flags.into())) && size::to_overwrite(file).is_some()
}

/// A descriptor for appending is one no more.
#[lsm(hook = "file_fcntl")]
pub fn file_fcntl(ctx: LsmContext) -> i32 {
    // https://github.com/torvalds/linux/blob/v6.12/include/uapi/asm-generic/fcntl.h#L157
    const F_SETFL: u32 = 4;
    if number(&ctx, HOOKS.file_fcntl_command()) != F_SETFL
        || object(&ctx, HOOKS.file_fcntl_argument()).0 & O_APPEND != 0
    {
        return ALLOW;
    }
    lineage::current().map_or(ALLOW, |actor| of(&actor, object(&ctx, 0), appends))
}

/// A mapping through which stores reach the file, wherever its descriptor appends. It need not be for writing yet: `mprotect`
/// makes it so.
#[lsm(hook = "mmap_file")]
pub fn mmap_file(ctx: LsmContext) -> i32 {
    // MAP_SHARED_VALIDATE has this bit too. https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/mman.h#L17
    const MAP_SHARED: u32 = 1;
    let Some(actor) = lineage::current() else { return ALLOW };
    let waits = command::again(&actor);
    if waits != ALLOW || number(&ctx, HOOKS.mmap_file_flags()) & MAP_SHARED == 0 {
        return waits;
    }
    of(&actor, object(&ctx, 0), appends)
}

#[inline(always)]
fn appends(flags: u64) -> bool {
    flags & O_APPEND != 0
}

/// Asks about a file that can be overwritten, if these are its flags.
#[inline(always)]
fn of(actor: &Actor, file: Kernel, are_so: fn(u64) -> bool) -> i32 {
    let flags = file.field::<u32>(OFFSETS.file_flags());
    if !matches!(flags, Ok(flags) if are_so(flags.into())) || size::to_overwrite(file).is_none() {
        return ALLOW;
    }
    let answer = name(actor, file, verb::OVERWRITE);
    alias::turn(actor);
    ask::at_once(actor, answer)
}

#[inline(never)]
fn name(actor: &Actor, file: Kernel, verb: u32) -> i32 {
    match entry_at(file.within(OFFSETS.file_path())) {
        Ok(path) => ask::name(actor, &Call::one(verb, path)),
        Err(Unread) => {
            count(Counter::KernelRead);
            ALLOW
        }
    }
}
