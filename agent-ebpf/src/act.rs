//! What a call does to its names, and which operations that is by what the ledger knows of them.

use agent_common::{
    rules::{
        Kind, Kinds, command,
        ledger::FREE,
        name::{self, Change, Name, State},
        place,
    },
    wire::{
        record::verb,
        row::{is_own, name_from_word, name_to_word},
    },
};

use crate::{
    actor::Actor,
    call::{Pending, flag},
    ledger,
    path::{Target, found},
};

/// Whether the ledger is only asked, or told as well.
#[derive(Clone, Copy, PartialEq)]
pub enum Ledger {
    Ask,
    Tell,
}

/// Sets `pending.kinds` to what the call destroys of each name.
///
/// Both the changes and the kinds go through the memory of `pending` on purpose: the verifier forgets what it knew of
/// them there, and so follows the rules once instead of once for every way that leads to them.
#[inline(always)]
pub fn outcome(actor: &Actor, pending: &mut Pending, ledger: Ledger) {
    begin(pending);
    touch(actor, pending, 0, ledger);
    touch(actor, pending, 1, ledger);
}

/// What the call does by itself; what comes of it for each of its names is added by [`touch`], for the first of them first.
#[inline(always)]
pub fn begin(pending: &mut Pending) {
    pending.changes = changes(pending);
    pending.kinds = [if pending.verb == verb::ASK { Kinds::ESCAPE.bits() } else { 0 }, 0];
    pending.own = FREE;
}

/// Whether names below one that the call put in place may now lead to what the account did not make. A file of its own is no
/// danger; in a directory of its own others may have put something.
#[inline(always)]
pub fn redirects(pending: &Pending) -> bool {
    let [from, to] = &pending.ends;
    let is_own_file = pending.own != FREE
        && matches!(name_from_word(pending.own), Name { state: State::Scratch { file: true }, .. });
    let into_tree = to.found == found::PLACE || from.found == found::PLACE && pending.verb == verb::EXCHANGE;
    pending.flags & flag::REDIRECTS != 0 && (pending.verb == verb::CREATE || into_tree && !is_own_file)
}

/// Takes back what the ledger was told of a call that then failed.
#[inline(always)]
pub fn undo(actor: &Actor, pending: &Pending) {
    let Pending { ends: [first, second], changes, words, .. } = pending;
    for (end, change, word) in [(first, changes[0], words[0]), (second, changes[1], words[1])] {
        if change != 0 && end.found == found::PLACE {
            ledger::put_back(name_tag(actor, end), word);
        }
    }
}

/// The change of each of its names, in one byte; 0 for none.
mod change {
    pub const VANISHES: u8 = 1;
    pub const SHRINKS: u8 = 2;
    pub const LINKED: u8 = 3;
    pub const APPEARS: u8 = 4;
    pub const OPENS: u8 = 5;
    pub const OVER: u8 = 8;
    /// The account has made what appears, just now;
    pub const MADE: u8 = 16;
    /// and it is a file.
    pub const FILE: u8 = 32;
    pub const STAYS: u8 = 64;
}

#[inline(always)]
fn changes(pending: &Pending) -> [u8; 2] {
    use change::{APPEARS, FILE, LINKED, MADE, OPENS, OVER, SHRINKS, STAYS, VANISHES};
    let [first, second] = &pending.ends;
    match pending.verb {
        verb::CREATE if pending.flags & flag::CREATES != 0 => [APPEARS | MADE | FILE, 0],
        verb::CREATE => [APPEARS | MADE, 0],
        verb::LINK if pending.flags & flag::FOLLOWS != 0 => [0, APPEARS],
        verb::LINK => [LINKED, APPEARS],
        verb::REMOVE => [VANISHES, 0],
        verb::RENAME if first.root == second.root && first.key == second.key => [0, 0],
        verb::RENAME => {
            let stays = if second.found == found::PLACE { STAYS } else { 0 };
            let over = if pending.flags & flag::NEW_ONLY == 0 { OVER } else { 0 };
            [VANISHES | stays, APPEARS | over]
        }
        verb::EXCHANGE => [APPEARS | OVER, APPEARS | OVER],
        verb::TRUNCATE => [SHRINKS, 0],
        verb::MOUNT => [APPEARS | OVER, 0],
        verb::COMMAND => [VANISHES, 0],
        verb::COUNTER_COMMAND => [APPEARS, 0],
        verb::OPEN if pending.flags & flag::CREATED != 0 => [APPEARS | MADE | FILE, 0],
        verb::OPEN if pending.flags & flag::NEW_ONLY != 0 => [0, 0],
        verb::OPEN if pending.flags & flag::EMPTIES != 0 => [SHRINKS, 0],
        verb::OPEN if pending.flags & flag::OVERWRITES != 0 => [OPENS, 0],
        verb::OVERWRITE => [OPENS, 0],
        _ => [0, 0],
    }
}

/// `own`: what the account knows what appears by, under another name.
#[inline(always)]
fn change(code: u8, at: u64, own: u64) -> Option<Change> {
    match code & 7 {
        change::VANISHES => Some(Change::Vanishes { stays: code & change::STAYS != 0 }),
        change::SHRINKS => Some(Change::Shrinks),
        change::LINKED => Some(Change::Linked),
        change::OPENS => Some(Change::Opens),
        change::APPEARS => {
            let made = Name { state: State::Scratch { file: code & change::FILE != 0 }, at };
            let own = match code & change::MADE {
                0 if own == FREE => None,
                0 => Some(name_from_word(own)),
                _ => Some(made),
            };
            Some(Change::Appears { over: code & change::OVER != 0, own })
        }
        _ => None,
    }
}

#[inline(always)]
fn name_tag(actor: &Actor, end: &Target) -> u64 {
    place::tag(end.key.wrapping_add(end.apart), end.root, actor.index)
}

/// One name's part of an act.
#[inline(never)]
pub fn touch(actor: &Actor, pending: &mut Pending, end: u32, ledger: Ledger) {
    let Pending { ends, changes, kinds: found_kinds, at, own, words, verb, .. } = pending;
    let end = end as usize & 1; // no branch: both ends are followed as one
    let (end, code, kinds_of_end, word) = (&ends[end], changes[end], &mut found_kinds[end], &mut words[end]);
    let Some(change) = change(code, *at, *own) else { return };
    // What becomes of burstguard's own is judged by itself; of a tree that goes along, here.
    if end.found != found::PLACE || is_own(end.root) && end.whole == 0 {
        return;
    }
    let tag = name_tag(actor, end);
    let known = ledger::word(tag);
    let before = ledger::name_of(known, actor.scratch_from());
    let (after, kinds) = name::step(before, change, *at, actor.horizon());
    let kinds = if *verb == verb::COMMAND { command::kinds(kinds) } else { kinds };
    if matches!(change, Change::Vanishes { .. } | Change::Linked) {
        *own = name::own(before, *at, actor.horizon()).map_or(FREE, name_to_word);
    }
    if ledger == Ledger::Tell {
        *word = known;
        ledger::remember(tag, after);
    }
    let lost = kinds.has(Kind::Delete) || kinds.has(Kind::Replace);
    let kinds = if end.whole != 0 && lost { kinds.and(Kinds::WHOLE) } else { kinds };
    *kinds_of_end = kinds.bits();
}
