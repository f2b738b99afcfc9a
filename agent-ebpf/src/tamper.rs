//! What a process of an account does to burstguard itself. It costs no budget and is no burst: it is refused, and told, unless a
//! grant covers it or nothing is enforced.

use agent_common::{
    rules::{
        Kinds,
        budget::Room,
        judge::{LOST, Verdict},
    },
    wire::{
        record::{thing, verb},
        row::{ABOVE_OWN, KEPT_OWN, PROCESS_OWN, is_own},
    },
};
use aya_ebpf::bindings::BPF_ANY;

use crate::{
    actor::Actor,
    ask::{ALLOW, EPERM},
    call::Pending,
    desk::Desk,
    emit, grant,
    maps::TOLD,
    path::{PathArg, Scratch, Target, found},
    pending, place,
    read::Kernel,
    size, verdict,
};

/// What one account does to one thing is told again after so long (ns).
const TELL_AGAIN: u64 = 100_000_000;

/// What global functions say. Of 0 and 1 the compiler would make the hook's answer by arithmetic, and the verifier, which believes nothing
/// of what a global function returns, would refuse that.
const PASSES: u32 = 1;
const REFUSED: u32 = 2;

#[inline(always)]
fn said(refused: bool) -> u32 {
    if refused { REFUSED } else { PASSES }
}

#[inline(always)]
fn answer(said: u32) -> i32 {
    if said == REFUSED { EPERM } else { ALLOW }
}

/// What becomes of it, whatever was touched but a name.
#[inline(always)]
pub fn with(actor: &Actor, thing: u32) -> i32 {
    answer(judge(actor.index, thing))
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn judge(account: u32, thing: u32) -> u32 {
    let Some(actor) = Actor::of(account) else { return PASSES };
    let refused = is_refused(&actor);
    if is_to_be_told(account, thing, 0, refused) {
        emit::tampering(&actor, thing, refused);
    }
    said(refused)
}

/// Tells of what can only be told.
#[inline(always)]
pub fn tell(actor: &Actor, thing: u32) {
    if is_to_be_told(actor.index, thing, 0, false) {
        emit::tampering(actor, thing, false);
    }
}

#[inline(always)]
fn is_refused(actor: &Actor) -> bool {
    let judged = verdict::of(actor, false, Kinds::TAMPERING, Room::Within, emit::now());
    matches!(judged.verdict, Verdict::Deny)
}

#[inline(always)]
fn is_to_be_told(account: u32, thing: u32, root: u32, refused: bool) -> bool {
    let key = [account << 1 | u32::from(refused), thing << 16 | root & 0xffff];
    let now = emit::now();
    // SAFETY: the value is copied at once, while the entry is alive.
    let last = unsafe { TOLD.get(key) }.copied().unwrap_or(0);
    if last != 0 && now.saturating_sub(last) < TELL_AGAIN {
        return false;
    }
    let _ = TOLD.insert(key, now, u64::from(BPF_ANY)); // one that is not remembered is told once more
    true
}

/// Whether a call that does this touches burstguard's own there.
#[inline(always)]
pub fn touches(verb: u32, end: &Target) -> bool {
    let is_above = end.root == ABOVE_OWN;
    end.found == found::PLACE
        && is_own(end.root)
        && !(is_above && keeps_in_place(verb))
        && !(end.root == PROCESS_OWN && is_gone())
}

/// Whether the agent has not been heard of for so long that its id may be another's.
#[inline(always)]
fn is_gone() -> bool {
    let heard = verdict::heartbeat();
    heard != 0 && emit::now().saturating_sub(heard) > LOST
}

/// A directory on the way to what is burstguard's own may be changed, if it stays where it is.
#[inline(always)]
fn keeps_in_place(verb: u32) -> bool {
    !matches!(verb, verb::REMOVE | verb::RENAME | verb::EXCHANGE | verb::MOUNT)
}

/// The same of a call whose names have been looked at.
#[inline(always)]
pub fn is_by(pending: &Pending) -> bool {
    touches(pending.verb, &pending.ends[0]) || touches(pending.verb, &pending.ends[1])
}

/// What becomes of the current thread's call, which touches what is burstguard's own.
#[inline(always)]
pub fn by_call(actor: &Actor) -> i32 {
    answer(judge_call(actor.index))
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn judge_call(account: u32) -> u32 {
    pending::of_current(account, |actor, pending| said(is_call_refused(actor, pending))).unwrap_or(PASSES)
}

#[inline(always)]
fn is_call_refused(actor: &Actor, pending: &mut Pending) -> bool {
    let end = usize::from(!touches(pending.verb, &pending.ends[0]));
    let granted = grant::covers(actor, pending);
    let refused = !granted && is_refused(actor);
    let thing = if pending.verb == verb::MOUNT { thing::MOUNT } else { thing::FILE };
    if !granted && is_to_be_told(actor.index, thing, pending.ends[end & 1].root, refused) {
        emit::tampering_by(actor, thing, refused, pending, end);
    }
    refused
}

/// What becomes of a change to what an entry says of a file: its owner, its mode, what is attached to it. Not as a call of its own: a file system
/// may do this in the midst of one.
#[inline(always)]
pub fn at_entry(actor: &Actor, dentry: u64) -> i32 {
    answer(judge_entry(actor.index, dentry, verb::ATTRIBUTES))
}

/// What becomes of an open for reading: nobody is asked about one, but for what is kept of trees.
#[inline(always)]
pub fn at_reading(actor: &Actor, file: Kernel) -> i32 {
    let Some(dentry) = size::of_its_owner_alone(file) else { return ALLOW };
    answer(judge_entry(actor.index, dentry, verb::READ))
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn judge_entry(account: u32, dentry: u64, verb: u32) -> u32 {
    let Some(actor) = Actor::of(account) else { return PASSES };
    let Some(desk) = Desk::claim() else { return PASSES };
    let path = PathArg::entry(Kernel::NULL, Kernel(dentry));
    let end = place::of_found(desk, path, actor.holders());
    let mut refused = false;
    let matters = if verb == verb::READ { is_kept(&end) } else { touches(verb, &end) };
    if matters && !grant::holds_at(&actor, &end) {
        refused = is_refused(&actor);
        if is_to_be_told(account, thing::FILE, end.root, refused) {
            tell_at(&actor, verb, refused, &end, desk);
        }
    }
    desk.release();
    said(refused)
}

#[inline(always)]
fn is_kept(end: &Target) -> bool {
    end.found == found::PLACE && end.root == KEPT_OWN
}

#[inline(always)]
fn tell_at(actor: &Actor, verb: u32, refused: bool, end: &Target, desk: Desk) {
    if let Some(&mut Scratch { ref text, text_len, .. }) = desk.scratch() {
        emit::tampering_at(actor, verb, refused, end, text, text_len);
    }
}
