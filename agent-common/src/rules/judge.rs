//! What follows from an act: a table over the account's standing, what the act is and whether there is room.
//!
//! ```text
//!   armed --over--> tripped --approve--> armed + grant
//!                      |  \--deny--> denied --quiet for QUIET--> armed
//!                      \--deadline--> as the policy says
//! ```

use super::budget::Room;
use super::{BootNs, Kinds, NEVER};

/// How long a denied account must be quiet, and an observed burst lasts, before it is armed again (ns).
pub const QUIET: u64 = 600_000_000_000;

/// Where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Watched, within its budgets.
    Armed,
    /// Over a budget: waits for a decision.
    Tripped,
    /// Decided against: its operations fail.
    Denied,
    /// Tripped, and whatever acts for it next is stopped in any tier, whether it destroys anything or not.
    Frozen,
}

impl Phase {
    /// In two bits.
    #[must_use]
    #[inline(always)]
    pub const fn to_word(self) -> u32 {
        match self {
            Self::Armed => 0,
            Self::Tripped => 1,
            Self::Denied => 2,
            Self::Frozen => 3,
        }
    }

    /// From the low two bits.
    #[must_use]
    #[inline(always)]
    pub const fn from_word(word: u32) -> Self {
        match word & 3 {
            0 => Self::Armed,
            1 => Self::Tripped,
            2 => Self::Denied,
            _ => Self::Frozen,
        }
    }
}

/// Where an account stands, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where.
    pub phase: Phase,
    /// Until when; then it is armed. [`NEVER`]: until a decision.
    pub until: BootNs,
}

impl Standing {
    /// Where every account starts.
    pub const ARMED: Self = Self { phase: Phase::Armed, until: NEVER };

    /// The standing as it is at `now`: one whose time is over is armed.
    #[must_use]
    #[inline(always)]
    pub const fn at(self, now: BootNs) -> Self {
        if now >= self.until { Self::ARMED } else { self }
    }

    /// Whether it is that of a burst that was only observed: it ends by itself, and nobody waits.
    #[must_use]
    #[inline(always)]
    pub const fn is_observed(self) -> bool {
        matches!(self.phase, Phase::Tripped) && self.until < NEVER
    }

    /// In one word, so that one compare-exchange is a transition: the phase in the low two bits, the time above.
    #[must_use]
    #[inline(always)]
    pub const fn to_word(self) -> u64 {
        self.until << 2 | self.phase.to_word() as u64
    }

    /// From one word. The word 0, an untouched map entry, is armed.
    #[must_use]
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        match Phase::from_word(word as u32) {
            Phase::Armed => Self::ARMED,
            phase => Self { phase, until: word >> 2 },
        }
    }
}

/// What is wanted of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responses {
    /// When a budget is exceeded.
    pub burst: Response,
    /// When somebody else is asked to act.
    pub escape: Response,
    /// When something is done to burstguard itself: [`Response::Deny`], or [`Response::Observe`] where nothing is enforced.
    pub tampering: Response,
    /// Until when; what is observed until then is not held against it afterwards. [`NEVER`]: as long as the policy holds.
    pub until: BootNs,
}

impl Responses {
    /// Those of an account that is granted whatever it does until then: all is told, and nothing stopped. It ends by itself,
    /// whether or not an agent is there.
    #[must_use]
    #[inline(always)]
    pub const fn under(self, granted_until: BootNs, now: BootNs) -> Self {
        if now >= granted_until {
            return self;
        }
        let observe = Response::Observe;
        Self { burst: observe, escape: observe, tampering: observe, until: granted_until }
    }

    /// The one that an act is judged by.
    #[must_use]
    #[inline(always)]
    pub const fn to(self, kinds: Kinds, phase: Phase) -> Response {
        if self.are_of_escape(kinds, phase) { self.escape } else { self.burst }
    }

    /// Whether an act is judged as an escape. While the account is refused what it destroys, it may not have that done by others
    /// either: then it is an act like any.
    #[must_use]
    #[inline(always)]
    pub const fn are_of_escape(self, kinds: Kinds, phase: Phase) -> bool {
        kinds.is_escape() && !self.refuse(phase)
    }

    /// Whether an account that stands so is refused what it destroys, or waits for a decision about it.
    #[must_use]
    #[inline(always)]
    pub const fn refuse(self, phase: Phase) -> bool {
        !matches!(phase, Phase::Armed) && !matches!(self.burst, Response::Observe)
    }
}

/// What the policy wants when a budget is exceeded, or somebody else is asked to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Report it.
    Observe,
    /// Let the call wait for a person.
    Hold,
    /// Let the call fail.
    Deny,
    /// Let the call wait, and freeze the whole lineage.
    Freeze,
}

/// What becomes of a call that should wait while no agent is there: nobody could decide about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone {
    /// It waits for the next agent.
    Wait,
    /// It fails.
    Deny,
    /// It passes, on the record.
    Observe,
}

/// An agent that has not been heard of for so long is gone (ns).
pub const LOST: u64 = 10_000_000_000;

/// The verdict when the agent was last heard of at `heard`; 0 if it never was.
#[must_use]
#[inline(always)]
pub const fn without_agent(
    verdict: Verdict,
    alone: Alone,
    tier: Tier,
    heard: BootNs,
    now: BootNs,
) -> Verdict {
    let waits = matches!(verdict, Verdict::Hold | Verdict::Stop);
    if !waits || heard == 0 || now.saturating_sub(heard) <= LOST {
        return verdict;
    }
    match (alone, tier) {
        (Alone::Wait, _) | (Alone::Deny, Tier::Tracepoint) => verdict,
        (Alone::Deny, Tier::Lsm) => Verdict::Deny,
        (Alone::Observe, _) => Verdict::Report,
    }
}

