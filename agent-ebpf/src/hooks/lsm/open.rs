//! Opens that may write over what is there. What is written afterwards nobody is asked for; so the open counts, once.

use agent_common::wire::{Counter, record::verb};
use aya_ebpf::{macros::lsm, programs::LsmContext};

use super::{entry_at, object};
use crate::{
    actor::Actor,
    alias,
    ask::{self, ALLOW},
    call::Call,
    count::count,
    hooks::{O_APPEND, O_TRUNC},
    lineage,
    offsets::OFFSETS,
    read::{Kernel, Unread},
    size,
};

/// After the kernel's own permission check. An open that empties the file is a truncation, which is asked for by itself.
#[lsm(hook = "file_open")]
pub fn file_open(ctx: LsmContext) -> i32 {
    let Some(actor) = lineage::current() else { return ALLOW };
    let file = object(&ctx, 0);
    if !overwrites(file) {
        return ALLOW;
    }
    let answer = name(&actor, file);
    alias::turn(&actor);
    ask::at_once(&actor, answer)
}

#[inline(always)]
fn overwrites(file: Kernel) -> bool {
    matches!(file.field::<u32>(OFFSETS.file_flags()), Ok(flags) if u64::from(flags) & (O_TRUNC | O_APPEND) == 0)
        && size::to_overwrite(file).is_some()
}

#[inline(never)]
fn name(actor: &Actor, file: Kernel) -> i32 {
    match entry_at(file.within(OFFSETS.file_path())) {
        Ok(path) => ask::name(actor, &Call::one(verb::OVERWRITE, path)),
        Err(Unread) => {
            count(Counter::KernelRead);
            ALLOW
        }
    }
}
