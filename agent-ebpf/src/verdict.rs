//! What follows from what a call is: the rules' verdict, and the account's standing with it.

use agent_common::{
    rules::{
        Kinds,
        budget::Room,
        judge::{Phase, Standing, Verdict, judge, without_agent},
    },
    wire::Counter,
};

use crate::{actor::Actor, count::count, ledger, maps::HEARTBEAT, offsets::SETTINGS};

/// How often the standing is tried to be moved, while other CPUs move it.
const ATTEMPTS: u32 = 4;

/// The verdict on one act.
pub struct Judged {
    /// It is what began a burst: exactly one of several CPUs is told so.
    pub begins_burst: bool,
    pub verdict: Verdict,
}

/// The verdict. `granted`: a grant covers this very act.
#[inline(always)]
pub fn of(actor: &Actor, granted: bool, kinds: Kinds, room: Room, now: u64) -> Judged {
    let (kinds, is_over) = (u32::from(kinds.bits()), u32::from(matches!(room, Room::Over)));
    let mut word = 0;
    for _ in 0..ATTEMPTS {
        word = judge_once(actor.index, u32::from(granted), kinds, is_over, now);
        if word & CONTENDED == 0 {
            return from_word(word);
        }
    }
    count(Counter::StandingContended);
    from_word(word)
}

/// The verdict in the low bits, and what else is to be said of it.
const VERDICT: u32 = 7;
const BEGINS_BURST: u32 = 8;
/// Another CPU has moved the standing meanwhile: judge anew.
const CONTENDED: u32 = 16;

#[inline(always)]
fn to_word(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::Report => 1,
        Verdict::Stop => 2,
        Verdict::Hold => 3,
        Verdict::Deny => 4,
    }
}

#[inline(always)]
fn from_word(word: u32) -> Judged {
    let verdict = match word & VERDICT {
        1 => Verdict::Report,
        2 => Verdict::Stop,
        3 => Verdict::Hold,
        4 => Verdict::Deny,
        _ => Verdict::Allow,
    };
    Judged { begins_burst: word & BEGINS_BURST != 0, verdict }
}

/// Global, so that the verifier follows the rules once, and not once for each attempt and for each way that leads here: that was
/// half of all that it went through. The standing moves by one compare-exchange.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn judge_once(account: u32, granted: u32, kinds: u32, is_over: u32, now: u64) -> u32 {
    let Some(actor) = Actor::of(account) else { return to_word(Verdict::Allow) };
    let room = if is_over == 0 { Room::Within } else { Room::Over };
    let word = actor.standing_word();
    let before = Standing::from_word(word);
    let kinds = Kinds::from_bits(kinds as u8);
    let responses = actor.responses(now);
    let (after, verdict) = judge(before, granted != 0, kinds, room, responses, SETTINGS.tier(), now);
    // Not a burst that changes the standing: each is told of.
    let is_told = kinds.is_escape() && granted == 0 && matches!(verdict, Verdict::Report | Verdict::Deny);
    let told = if is_told { BEGINS_BURST } else { 0 };
    let verdict = without_agent_word(account, to_word(verdict), now);
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
    let Judged { verdict, .. } = from_word(verdict);
    to_word(without_agent(verdict, actor.alone(), SETTINGS.tier(), heartbeat(), now))
}

/// When the agent was last there.
#[inline(always)]
pub fn heartbeat() -> u64 {
    // SAFETY: a live entry of an array map; volatile because the agent writes it.
    HEARTBEAT.get_ptr(0).map_or(0, |beat| unsafe { core::ptr::read_volatile(beat) })
}