/// What the kernel can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// It sees system calls, and can stop the caller when the call is done.
    Tracepoint,
    /// It is asked before each operation, and can hold or refuse it.
    Lsm,
}

/// What the hook does with the call in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Allow,
    /// Lets it pass, on the record: a burst that is only observed, or an operation under a grant.
    Report,
    /// Stops the process; the call itself completes.
    Stop,
    /// Lets it wait.
    Hold,
    /// Lets it fail.
    Deny,
}

impl Verdict {
    /// In three bits.
    #[must_use]
    #[inline(always)]
    pub const fn to_word(self) -> u32 {
        match self {
            Self::Allow => 0,
            Self::Report => 1,
            Self::Stop => 2,
            Self::Hold => 3,
            Self::Deny => 4,
        }
    }

    /// From the low three bits.
    #[must_use]
    #[inline(always)]
    pub const fn from_word(word: u32) -> Self {
        match word & 7 {
            1 => Self::Report,
            2 => Self::Stop,
            3 => Self::Hold,
            4 => Self::Deny,
            _ => Self::Allow,
        }
    }
}

/// The verdict on one act, and where the account stands after it.
///
/// `granted`: a grant covers this very act. `kinds` empty is an act that destroys nothing, a fork, an exec or an open among
/// them; `room` is what the budgets said of its kinds. The tracepoint tier cannot hold the next destructive call, so there whatever a tripped account does next
/// stops it.
#[must_use]
#[inline(always)]
pub fn judge(
    standing: Standing,
    granted: bool,
    kinds: Kinds,
    room: Room,
    responses: Responses,
    tier: Tier,
    now: BootNs,
) -> (Standing, Verdict) {
    let standing = standing.at(now);
    if granted {
        return (standing, if kinds.is_empty() { Verdict::Allow } else { Verdict::Report });
    }
    if kinds.is_tampering() {
        return (standing, tampering(responses, tier));
    }
    if responses.are_of_escape(kinds, standing.phase) {
        return escape(standing, responses, tier, now);
    }
    let response = responses.burst;
    match standing.phase {
        Phase::Armed if kinds.is_empty() => (standing, Verdict::Allow),
        Phase::Armed if matches!(room, Room::Within) && !kinds.is_whole() => (standing, Verdict::Allow),
        Phase::Armed => {
            let tripped = tripped(responses, response, tier, now);
            (tripped, refusal(tripped.phase, response, tier))
        }
        _ if kinds.is_empty() => match (response, tier) {
            (Response::Observe, _) => (standing, Verdict::Allow),
            (_, Tier::Tracepoint) => (standing, Verdict::Stop),
            _ if matches!(standing.phase, Phase::Frozen) => (standing, Verdict::Stop),
            (_, Tier::Lsm) => (standing, Verdict::Allow),
        },
        Phase::Tripped | Phase::Frozen => (standing, refusal(standing.phase, response, tier)),
        // Each attempt begins the quiet time anew, and none shortens a denial that lasts longer.
        Phase::Denied => {
            let until = standing.until.max(now + QUIET);
            (Standing { phase: Phase::Denied, until }, refusal(Phase::Denied, response, tier))
        }
    }
}

/// What is only reported, or fails by itself, says nothing of what the account destroys; else a person is to decide.
#[inline(always)]
const fn escape(standing: Standing, responses: Responses, tier: Tier, now: BootNs) -> (Standing, Verdict) {
    let response = responses.escape;
    let standing = match (response, tier, standing.phase) {
        (Response::Observe, _, _) => return (standing, Verdict::Report),
        (Response::Deny, Tier::Lsm, _) => return (standing, Verdict::Deny),
        (_, _, Phase::Armed | Phase::Tripped) => tripped(responses, response, tier, now),
        _ => standing,
    };
    (standing, refusal(standing.phase, response, tier))
}

/// It says nothing of what the account destroys, and no person needs to be asked: nobody who acts for an account has any business
/// there but under a grant.
#[inline(always)]
const fn tampering(responses: Responses, tier: Tier) -> Verdict {
    match (responses.tampering, tier) {
        (Response::Observe, _) | (_, Tier::Tracepoint) => Verdict::Report,
        (_, Tier::Lsm) => Verdict::Deny,
    }
}

/// Where a burst leaves an account. Deny needs no person: it ends by itself, as an observed burst does.
#[inline(always)]
const fn tripped(responses: Responses, response: Response, tier: Tier, now: BootNs) -> Standing {
    let quiet = now + QUIET;
    match (response, tier) {
        (Response::Observe, _) => {
            let until = if responses.until < quiet { responses.until } else { quiet };
            Standing { phase: Phase::Tripped, until }
        }
        (Response::Deny, Tier::Lsm) => Standing { phase: Phase::Denied, until: quiet },
        _ => Standing { phase: Phase::Tripped, until: NEVER },
    }
}

/// What happens to an operation that may not pass.
#[inline(always)]
const fn refusal(phase: Phase, response: Response, tier: Tier) -> Verdict {
    match (phase, response, tier) {
        (_, Response::Observe, _) => Verdict::Report,
        (_, _, Tier::Tracepoint) => Verdict::Stop,
        (Phase::Frozen, _, Tier::Lsm) => Verdict::Hold,
        (Phase::Denied, _, Tier::Lsm) | (_, Response::Deny, Tier::Lsm) => Verdict::Deny,
        (_, _, Tier::Lsm) => Verdict::Hold,
    }
}

#[cfg(test)]
mod tests;
