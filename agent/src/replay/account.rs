//! An account under the policy that is tried: the kernel programs' part, with the very same rules.

use std::cell::Cell;

use agent_common::rules::{
    BootNs, Kind, Kinds, NEVER,
    budget::{self, Claim, Room, Slots, Window},
    judge::{Alone, Phase, QUIET, Response, Responses, Standing, Tier, Verdict, judge, without_agent},
};

use crate::policy::{self, OnAgentLoss, Policy};

/// What it stands for, and what it has claimed.
pub(super) struct Account {
    responses: Responses,
    alone: Alone,
    budgets: [Slot; Kind::COUNT],
    standing: Standing,
    /// Whether the last act was granted whatever it was.
    passed: bool,
    /// When it was judged last; none before the first time.
    last: Option<BootNs>,
}

/// One budget's memory.
struct Slot {
    stamps: Vec<Cell<BootNs>>,
    cursor: Cell<u32>,
    window: Window,
}

impl Slots for Slot {
    fn len(&self) -> u32 {
        u32::try_from(self.stamps.len()).unwrap_or(u32::MAX)
    }

    fn load(&self, slot: u32) -> BootNs {
        self.stamps.get(slot as usize).map_or(0, Cell::get)
    }

    fn replace(&self, slot: u32, from: BootNs, to: BootNs) -> bool {
        self.stamps.get(slot as usize).is_some_and(|stamp| stamp.get() == from && stamp.replace(to) == from)
    }

    fn cursor(&self) -> u32 {
        self.cursor.get()
    }

    fn set_cursor(&self, slot: u32) {
        self.cursor.set(slot);
    }
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act {
    pub(super) at: BootNs,
    /// What becomes of each of its names.
    pub(super) kinds: [Kinds; 2],
    /// A person had let it pass.
    pub(super) granted: bool,
    /// A person, the warm-up or the governor had let pass whatever the account does.
    pub(super) passes: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// Where the account stood before.
    pub(super) phase: Phase,
    pub(super) over: bool,
    /// The kind whose budget had no room.
    pub(super) full: Option<Kind>,
    /// It is what began a burst.
    pub(super) begins: bool,
}

impl Account {
    pub(super) fn new(policy: &Policy, account: &policy::Account) -> Self {
        let response = |response| match policy.carried_out(response) {
            policy::Response::Observe => Response::Observe,
            policy::Response::Hold => Response::Hold,
            policy::Response::Deny => Response::Deny,
            policy::Response::Freeze => Response::Freeze,
        };
        let [burst, escape, tampering] =
            [account.response, account.escapes, policy::Response::Deny].map(response);
        let slot = |kind| {
            let budget = account.budgets.of(kind);
            let length = u64::try_from(budget.window().as_nanos()).unwrap_or(u64::MAX);
            Slot {
                stamps: vec![Cell::new(0); budget.count() as usize],
                cursor: Cell::new(0),
                window: Window { length, not_before: 0 },
            }
        };
        Self {
            responses: Responses { burst, escape, tampering, until: NEVER },
            alone: match account.hold.on_agent_loss {
                OnAgentLoss::Wait => Alone::Wait,
                OnAgentLoss::Deny => Alone::Deny,
                OnAgentLoss::Observe => Alone::Observe,
            },
            budgets: Kind::ALL.map(slot),
            standing: Standing::ARMED,
            passed: false,
            last: None,
        }
    }

    /// Where it stands at a time.
    pub(super) fn phase(&self, at: BootNs) -> Phase {
        self.standing.at(at).phase
    }

