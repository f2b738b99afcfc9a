//! Messages that have the service manager start a unit (D-Bus). Its processes are nobody's children of whoever asked, but the message
//! says what the unit will be called, and its control group has that name.
//!
//! What is sent by a bus is believed to be harmless only if it is one whole message, or a line of the handshake before: nobody hides one by
//! sending it in pieces, or behind another.

use core::ffi::c_void;

use agent_common::{
    rules::identity::Evidence,
    wire::{
        identity::{LAUNCHED as ENTRY, Launch, UNIT_LEN},
        row::Claim,
    },
};
use aya_ebpf::bindings::BPF_ANY;

use crate::{
    actor::Actor,
    desk::Desk,
    emit,
    maps::{LAUNCHED, LAUNCHES},
    path::{Scratch, state},
    place::{desk, walk},
    read::{self, Unread},
};

/// What is sent, as far as it is looked at.
#[derive(Clone, Copy)]
pub struct Sent {
    /// Where it lies in the sender's memory, and how much: often the head of a message, and then its body.
    pub pieces: [Piece; 2],
    /// How much it is in all.
    pub size: u64,
}

/// A part of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Piece {
    pub at: u64,
    pub length: u64,
}

/// What it comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// Nothing that anybody would have to know of.
    Nothing,
    /// A unit is started, whose processes are told by its name.
    Unit,
    /// Somebody acts, and nobody can tell who will be: it is not to be read, or the unit has a name that another could have.
    Another,
}

/// The head of a message; all numbers in the order of its sender, which is this machine's.
/// <https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-messages>
#[repr(C)]
#[derive(Clone, Copy)]
struct Head {
    /// `l`: the lowest byte first.
    order: u8,
    kind: u8,
    flags: u8,
    version: u8,
    body: u32,
    serial: u32,
    fields: u32,
}

const HEAD: u64 = size_of::<Head>() as u64;
/// No line of a handshake is as long, and no message that starts a unit as short.
const LONGEST_LINE: u64 = 128;
/// How much of a head's fields is looked at.
const FIELDS: usize = 1024;
/// In which steps they begin.
const STEP: usize = 8;

/// What a process sends by a bus.
#[inline(always)]
pub fn means(actor: &Actor, sent: &Sent) -> Means {
    let Some(desk) = Desk::claim() else { return Means::Another };
    let means = read_at(desk, sent).unwrap_or(Means::Another);
    let means = if matches!(means, Means::Unit) && !launch(actor, desk) { Means::Another } else { means };
    desk.release();
    means
}

/// Reads it, and leaves the name of the unit at the desk.
#[inline(always)]
fn read_at(desk: Desk, sent: &Sent) -> Result<Means, Unread> {
    let [first, second] = sent.pieces;
    let Head { order, kind, version, body, fields, .. } = if first.length < HEAD {
        // What is not there yet reads as no message.
        let letter: u8 = read::user(first.at)?;
        Head { order: letter, kind: b'A', flags: 0, version: 0, body: 0, serial: 0, fields: 0 }
    } else {
        read::user(first.at)?
    };
    if order != b'l' || version != 1 {
        let is_line = (order == 0 || order.is_ascii_uppercase()) && kind.is_ascii_uppercase();
        return Ok(if is_line && sent.size < LONGEST_LINE { Means::Nothing } else { Means::Another });
    }
    let head = HEAD + ((u64::from(fields) + 7) & !7);
    if head + u64::from(body) != sent.size || head > first.length || fields as usize > FIELDS {
        return Ok(Means::Another);
    }
    let Some(scratch) = desk.scratch() else { return Ok(Means::Another) };
    read::user_bytes(first.at + HEAD, &mut scratch.text[..fields as usize & (2 * FIELDS - 1)])?;
    scratch.text_len = fields;
    // A call is a method's; answers and signals start nothing.
    if kind != 1 || walk(desk, is_member, (FIELDS / STEP) as u32) != state::DONE {
        return Ok(Means::Nothing);
    }
    // Its first argument is the name: a length, and that many bytes and a NUL.
    let begin = if head < first.length { first.at + head } else { second.at };
    let Some(scratch) = desk.scratch() else { return Ok(Means::Another) };
    scratch.last_length = read::user::<u32>(begin)?;
    read::user_text(begin + 4, &mut scratch.name)?;
    Ok(Means::Unit)
}

