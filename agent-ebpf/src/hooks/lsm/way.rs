//! Somebody who does not act for the account is asked to act.

use agent_common::wire::{
    Counter,
    record::{thing, verb},
};
use aya_ebpf::{macros::lsm, programs::LsmContext};

use super::{number, object};
use crate::{
    actor::Actor,
    ask::{self, ALLOW},
    call::Call,
    command,
    count::count,
    identity::{
        message::{self, Means, Piece, Sent},
        way,
    },
    lineage,
    offsets::{HOOKS, OFFSETS},
    path::PathArg,
    read::{Kernel, Unread},
    tamper,
};

/// Asks about a way, if what is done is one.
#[inline(always)]
fn of(way: impl FnOnce(&Actor) -> Result<u32, Unread>) -> i32 {
    let Some(actor) = lineage::current() else { return ALLOW };
    let waits = command::again_in_a_call(&actor);
    if waits != ALLOW {
        return waits;
    }
    match way(&actor) {
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

/// By a socket with a path.
#[lsm(hook = "unix_stream_connect")]
pub fn unix_stream_connect(ctx: LsmContext) -> i32 {
    of(|actor| way::of_listener(actor, object(&ctx, HOOKS.unix_connect_other())))
}

/// By a TCP port of this host.
#[lsm(hook = "socket_connect")]
pub fn socket_connect(ctx: LsmContext) -> i32 {
    of(|_| {
        // https://github.com/torvalds/linux/blob/v6.12/include/linux/net.h#L64
        const SOCK_STREAM: u16 = 1;
        let socket = object(&ctx, HOOKS.socket_connect_sock()).follow(OFFSETS.socket_sk())?;
        if number(&ctx, HOOKS.socket_connect_length()) < way::SHORTEST
            || socket.field::<u16>(HOOKS.sock_type())? != SOCK_STREAM
        {
            return Ok(0);
        }
        // The kernel has copied it to where there is room for any address.
        Ok(way::of_port(&object(&ctx, HOOKS.socket_connect_address()).field(0)?))
    })
}

/// By a message, on a bus.
#[lsm(hook = "socket_sendmsg")]
pub fn socket_sendmsg(ctx: LsmContext) -> i32 {
    let mut is_tampering = false;
    let answer = of(|actor| {
        let socket = object(&ctx, HOOKS.sendmsg_sock()).follow(OFFSETS.socket_sk())?;
        let number = way::of_bus(actor, socket)?;
        if number == 0 {
            return Ok(0);
        }
        let (msg, size) = (object(&ctx, HOOKS.sendmsg_msg()), object(&ctx, HOOKS.sendmsg_size()).0);
        match meaning(actor, msg, size) {
            ANOTHER => return Ok(number),
            TAMPERING => is_tampering = true,
            _ => {}
        }
        Ok(0)
    });
    match lineage::current().filter(|_| is_tampering) {
        Some(actor) => tamper::with(&actor, thing::UNIT),
        None => answer,
    }
}

/// What [`Means`] comes to here.
const NOTHING: u32 = 0;
const ANOTHER: u32 = 1;
const TAMPERING: u32 = 2;

/// In a function of its own: what that needs of the stack is free again when somebody is asked.
#[inline(never)]
fn meaning(actor: &Actor, msg: Kernel, size: u64) -> u32 {
    match sent(msg, size).map(|sent| message::means(actor, &sent)) {
        Ok(Means::Nothing | Means::Unit) => NOTHING,
        Ok(Means::Tampering) => TAMPERING,
        Ok(Means::Another) | Err(Unread) => ANOTHER,
    }
}

/// One piece in the sender's memory, or a list of them in the kernel's. What a file system or another socket sends is neither, and is
/// not read.
#[inline(always)]
fn sent(msg: Kernel, size: u64) -> Result<Sent, Unread> {
    let list = msg.follow(HOOKS.msg_segments())?;
    let skipped: u64 = msg.field(HOOKS.msg_skipped())?;
    let is_kernels = (list.0 as i64) < 0;
    let one = Piece { at: list.0, length: skipped + size };
    let mut pieces = if is_kernels { list.field(0)? } else { [one, Piece::NONE, Piece::NONE, Piece::NONE] };
    pieces[0].at += skipped;
    pieces[0].length = pieces[0].length.saturating_sub(skipped);
    Ok(Sent { pieces, size })
}
