//! The budgets' part of a call: it holds a slot for each kind of operation that it is.

use agent_common::{
    rules::{
        Kind,
        budget::{self, Room, Window},
        judge::Phase,
    },
    wire::row::Budget,
};

use crate::{
    actor::Actor,
    call::{Held, Pending},
    ledger::{MapSlots, repeat},
};

/// Makes the call hold a slot for each kind of each of its names and none for any other. A tripped account's calls get no new ones.
/// `Over`: it should have got one and there was none, or a whole tree went at once.
#[inline(never)]
pub fn reconcile(actor: &Actor, pending: &mut Pending) -> Room {
    let counted = matches!(actor.standing().at(pending.at).phase, Phase::Armed);
    let mut over = pending.kinds().is_whole();
    repeat(Pending::HELD as u32, &mut |index| {
        let index = index as usize;
        if index >= Pending::HELD {
            return true;
        }
        let held = &mut pending.held[index];
        let (kinds, kind) = if index < Kind::COUNT {
            (pending.kinds[0], index)
        } else {
            (pending.kinds[1], index - Kind::COUNT)
        };
        // SAFETY: a live entry of an array map.
        let budget = unsafe { &raw mut (*actor.account).budgets[kind] };
        if kinds >> kind & 1 == 1 {
            over |= counted && held.is == 0 && !claim(budget, held, pending.at);
        } else if held.is != 0 {
            budget::give_back(&MapSlots::new(budget), held.claim());
            held.is = 0;
        }
        false
    });
    if over { Room::Over } else { Room::Within }
}

#[inline(always)]
fn claim(budget: *mut Budget, held: &mut Held, at: u64) -> bool {
    // SAFETY: part of a live entry of an array map.
    let window = unsafe { Window { length: (*budget).window, not_before: (*budget).not_before } };
    match budget::charge(&MapSlots::new(budget), window, at) {
        Some(claim) => {
            *held = Held { stamp: claim.stamp, before: claim.before, slot: claim.slot, is: 1 };
            true
        }
        None => false,
    }
}
