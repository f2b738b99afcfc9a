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
        row::{Claim, OwnText, OwnUnit},
    },
};
use aya_ebpf::bindings::BPF_NOEXIST;

use crate::{
    actor::Actor,
    desk::Desk,
    emit,
    maps::{LAUNCHED, LAUNCHES, UNIT},
    path::{Scratch, state},
    place::{desk, walk},
    read::{self, Unread},
};

/// What is sent, as far as it is looked at.
#[derive(Clone, Copy)]
pub struct Sent {
    /// Where it lies in the sender's memory: often the head of a message, and then its body. What is listed behind its end is nothing.
    pub pieces: [Piece; PIECES],
    /// How much it is in all.
    pub size: u64,
}

/// In more pieces nothing is read.
pub const PIECES: usize = 4;

/// A part of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Piece {
    pub at: u64,
    pub length: u64,
}

impl Piece {
    pub const NONE: Self = Self { at: 0, length: 0 };
}

/// What it comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// Nothing that anybody would have to know of.
    Nothing,
    /// A unit is started, whose processes are told by its name.
    Unit,
    /// Something is done to the agent's own unit.
    Tampering,
    /// Somebody acts, and nobody can tell who will be: it is not to be read, or the unit has a name that another could have.
    Another,
}

/// The head of a message; all numbers in the order of its sender, which is this machine's.
/// <https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-messages>
struct Head {
    /// `l`: the lowest byte first.
    order: u8,
    kind: u8,
    version: u8,
    /// How long the body is.
    body: u32,
    /// How long the fields are.
    fields: u32,
}

/// How much comes before the fields.
const HEAD: u32 = 16;
/// What is longer holds no lines of a handshake.
const LONGEST_LINES: u64 = 512;
/// How much of what is sent is looked at; a power of two.
const LOOKED_AT: usize = 2048;
/// How much of a head's fields is.
const FIELDS: u32 = 1024;
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
    if sent.size == 0 {
        return Ok(Means::Nothing);
    }
    gather(desk, sent)?;
    let Some(scratch) = desk.scratch() else { return Ok(Means::Another) };
    let mut begin = 0;
    if scratch.text[0] != b'l' || scratch.text[3] != 1 {
        if sent.size > LONGEST_LINES {
            return Ok(Means::Another);
        }
        scratch.position = 0;
        let state = walk(desk, along_lines, LONGEST_LINES as u32);
        let Some(scratch) = desk.scratch() else { return Ok(Means::Another) };
        let is_whole = u64::from(scratch.last_at) == sent.size;
        match state {
            // The credentials' byte, or lines alone; or a message, behind the last line.
            state::ON_THE_WAY => return Ok(Means::Nothing),
            state::DONE if is_whole => return Ok(Means::Nothing),
            state::DONE => begin = scratch.last_at,
            _ => return Ok(Means::Another),
        }
    }
    message_at(desk, sent, begin)
}

/// The beginning of all pieces, one behind the other.
#[inline(always)]
fn gather(desk: Desk, sent: &Sent) -> Result<(), Unread> {
    let Some(scratch) = desk.scratch() else { return Err(Unread) };
    scratch.text_len = 0;
    let mut all = 0;
    for piece in sent.pieces {
        if all >= sent.size {
            break;
        }
        all += piece.length;
        append(scratch, piece)?;
    }
    if all < sent.size { Err(Unread) } else { Ok(()) }
}

/// As much of it as there is room for.
#[inline(always)]
fn append(scratch: &mut Scratch, piece: Piece) -> Result<(), Unread> {
    let room = LOOKED_AT as u32 - 1 - scratch.text_len;
    scratch.last_length = if piece.length < u64::from(room) { piece.length as u32 } else { room };
    // Volatile: the compiler knows how large they are, and would leave the masks out, by which the verifier knows.
    // SAFETY: a reference is valid to read from.
    let (at, length) = unsafe {
        (
            core::ptr::read_volatile(&raw const scratch.text_len) as usize & (LOOKED_AT - 1),
            core::ptr::read_volatile(&raw const scratch.last_length) as usize & (LOOKED_AT - 1),
        )
    };
    read::user_bytes(piece.at, &mut scratch.text[at..][..length])?;
    scratch.text_len += length as u32;
    Ok(())
}

