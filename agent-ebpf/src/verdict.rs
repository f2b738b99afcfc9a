//! What follows from what a call is: the rules' verdict, and the account's standing with it.

use agent_common::{
    rules::{
        Kinds, NEVER,
        budget::Room,
        judge::{Phase, Standing, Verdict, judge, without_agent},
    },
    wire::{
        Counter,
        record::{self, what},
    },
};

use crate::{actor::Actor, call::Pending, count::count, emit, ledger, maps::HEARTBEAT, offsets::SETTINGS};

/// How often the standing is tried to be moved, or a number to be taken, while other CPUs do the same.
const ATTEMPTS: u32 = 4;

/// The verdict on one act.
pub struct Judged {
    /// It is what began a burst: exactly one of several CPUs is told so.
    pub begins_burst: bool,
    pub verdict: Verdict,
}

/// The verdict on an act that has no call. `granted`: a grant covers this very act.
#[inline(always)]
pub fn of(actor: &Actor, granted: bool, kinds: Kinds, room: Room, now: u64) -> Judged {
    from_word(judge_often(actor, granted, kinds, room, now))
}

/// The verdict on a call. What it was judged by stays with it, for the record; a burst that it begins is told.
#[inline(always)]
pub fn of_call(actor: &Actor, pending: &mut Pending, granted: bool, room: Room) -> Judged {
    let kinds = pending.kinds();
    let word = judge_often(actor, granted, kinds, room, pending.at);
    pending.over = u32::from(matches!(room, Room::Over));
    pending.judged = record::Judged {
        at: pending.at,
        sequence: if kinds.is_empty() { 0 } else { number(actor.index) },
        kinds: pending.kinds,
        verdict: (word & VERDICT) as u8,
        phase: (word >> PHASE) as u8 & 3,
        granted: u8::from(granted),
        passes: u8::from(word & PASSES != 0),
        reserved: [0; 2],
    };
    let judged = from_word(word);
    if judged.begins_burst {
        emit::call(actor, what::BURST, pending);
    }
    judged
}

#[inline(always)]
fn judge_often(actor: &Actor, granted: bool, kinds: Kinds, room: Room, now: u64) -> u32 {
    let (kinds, is_over) = (u32::from(kinds.bits()), u32::from(matches!(room, Room::Over)));
    let mut word = 0;
    for _ in 0..ATTEMPTS {
        word = judge_once(actor.index, u32::from(granted), kinds, is_over, now);
        if word & CONTENDED == 0 {
            return word;
        }
    }
    count(Counter::StandingContended);
    word
}

/// Global: the next number of what the account is judged for; 0 if other CPUs are always faster.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn number(account: u32) -> u64 {
    let Some(actor) = Actor::of(account) else { return 0 };
    for _ in 0..ATTEMPTS {
        // SAFETY: a live entry of an array map; volatile because other CPUs write it.
        let last = unsafe { core::ptr::read_volatile(actor.judged_ptr()) };
        if ledger::exchange(actor.judged_ptr(), last, last + 1) {
            return last + 1;
        }
    }
    count(Counter::StandingContended);
    0
}

/// The verdict in the low bits, and what else is to be said of it.
const VERDICT: u32 = 7;
const BEGINS_BURST: u32 = 8;
/// Another CPU has moved the standing meanwhile: judge anew.
const CONTENDED: u32 = 16;
/// The account is granted whatever it does.
const PASSES: u32 = 32;
/// From this bit on: where the account stood before.
const PHASE: u32 = 6;

#[inline(always)]
fn from_word(word: u32) -> Judged {
    Judged { begins_burst: word & BEGINS_BURST != 0, verdict: Verdict::from_word(word) }
}

/// Global, so that the verifier follows the rules once, and not once for each attempt and for each way that leads here: that was
/// half of all that it went through. The standing moves by one compare-exchange.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn judge_once(account: u32, granted: u32, kinds: u32, is_over: u32, now: u64) -> u32 {
    let Some(actor) = Actor::of(account) else { return Verdict::Allow.to_word() };
    let room = if is_over == 0 { Room::Within } else { Room::Over };
    let word = actor.standing_word();
    let before = Standing::from_word(word);
    let kinds = Kinds::from_bits(kinds as u8);
    let responses = actor.responses(now);
    let (after, verdict) = judge(before, granted != 0, kinds, room, responses, SETTINGS.tier(), now);
    // Not a burst that changes the standing: each is told of.
    let is_told = kinds.is_escape() && granted == 0 && matches!(verdict, Verdict::Report | Verdict::Deny);
    let told = if is_told { BEGINS_BURST } else { 0 };
    let passes = if responses.until == NEVER { 0 } else { PASSES };
    let seen = before.at(now).phase.to_word() << PHASE | passes;
    let verdict = without_agent_word(account, verdict.to_word(), now) | seen;
    if after == before {
        return verdict | told;
    }
    if !ledger::exchange(actor.standing_ptr(), word, after.to_word()) {
        return verdict | CONTENDED;
    }
    let begins = kinds.is_escape() || before.at(now).phase == Phase::Armed && after.phase != Phase::Armed;
    verdict | if begins { BEGINS_BURST } else { told }
}

/// Global: what is left of the verdict if no agent is there. Apart, or all of it would be followed once for each verdict there is.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn without_agent_word(account: u32, verdict: u32, now: u64) -> u32 {
    let Some(actor) = Actor::of(account) else { return verdict };
    let verdict = Verdict::from_word(verdict);
    without_agent(verdict, actor.alone(), SETTINGS.tier(), heartbeat(), now).to_word()
}

/// When the agent was last there.
#[inline(always)]
pub fn heartbeat() -> u64 {
    // SAFETY: a live entry of an array map; volatile because the agent writes it.
    HEARTBEAT.get_ptr(0).map_or(0, |beat| unsafe { core::ptr::read_volatile(beat) })
}
