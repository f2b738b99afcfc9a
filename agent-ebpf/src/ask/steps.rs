//! What is done about the current thread's call, a step each, and each step a global function.

use agent_common::{
    rules::{budget::Room, judge::Verdict},
    wire::record::{verb, what},
};

use crate::{
    act::{self, Ledger, redirects},
    actor::Actor,
    call::{Pending, flag},
    charge, directory, emit, grant, pending, size, verdict,
};

/// What it would destroy.
#[inline(always)]
pub fn weigh(actor: &Actor) {
    outcome(actor, 0);
}

/// [`act::outcome`], a step each.
#[inline(always)]
fn outcome(actor: &Actor, tell: u32) {
    let _ = step_begin(actor.index);
    let _ = (step_touch(actor.index, 0, tell), step_touch(actor.index, 1, tell));
}

/// How large what it destroys is.
#[inline(always)]
pub fn measure(actor: &Actor) {
    let _ = step_measure(actor.index);
}

/// A slot for each operation that it is; 1 if there was none.
#[inline(always)]
pub fn claim(actor: &Actor) -> u32 {
    step_claim(actor.index)
}

#[inline(always)]
pub fn give_back(actor: &Actor) {
    let _ = step_give_back(actor.index);
}

/// The ledger is told.
#[inline(always)]
pub fn tell(actor: &Actor) {
    outcome(actor, 1);
}

/// The account's standing follows. `granted`: it may, whatever the budgets say.
#[inline(always)]
pub fn verdict(actor: &Actor, granted: bool) -> Verdict {
    match step_verdict(actor.index, u32::from(granted)) {
        HOLD => Verdict::Hold,
        DENY => Verdict::Deny,
        _ => Verdict::Allow,
    }
}

/// It is done, or has failed: then nothing is to be left of it.
#[inline(always)]
pub fn done(actor: &Actor, result: i64) {
    let _ = step_done(actor.index, result);
}

#[inline(always)]
fn step(account: u32, step: impl FnOnce(&Actor, &mut Pending) -> u32) -> u32 {
    pending::of_current(account, step).unwrap_or(0)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn step_begin(account: u32) -> u32 {
    step(account, |_, pending| {
        act::begin(pending);
        0
    })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn step_touch(account: u32, end: u32, tell: u32) -> u32 {
    step(account, |actor, pending| {
        act::touch(actor, pending, end, if tell == 0 { Ledger::Ask } else { Ledger::Tell });
        0
    })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn step_measure(account: u32) -> u32 {
    step(account, |_, pending| {
        pending.sizes = size::of_call(pending);
        0
    })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn step_claim(account: u32) -> u32 {
    step(account, |actor, pending| u32::from(matches!(charge::reconcile(actor, pending), Room::Over)))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn step_give_back(account: u32) -> u32 {
    step(account, |actor, pending| {
        charge::give_back(actor, pending);
        0
    })
}

const HOLD: u32 = 1;
const DENY: u32 = 2;

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn step_verdict(account: u32, granted: u32) -> u32 {
    step(account, |actor, pending| {
        let room = if pending.over == 0 { Room::Within } else { Room::Over };
        let judged = verdict::of_call(actor, pending, granted != 0, room);
        if judged.begins_burst {
            pending.flags |= flag::BEGINS;
        }
        match judged.verdict {
            Verdict::Hold => HOLD,
            Verdict::Deny => DENY,
            Verdict::Allow | Verdict::Report | Verdict::Stop => 0,
        }
    })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn step_done(account: u32, result: i64) -> u32 {
    step(account, |actor, pending| {
        if result < 0 {
            act::undo(actor, pending);
            charge::give_back(actor, pending);
            grant::give_back(actor, pending);
        } else {
            if redirects(pending) {
                actor.disown_before(emit::now());
            }
            directory::moved(pending);
            if !pending.kinds().is_empty() {
                emit::call_of_thread(actor, what::OPERATION);
            }
        }
        pending.verb = verb::NONE;
        0
    })
}