/// A byte of a handshake: text, but for one at its beginning. It ends with the line `BEGIN`, or has not come to its end.
/// <https://dbus.freedesktop.org/doc/dbus-specification.html#auth-protocol>
extern "C" fn along_lines(index: u32, context: *mut c_void) -> i64 {
    const LAST: &[u8; 8] = b"BEGIN\r\n\0";
    let Some(scratch) = desk(context).scratch() else { return 1 };
    if index >= scratch.text_len {
        return 1;
    }
    let byte = scratch.text[index as usize & (LOOKED_AT - 1)];
    let is_text = byte == b'\r' || byte == b'\n' || byte.wrapping_sub(b' ') < 0x5f;
    let may_be = is_text || index == 0 && byte == 0;
    if !may_be {
        scratch.state = state::FAILED;
        return 1;
    }
    let expected = LAST[scratch.position as usize & 7];
    scratch.position = if byte == expected { scratch.position + 1 } else { u32::from(byte == LAST[0]) };
    if scratch.position == 7 {
        scratch.last_at = index + 1;
        scratch.state = state::DONE;
        return 1;
    }
    0
}

/// A message that begins there, and ends with what is sent.
#[inline(always)]
fn message_at(desk: Desk, sent: &Sent, begin: u32) -> Result<Means, Unread> {
    let Some(scratch) = desk.scratch() else { return Ok(Means::Another) };
    let Head { order, kind, version, body, fields, .. } = Head::of(scratch, begin);
    let head = u64::from(HEAD) + ((u64::from(fields) + 7) & !7);
    let is_whole = u64::from(begin) + head + u64::from(body) == sent.size;
    if order != b'l' || version != 1 || !is_whole || fields > FIELDS {
        return Ok(Means::Another);
    }
    // Where its fields begin and end.
    (scratch.position, scratch.last_at) = (begin + HEAD, begin + HEAD + fields);
    if scratch.last_at > scratch.text_len {
        return Ok(Means::Another);
    }
    // A call is a method's; answers and signals start nothing.
    if kind == 1 && walk(desk, along_method, FIELDS / STEP as u32) == state::DONE && is_about_us(desk) {
        return Ok(Means::Tampering);
    }
    if kind != 1 || walk(desk, is_member, FIELDS / STEP as u32) != state::DONE {
        return Ok(Means::Nothing);
    }
    unit(desk, sent, u64::from(begin) + head)
}

/// What unit it is that the body which begins there is about: its name, a mode, its properties, and other units.
#[inline(always)]
fn unit(desk: Desk, sent: &Sent, body: u64) -> Result<Means, Unread> {
    const SCOPE: u64 = u64::from_le_bytes(*b".scope\0\0");
    // Aligned as from the beginning of the message, which ends its head aligned.
    let after = |at: u64, length: u32| (at + 4 + u64::from(length) + 1 + 3) & !3;
    let length = number(sent, body)?;
    if length as usize >= UNIT_LEN {
        return Ok(Means::Another);
    }
    let mode = after(0, length);
    let properties = after(mode, number(sent, body + mode)?);
    let others = ((properties + 4 + 7) & !7) + u64::from(number(sent, body + properties)?);
    if number(sent, body + others)? != 0 {
        return Ok(Means::Another);
    }
    let Some(scratch) = desk.scratch() else { return Ok(Means::Another) };
    if body + 4 + u64::from(length) >= u64::from(scratch.text_len) {
        return Ok(Means::Another);
    }
    let at = (body + 4) as usize & (LOOKED_AT - 1);
    let Scratch { name, text, .. } = scratch;
    name[..UNIT_LEN].copy_from_slice(&text[at..][..UNIT_LEN]);
    scratch.last_length = length;
    // A scope is of processes that are there already, and stay whose they are.
    let end = (body + 4 + u64::from(length)).wrapping_sub(6) as usize;
    let is_scope = scratch.word(end) & 0x00ff_ffff_ffff_ffff == SCOPE;
    Ok(if is_scope { Means::Nothing } else { Means::Unit })
}

/// The number at an offset in all that is sent.
#[inline(always)]
fn number(sent: &Sent, mut offset: u64) -> Result<u32, Unread> {
    for piece in sent.pieces {
        if offset < piece.length {
            return read::user(piece.at + offset);
        }
        offset -= piece.length;
    }
    Err(Unread)
}

impl Head {
    #[inline(always)]
    fn of(scratch: &Scratch, begin: u32) -> Self {
        let words = [scratch.word(begin as usize), scratch.word(begin as usize + 8)];
        let byte = |index: u32| (words[0] >> (8 * index)) as u8;
        Self {
            order: byte(0),
            kind: byte(1),
            version: byte(3),
            body: (words[0] >> 32) as u32,
            fields: (words[1] >> 32) as u32,
        }
    }
}