/// Whether a field is the one that says that the message is to start a unit: its code, its type, a length and a text.
extern "C" fn is_member(index: u32, context: *mut c_void) -> i64 {
    // In words: code 3, a text, of 18 bytes.
    const CODE: u64 = u64::from_le_bytes([3, 1, b's', 0, 18, 0, 0, 0]);
    const NAME: [u64; 2] = [u64::from_le_bytes(*b"StartTra"), u64::from_le_bytes(*b"nsientUn")];
    const REST: u64 = u16::from_le_bytes(*b"it") as u64;
    let Some(scratch) = desk(context).scratch() else { return 1 };
    let at = (index as usize * STEP) & (FIELDS - 1);
    if at + 4 * STEP > scratch.text_len as usize + STEP {
        return 1;
    }
    let is = scratch.word(at) == CODE
        && scratch.word(at + STEP) == NAME[0]
        && scratch.word(at + 2 * STEP) == NAME[1]
        && scratch.word(at + 3 * STEP) & 0x00ff_ffff == REST;
    if is {
        scratch.state = state::DONE;
    }
    i64::from(is)
}

/// The processes of the unit whose name is at the desk are the account's from now on; whether that could be noted.
#[inline(always)]
fn launch(actor: &Actor, desk: Desk) -> bool {
    let Some(scratch) = desk.scratch() else { return false };
    let length = scratch.last_length;
    if length as usize >= UNIT_LEN || !has_own_name(scratch) {
        return false;
    }
    scratch.take_name(length);
    let claim = Claim::of(actor.index, Evidence::Launched, ENTRY);
    scratch.launch = Launch { claim, at: emit::now(), name: [0; UNIT_LEN] };
    let Scratch { launch, name, .. } = scratch;
    launch.name.copy_from_slice(&name[..UNIT_LEN]);
    let entry: &Launch = launch; // by reference: a copy would fill the stack
    if LAUNCHES.insert(scratch.last, entry, u64::from(BPF_ANY)).is_err() {
        return false;
    }
    if let Some(any) = LAUNCHED.get_ptr_mut(0) {
        // SAFETY: a live entry of an array map; volatile because other CPUs read it.
        unsafe { core::ptr::write_volatile(any, 1) }
    }
    emit::launched(actor, &scratch.launch.name);
    true
}

/// Whether the name is one that the asker has made up: `run-….service`, as `systemd-run` and `run0` do. Any other could be that of a
/// unit that is there, whose processes are nobody's.
#[inline(always)]
fn has_own_name(scratch: &Scratch) -> bool {
    const FRONT: &[u8; 4] = b"run-";
    const BACK: &[u8; 8] = b".service";
    // Volatile: the compiler knows by now that it is small, and would leave the mask out, by which the verifier knows.
    // SAFETY: a reference is valid to read from.
    let length =
        unsafe { core::ptr::read_volatile(&raw const scratch.last_length) } as usize & (UNIT_LEN - 1);
    if length < FRONT.len() + BACK.len() {
        return false;
    }
    let begin = length - BACK.len();
    let mut differs = scratch.name[length]; // it ends there
    for (index, byte) in FRONT.iter().enumerate() {
        differs |= scratch.name[index] ^ byte;
    }
    for (index, byte) in BACK.iter().enumerate() {
        differs |= scratch.name[(begin + index) & (UNIT_LEN - 1)] ^ byte;
    }
    differs == 0
}
