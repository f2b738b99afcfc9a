//! Ways to have others act: sockets behind which somebody does what is asked, whoever asks.

use agent_common::wire::{
    identity::{ProgramKey, of},
    row::Member,
};
use aya_ebpf::helpers::bpf_probe_read_user;

use super::{names, program};
use crate::{
    actor::Actor,
    desk::Desk,
    maps::{LINEAGE, PROGRAMS},
    offsets::{HOOKS, OFFSETS},
    path::Scratch,
    read::{self, Kernel, Unread},
};

/// The number of the way that a listening socket is; 0 if it is none. Behind one of the account's own nobody else acts: what that
/// process does is the account's.
#[inline(always)]
pub fn of_listener(actor: &Actor, listener: Kernel) -> Result<u32, Unread> {
    let path = listener.within(HOOKS.unix_path());
    let (mnt, dentry) = (path.follow(OFFSETS.path_mnt())?, path.follow(OFFSETS.path_dentry())?);
    if dentry == Kernel::NULL || is_of(actor, listener)? {
        return Ok(0); // it has no path
    }
    let Some(desk) = Desk::claim() else { return Ok(0) };
    program::stand_at(desk, mnt, dentry);
    let number = if program::resolve(desk.0, of::WAY) == 0 { 0 } else { met(desk) };
    desk.release();
    Ok(number)
}

/// Whether whoever listens acts for the account as well.
#[inline(always)]
fn is_of(actor: &Actor, listener: Kernel) -> Result<bool, Unread> {
    let tgid: u32 = listener.follow(HOOKS.sock_peer_pid())?.field(HOOKS.pid_numbers())?;
    // SAFETY: a live map entry.
    let member = LINEAGE.get_ptr(tgid).map(|member| unsafe { *member });
    Ok(member.is_some_and(|Member { claim, .. }| claim.account() == actor.index))
}

/// The same by the address that a call gives.
#[inline(always)]
pub fn of_address(address: u64, length: u64) -> u32 {
    const AF_UNIX: u16 = 1;
    const FAMILY: u64 = size_of::<u16>() as u64;
    // SAFETY: the helper checks the address.
    let family = unsafe { bpf_probe_read_user(address as *const u16) };
    if family != Ok(AF_UNIX) || length <= FAMILY {
        return 0;
    }
    let Some(desk) = Desk::claim() else { return 0 };
    let number = if along(desk, address + FAMILY) { met(desk) } else { 0 };
    desk.release();
    number
}

#[inline(always)]
fn along(desk: Desk, text: u64) -> bool {
    let Some(scratch) = desk.scratch() else { return false };
    let Ok(length) = read::user_text(text, &mut scratch.text) else { return false };
    scratch.text_len = length;
    length > 1 && program::follow(desk.0, of::WAY) != 0
}

/// Which way the path is that has been followed to its end.
#[inline(always)]
fn met(desk: Desk) -> u32 {
    let Some(&mut Scratch { fold, met, .. }) = desk.scratch() else { return 0 };
    // SAFETY: the value is copied at once, while the entry is alive.
    let exact = unsafe { PROGRAMS.get(ProgramKey::socket(fold.key())) }.copied();
    exact.unwrap_or_else(|| names::claim(of::WAY, met)).entry()
}