    /// It stands so from now on.
    pub(super) fn stands(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// It has its whole budget again.
    pub(super) fn forgive(&mut self, at: BootNs) {
        for slot in &mut self.budgets {
            slot.window.not_before = slot.window.not_before.max(at);
        }
    }

    /// Since the boot nothing has been judged.
    pub(super) fn forget(&mut self) {
        self.standing = Standing::ARMED;
        (self.passed, self.last) = (false, None);
        for slot in &mut self.budgets {
            slot.window.not_before = 0;
            slot.stamps.iter().for_each(|stamp| stamp.set(0));
        }
    }

    /// Whether it was granted whatever it does when it was judged last.
    pub(super) fn passed(&self) -> bool {
        self.passed
    }

    /// The longest of the windows that acts of these kinds count in, in ns.
    pub(super) fn longest_window(&self, kinds: [Kinds; 2]) -> u64 {
        let windows =
            kinds.into_iter().filter_map(kind).map(|kind| self.budgets[kind as usize].window.length);
        windows.max().unwrap_or_default()
    }

    /// What becomes of a verdict when no agent is there.
    pub(super) fn alone(&self, verdict: Verdict, tier: Tier) -> Verdict {
        without_agent(verdict, self.alone, tier, 1, NEVER)
    }

    /// How it stands if it is found in this phase at a time.
    pub(super) fn found(&self, phase: Phase, at: BootNs, passes: bool) -> Standing {
        let is_observed = self.responses.burst == Response::Observe;
        match phase {
            Phase::Armed => Standing::ARMED,
            Phase::Tripped if passes => Standing { phase, until: NEVER - 1 },
            Phase::Tripped if is_observed => Standing { phase, until: at + QUIET },
            Phase::Denied => Standing { phase, until: at + QUIET },
            Phase::Tripped | Phase::Frozen => Standing { phase, until: NEVER },
        }
    }

    /// Whether it has been quiet for so long that whoever waited for a decision has had one.
    pub(super) fn is_quiet(&self, at: BootNs) -> bool {
        self.last.is_some_and(|last| at.saturating_sub(last) >= QUIET)
    }

    /// As the kernel programs do it: a slot for each name, the verdict, and the slots back if it does not happen.
    pub(super) fn judge(&mut self, act: Act, tier: Tier) -> Judged {
        self.end_of_pass(act);
        self.last = Some(act.at);
        let [first, second] = act.kinds;
        let kinds = first.and(second);
        // What is granted whatever it does is granted until a time that nobody has written down.
        let responses = if act.passes { self.responses.under(NEVER - 1, act.at) } else { self.responses };
        let before = self.standing.at(act.at);
        let mut claims = [None; 2];
        let mut full = None;
        if !act.granted && before.phase == Phase::Armed {
            for (claim, kinds) in claims.iter_mut().zip(act.kinds) {
                let Some(kind) = kind(kinds) else { continue };
                *claim = self.claim(kind, act.at);
                if claim.is_none() {
                    full = full.or(Some(kind));
                }
            }
        }
        let over = !act.granted && (full.is_some() || kinds.is_by_itself());
        let room = if over { Room::Over } else { Room::Within };
        let (after, verdict) = judge(before, act.granted, kinds, room, responses, tier, act.at);
        self.standing = after;
        if matches!(verdict, Verdict::Hold | Verdict::Deny) {
            claims.into_iter().flatten().for_each(|(kind, claim)| self.give_back(kind, claim));
        }
        let begins = before.phase == Phase::Armed && after.phase != Phase::Armed
            || kinds.is_escape() && !act.granted && verdict != Verdict::Allow;
        Judged { verdict, phase: before.phase, over, full, begins }
    }

    fn claim(&self, kind: Kind, at: BootNs) -> Option<(Kind, Claim)> {
        let slot = &self.budgets[kind as usize];
        budget::charge(slot, slot.window, at).map(|claim| (kind, claim))
    }

    fn give_back(&self, kind: Kind, claim: Claim) {
        budget::give_back(&self.budgets[kind as usize], claim);
    }

    /// What was let pass does not count afterwards.
    fn end_of_pass(&mut self, act: Act) {
        if self.passed && !act.passes {
            self.forgive(act.at);
            if self.standing.is_observed() {
                self.standing = Standing::ARMED;
            }
        }
        self.passed = act.passes;
    }
}

/// The kind that one name of an act is an operation of.
pub(super) fn kind(kinds: Kinds) -> Option<Kind> {
    Kind::ALL.get(kinds.first() as usize).copied()
}
