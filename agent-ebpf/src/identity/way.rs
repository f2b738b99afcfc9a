//! Ways to have others act: sockets and ports behind which somebody does what is asked, whoever asks.

use agent_common::wire::{
    identity::{ProgramKey, asked_by, is_own, mapped, of},
    row::{Claim, Member},
};

use super::{names, program};
use crate::{
    actor::Actor,
    desk::Desk,
    maps::{ADDRESSES, LINEAGE, PORTS, PROGRAMS},
    offsets::OFFSETS,
    path::Scratch,
    read::{self, Kernel, Unread},
};

// https://github.com/torvalds/linux/blob/v6.12/include/linux/socket.h#L193
pub const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// The number of the way that connecting to a socket is; 0 if it is none. Behind one of the account's own nobody else acts: what
/// that process does is the account's.
#[inline(always)]
pub fn of_listener(actor: &Actor, listener: Kernel) -> Result<u32, Unread> {
    let way = at_socket(listener)?;
    let is_way = way.account() == asked_by::CONNECTION && way.entry() != 0;
    Ok(if is_way && !is_of(actor, listener)? { way.entry() } else { 0 })
}

/// The number of the way that messages by a socket of this process are; 0 if they are none.
#[inline(always)]
pub fn of_bus(actor: &Actor, socket: Kernel) -> Result<u32, Unread> {
    if socket.field::<u16>(OFFSETS.sock_family())? != AF_UNIX {
        return Ok(0);
    }
    let peer = socket.follow(OFFSETS.unix_peer())?;
    if peer == Kernel::NULL {
        return Ok(0);
    }
    let way = at_socket(peer)?;
    let is_way = way.account() == asked_by::MESSAGE && way.entry() != 0;
    // What the process is connected to is known with who listened there.
    Ok(if is_way && !is_of(actor, socket)? { way.entry() } else { 0 })
}

/// What the policy says of the path that a socket was bound to; those that somebody has accepted have it too.
#[inline(always)]
fn at_socket(socket: Kernel) -> Result<Claim, Unread> {
    let path = socket.within(OFFSETS.unix_path());
    let (mnt, dentry) = (path.follow(OFFSETS.path_mnt())?, path.follow(OFFSETS.path_dentry())?);
    if dentry == Kernel::NULL {
        return Ok(Claim::NONE); // it has no path
    }
    let Some(desk) = Desk::claim() else { return Ok(Claim::NONE) };
    program::stand_at(desk, mnt, dentry);
    let way = if program::resolve(desk.0, of::WAY) == 0 { Claim::NONE } else { met(desk) };
    desk.release();
    Ok(way)
}

/// Whether whoever listens acts for the account as well.
#[inline(always)]
fn is_of(actor: &Actor, socket: Kernel) -> Result<bool, Unread> {
    let tgid: u32 = socket.follow(OFFSETS.sock_peer_pid())?.field(OFFSETS.pid_numbers())?;
    // SAFETY: a live map entry.
    let member = LINEAGE.get_ptr(tgid).map(|member| unsafe { *member });
    Ok(member.is_some_and(|Member { claim, .. }| claim.account() == actor.index))
}

/// The same as [`of_listener`] by the text of an address that a call gives.
#[inline(always)]
pub fn of_text(address: u64, length: u64) -> u32 {
    const FAMILY: u64 = size_of::<u16>() as u64;
    if length <= FAMILY {
        return 0;
    }
    let Some(desk) = Desk::claim() else { return 0 };
    let way = if along(desk, address + FAMILY) { met(desk) } else { Claim::NONE };
    desk.release();
    if way.account() == asked_by::CONNECTION { way.entry() } else { 0 }
}

#[inline(always)]
fn along(desk: Desk, text: u64) -> bool {
    let Some(scratch) = desk.scratch() else { return false };
    let Ok(length) = read::user_text(text, &mut scratch.text) else { return false };
    scratch.text_len = length;
    length > 1 && program::follow(desk.0, of::WAY) != 0
}

/// What the policy says of the path that has been followed to its end.
#[inline(always)]
fn met(desk: Desk) -> Claim {
    let Some(&mut Scratch { fold, met, .. }) = desk.scratch() else { return Claim::NONE };
    // SAFETY: the value is copied at once, while the entry is alive.
    let exact = unsafe { PROGRAMS.get(ProgramKey::socket(fold.key())) }.copied();
    exact.unwrap_or_else(|| names::claim(of::WAY, met))
}

/// The beginning of an address of the internet, as large as the longer of both kinds.
pub type Internet = [u8; 24];
/// No address of the internet is shorter.
pub const SHORTEST: u32 = 8;

/// The number of the way that connecting to such an address is: a port of this host.
#[inline(always)]
pub fn of_port(address: &Internet) -> u32 {
    // https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/in6.h#L50
    let port = u16::from_be_bytes([address[2], address[3]]);
    // SAFETY: the value is copied at once, while the entry is alive.
    let Some(number) = (unsafe { PORTS.get(u32::from(port)) }).copied() else { return 0 };
    let host = match family(address) {
        AF_INET => mapped([address[4], address[5], address[6], address[7]]),
        AF_INET6 => {
            let mut host = [0; 16];
            host.copy_from_slice(&address[8..24]);
            host
        }
        _ => return 0,
    };
    // SAFETY: whether there is an entry, not what it holds.
    if is_own(host) || unsafe { ADDRESSES.get(host) }.is_some() { number } else { 0 }
}

#[inline(always)]
pub fn family(address: &Internet) -> u16 {
    u16::from_ne_bytes([address[0], address[1]])
}
