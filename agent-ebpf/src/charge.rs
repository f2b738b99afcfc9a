//! The budgets' part of a call: each of its names holds a slot of the kind of operation that it is.

use agent_common::{
    rules::{
        Kinds,
        budget::{self, Room, Window},
        judge::Phase,
    },
    wire::row::Budget,
};

use crate::{
    actor::Actor,
    call::{Held, Pending},
    ledger::MapSlots,
};

/// Makes each name of the call hold a slot of its kind and none of any other. A tripped account's calls get no new ones.
/// `Over`: it should have got one and there was none, or a whole tree went at once.
#[inline(always)]
pub fn reconcile(actor: &Actor, pending: &mut Pending) -> Room {
    let Pending { at, kinds, held: [first, second], .. } = pending;
    let is_by_itself = Kinds::from_bits(kinds[0] | kinds[1]).is_by_itself();
    let is_over = [hold(actor, first, kinds[0], *at), hold(actor, second, kinds[1], *at)];
    if is_by_itself || is_over[0] || is_over[1] { Room::Over } else { Room::Within }
}

/// Gives back whatever the call holds.
#[inline(always)]
pub fn give_back(actor: &Actor, pending: &mut Pending) {
    let [first, second] = &mut pending.held;
    let _ = hold(actor, first, 0, 0); // no kind: nothing is claimed
    let _ = hold(actor, second, 0, 0);
}

/// One name's part; whether there was no room for it.
#[inline(never)]
fn hold(actor: &Actor, held: &mut Held, kinds: u8, at: u64) -> bool {
    let wanted = Kinds::from_bits(kinds).first();
    if wanted == held.kind {
        return false;
    }
    if let Some(budget) = budget(actor, held.kind) {
        budget::give_back(&MapSlots::new(budget), held.claim());
        held.kind = Held::NO_KIND;
    }
    let Some(budget) = budget(actor, wanted) else { return false };
    if !matches!(actor.standing().at(at).phase, Phase::Armed) {
        return false;
    }
    // SAFETY: part of a live entry of an array map.
    let window = unsafe { Window { length: (*budget).window, not_before: (*budget).not_before } };
    let Some(claim) = budget::charge(&MapSlots::new(budget), window, at) else { return true };
    *held = Held { stamp: claim.stamp, before: claim.before, slot: claim.slot, kind: wanted };
    false
}

#[inline(always)]
fn budget(actor: &Actor, kind: u32) -> Option<*mut Budget> {
    if kind >= Held::NO_KIND {
        return None;
    }
    // SAFETY: a live entry of an array map.
    Some(unsafe { &raw mut (*actor.account).budgets[kind as usize] })
}
