//! Somebody who does not act for the account is asked to act.

use agent_common::wire::record::{thing, verb};
use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::enter;
use crate::{
    actor::Actor,
    call::Call,
    identity::{
        message::{self, Means, PIECES, Piece, Sent},
        way,
    },
    lineage,
    offsets::OFFSETS,
    path::PathArg,
    read::{self, Unread},
    size::is_socket,
    tamper,
};

/// Hands it to the judge, if it is a way.
#[inline(always)]
fn of(ctx: &TracePointContext, way: impl FnOnce(&Actor, [u64; 5]) -> Result<u32, Unread>) -> u32 {
    let Some(actor) = lineage::current() else { return 0 };
    match way(&actor, read::arguments(ctx)) {
        // What the kernel could not read either fails.
        Ok(0) | Err(Unread) => 0,
        Ok(number) => enter(ctx, |_| Call::one(verb::ASK, PathArg::way(number))),
    }
}

/// `connect(descriptor, address, length)`: a socket with a path, or a TCP port of this host.
#[tracepoint]
pub fn connect(ctx: TracePointContext) -> u32 {
    of(&ctx, |_, [_, address, length, ..]| to(address, length))
}

/// The number of the way that connecting to this address is, in the process's memory; 0 for none.
#[inline(always)]
pub(super) fn to(address: u64, length: u64) -> Result<u32, Unread> {
    if read::user::<u16>(address)? == way::AF_UNIX {
        return Ok(way::of_text(address, length));
    }
    if length < u64::from(way::SHORTEST) {
        return Ok(0);
    }
    // An address may be shorter than the longest: then what lies behind it is read with it, or it ends with the page.
    let address = read::user(address).or_else(|Unread| read::user::<[u8; 16]>(address).map(longer))?;
    Ok(way::of_port(&address))
}

#[inline(always)]
fn longer(short: [u8; 16]) -> way::Internet {
    let mut long = [0; 24];
    long[..16].copy_from_slice(&short);
    long
}

/// `sendmsg(descriptor, message)`, on a bus.
#[tracepoint]
pub fn sendmsg(ctx: TracePointContext) -> u32 {
    of(&ctx, |actor, [descriptor, message, ..]| by_message(actor, descriptor, message))
}

/// The number of the way that sending this message is, in the same way.
#[inline(always)]
pub(super) fn by_message(actor: &Actor, descriptor: u64, message: u64) -> Result<u32, Unread> {
    let file = read::open_file(descriptor as u32)?;
    if !is_socket(file) {
        return Ok(0);
    }
    let number = way::of_bus(actor, file.follow(OFFSETS.file_private())?.follow(OFFSETS.socket_sk())?)?;
    if number == 0 {
        return Ok(0);
    }
    Ok(match sent(message).map(|sent| message::means(actor, &sent)) {
        Ok(Means::Nothing | Means::Unit) => 0,
        Ok(Means::Tampering) => {
            tamper::tell(actor, thing::UNIT);
            0
        }
        Ok(Means::Another) | Err(Unread) => number,
    })
}

/// The pieces that a message says: where they are listed, and how many they are.
#[inline(always)]
fn sent(message: u64) -> Result<Sent, Unread> {
    // https://github.com/torvalds/linux/blob/v6.12/include/linux/socket.h#L81
    let [list, count]: [u64; 2] = read::user(message + 16)?;
    let mut pieces = [Piece::NONE; PIECES];
    let mut size = 0;
    for (index, piece) in pieces.iter_mut().enumerate() {
        if index as u64 >= count {
            break;
        }
        *piece = read::user(list + (index * size_of::<Piece>()) as u64)?;
        size += piece.length;
    }
    if count > PIECES as u64 { Err(Unread) } else { Ok(Sent { pieces, size }) }
}