/// Whether a field is the one that says that the message is to start a unit: its code, its type, a length and a text.
extern "C" fn is_member(index: u32, context: *mut c_void) -> i64 {
    // In words: code 3, a text, of 18 bytes.
    const CODE: u64 = u64::from_le_bytes([3, 1, b's', 0, 18, 0, 0, 0]);
    const NAME: [u64; 2] = [u64::from_le_bytes(*b"StartTra"), u64::from_le_bytes(*b"nsientUn")];
    const REST: u64 = u16::from_le_bytes(*b"it") as u64;
    let Some(scratch) = desk(context).scratch() else { return 1 };
    let at = scratch.position as usize + index as usize * STEP;
    if at + 3 * STEP > scratch.last_at as usize {
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

/// Leaves the beginning of the method's name at the desk.
extern "C" fn along_method(index: u32, context: *mut c_void) -> i64 {
    // Code 3, a text.
    const CODE: u64 = u32::from_le_bytes([3, 1, b's', 0]) as u64;
    let Some(scratch) = desk(context).scratch() else { return 1 };
    let at = scratch.position as usize + index as usize * STEP;
    if at + 2 * STEP > scratch.last_at as usize {
        return 1;
    }
    if scratch.word(at) & 0xffff_ffff != CODE {
        return 0;
    }
    scratch.last = scratch.word(at + STEP);
    scratch.state = state::DONE;
    1
}

/// Whether the message names the agent's unit, and its method is none that changes nothing of it.
#[inline(always)]
fn is_about_us(desk: Desk) -> bool {
    let Some(scratch) = desk.scratch() else { return false };
    !is_harmless(scratch.last) && walk(desk, along_text, LOOKED_AT as u32) == state::DONE
}

/// What is asked, added, started (but by another unit that may be in conflict with it) and forgotten of it. By the beginnings of the names of
/// methods: <https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html>.
#[inline(always)]
fn is_harmless(method: u64) -> bool {
    const fn three(text: &[u8; 3]) -> u64 {
        u32::from_le_bytes([text[0], text[1], text[2], 0]) as u64
    }
    const START_OTHER: u64 = u64::from_le_bytes(*b"StartTra");
    const RESET: u64 = u32::from_le_bytes(*b"Rese") as u64;
    const BEGINNINGS: [u64; 11] = [
        three(b"Get"),
        three(b"Lis"),
        three(b"Loa"),
        three(b"Loo"),
        three(b"Sta"),
        three(b"Ref"),
        three(b"Unr"),
        three(b"Int"),
        three(b"Add"),
        three(b"Rem"),
        three(b"Sub"),
    ];
    let begins = method & 0x00ff_ffff;
    method & 0xffff_ffff == RESET
        || method != START_OTHER && BEGINNINGS.into_iter().any(|beginning| beginning == begins)
}

/// Whether the text there is the name of the agent's unit, or of its object: a whole one, or the end of a path.
extern "C" fn along_text(index: u32, context: *mut c_void) -> i64 {
    let Some(scratch) = desk(context).scratch() else { return 1 };
    let at = index as usize;
    if index >= scratch.text_len {
        return 1;
    }
    let before = scratch.text[at.wrapping_sub(1) & (LOOKED_AT - 1)];
    if index == 0 || before != 0 && before != b'/' {
        return 0;
    }
    let Some(OwnUnit { name, object }) = UNIT.get(0) else { return 1 };
    if !is_text_at(scratch, at, name) && !is_text_at(scratch, at, object) {
        return 0;
    }
    scratch.state = state::DONE;
    1
}

#[inline(always)]
fn is_text_at(scratch: &Scratch, at: usize, text: &OwnText) -> bool {
    let OwnText { words, masks } = text;
    let is = |word: usize| scratch.word(at + 8 * word) & masks[word] == words[word];
    masks[0] != 0 && is(0) && is(1) && is(2) && is(3)
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
    if let Some(known) = LAUNCHES.get_ptr_mut(scratch.last) {
        // SAFETY: a live map entry; whatever time of several askers stays is as good as another.
        let known = unsafe { &mut *known };
        let is_own = known.claim.account() == actor.index;
        if is_own {
            known.again = emit::now();
        }
        return is_own;
    }
    let now = emit::now();
    let claim = Claim::of(actor.index, Evidence::Launched, ENTRY);
    scratch.launch = Launch { claim, at: now, again: now, name: [0; UNIT_LEN] };
    let Scratch { launch, name, .. } = scratch;
    launch.name.copy_from_slice(&name[..UNIT_LEN]);
    let entry: &Launch = launch; // by reference: a copy would fill the stack
    if LAUNCHES.insert(scratch.last, entry, u64::from(BPF_NOEXIST)).is_err() {
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
