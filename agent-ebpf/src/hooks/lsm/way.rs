//! Somebody who does not act for the account is asked to act.

use agent_common::wire::{Counter, record::verb};
use aya_ebpf::{macros::lsm, programs::LsmContext};

use super::object;
use crate::{
    actor::Actor,
    ask::{self, ALLOW},
    call::Call,
    count::count,
    identity::way,
    lineage,
    offsets::HOOKS,
    path::PathArg,
    read::Unread,
};

/// By a socket with a path.
#[lsm(hook = "unix_stream_connect")]
pub fn unix_stream_connect(ctx: LsmContext) -> i32 {
    let Some(actor) = lineage::current() else { return ALLOW };
    match way::of_listener(&actor, object(&ctx, HOOKS.unix_connect_other())) {
        Ok(0) => ALLOW,
        Ok(number) => ask::at_once(&actor, name(&actor, number)),
        Err(Unread) => {
            count(Counter::KernelRead);
            ALLOW
        }
    }
}

#[inline(never)]
fn name(actor: &Actor, number: u32) -> i32 {
    ask::name(actor, &Call::one(verb::ASK, PathArg::way(number)))
}
