//! One incident: what opened it, what happened in it and what was decided; where it stands, [`Stage`] says.

use std::collections::{BTreeMap, BTreeSet};

use agent_common::rules::{
    BootNs, Kind, Kinds, NEVER,
    judge::{Phase, QUIET, Standing},
};
use serde::{Deserialize, Serialize};

use super::{
    impact::Surveyed,
    lease::Lease,
    nanoseconds,
    pass::Pass,
    people::Said,
    record::Mark,
    stage::{Closed, Open, Stage},
    tampering::Tampering,
};
use crate::{
    api::{Bytes, Responder, Sizes, Target, Verb},
    policy::{Hold, Then},
};

/// How many acts are kept whole.
pub(super) const ACTS: usize = 32;

/// A burst, a freeze or an attempt.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Incident {
    pub(crate) id: u64,
    pub(crate) cause: Cause,
    pub(crate) opened: BootNs,
    /// The first ones.
    pub(crate) acts: Vec<Act>,
    /// When the last act was.
    pub(crate) last: BootNs,
    /// When the first one was judged; none if there was none yet.
    #[serde(default)]
    pub(crate) judged: Option<BootNs>,
    /// When the last one was that happened under its approval or lease.
    #[serde(default)]
    pub(crate) approved_last: Option<BootNs>,
    /// Operations, by kind.
    pub(crate) kinds: [u64; Kind::COUNT],
    /// How many acts there were; an act may be of several kinds.
    pub(crate) done: u64,
    /// When the budget was exceeded.
    pub(crate) burst: BootNs,
    /// How many acts there have been since, the one that exceeded it included.
    pub(crate) past: u64,
    /// The processes that the kernel programs stopped.
    pub(crate) stopped: BTreeMap<u32, Bytes>,
    /// How many calls of the account had been refused before it.
    pub(crate) refused_before: u64,
    /// How many have been since.
    pub(crate) refused: u64,
    /// Operations that happened under its approval.
    pub(crate) approved: u64,
    /// When a call was last seen to wait.
    pub(crate) held_at: BootNs,
    pub(crate) stage: Stage,
    /// When it is decided by itself.
    pub(crate) until: Option<BootNs>,
    /// What is decided then, where calls wait for it; else it is thawed.
    pub(crate) then: Option<Then>,
    pub(crate) decisions: Vec<Decided>,
    /// What was put back of what it destroyed, whatever stage it was in then.
    #[serde(default)]
    pub(crate) restores: Vec<Decided>,
    /// Until when what was approved for it may go on.
    pub(crate) approved_until: Option<BootNs>,
    /// Who has said that it may go on, as far as it takes more than one person.
    pub(crate) said: Vec<Said>,
    /// The processes whose terminals were told of it, and whether one was that calls are refused.
    pub(super) told: BTreeSet<u32>,
    pub(super) told_refused: bool,
    /// What has let it pass.
    pub(super) passed: Option<Pass>,
    /// What of the host depends on what was destroyed.
    #[serde(default)]
    pub(super) surveyed: Surveyed,
    /// What of it is in the record.
    #[serde(skip)]
    pub(super) mark: Option<Mark>,
}

/// What opened an incident.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Cause {
    /// A budget was exceeded, or a whole tree went at once.
    Burst { account: String, whole: bool },
    /// A process of the account asked somebody else to act by this way, so many times.
    Escape { account: String, way: String, times: u64 },
    /// A planned change was announced: what its account does there passes.
    Lease(Lease),
    /// Somebody decided to freeze.
    Freeze { target: Target },
    /// A process of an account wanted to decide, so many times.
    Attempt { account: String, times: u64 },
    /// A process of the account did something to burstguard itself.
    Tampering(Tampering),
    /// The account had tripped already when this daemon started.
    Found { account: String },
    /// An earlier daemon has frozen it.
    Left { target: Target },
}

/// An act as it was reported.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Act {
    pub(crate) at: BootNs,
    /// When it was judged: it has happened since.
    #[serde(default)]
    pub(crate) judged: BootNs,
    #[serde(with = "bits")]
    pub(crate) kinds: Kinds,
    pub(crate) path: Bytes,
    pub(crate) tree: Option<Bytes>,
    pub(crate) pid: u32,
    pub(crate) comm: Bytes,
    pub(crate) over: bool,
    pub(crate) sizes: Sizes,
    /// The path from the root on, if that is certain.
    #[serde(default)]
    pub(crate) whole: Option<Bytes>,
}

/// Who decided what, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Decided {
    pub(crate) at: BootNs,
    pub(crate) verb: Verb,
    pub(crate) by: Responder,
    pub(crate) reason: String,
    pub(crate) outcome: String,
}

/// Kinds as they lie in a record of the kernel.
mod bits {
    use agent_common::rules::Kinds;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    pub(super) fn serialize<S: Serializer>(kinds: &Kinds, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(kinds.bits())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Kinds, D::Error> {
        u8::deserialize(from).map(Kinds::from_bits)
    }
}

impl Incident {
    pub(crate) fn new(id: u64, cause: Cause, opened: BootNs, stage: Stage) -> Self {
        Self {
            id,
            cause,
            opened,
            acts: Vec::new(),
            last: opened,
            judged: None,
            approved_last: None,
            kinds: [0; Kind::COUNT],
            done: 0,
            burst: NEVER,
            past: 0,
            stopped: BTreeMap::new(),
            refused_before: 0,
            refused: 0,
            approved: 0,
            held_at: opened,
            stage,
            until: None,
            then: None,
            decisions: Vec::new(),
            restores: Vec::new(),
            approved_until: None,
            said: Vec::new(),
            told: BTreeSet::new(),
            told_refused: false,
            passed: None,
            surveyed: Surveyed::default(),
            mark: None,
        }
    }

    /// The account whose standing it is about.
    pub(crate) fn account(&self) -> Option<&str> {
        match &self.cause {
            Cause::Burst { account, .. } | Cause::Escape { account, .. } | Cause::Found { account } => {
                Some(account)
            }
            Cause::Freeze { target } | Cause::Left { target } => target.account(),
            Cause::Attempt { .. } | Cause::Tampering(_) | Cause::Lease(_) => None,
        }
    }

    /// The account that it names, whether or not its standing is concerned.
    pub(crate) fn names(&self) -> Option<&str> {
        match &self.cause {
            Cause::Attempt { account, .. }
            | Cause::Tampering(Tampering { account, .. })
            | Cause::Lease(Lease { account, .. }) => Some(account),
            _ => self.account(),
        }
    }

    pub(crate) fn whom(&self) -> Target {
        match &self.cause {
            Cause::Freeze { target } | Cause::Left { target } => target.clone(),
            Cause::Burst { account, .. }
            | Cause::Escape { account, .. }
            | Cause::Found { account }
            | Cause::Attempt { account, .. }
            | Cause::Tampering(Tampering { account, .. })
            | Cause::Lease(Lease { account, .. }) => Target::Account(account.clone()),
        }
    }

    /// Whether it is about this way of this account, and nobody is to decide about it.
    pub(crate) fn is_of(&self, of: &str, by: &str) -> bool {
        matches!(&self.cause, Cause::Escape { account, way, .. } if account == of && way == by)
            && matches!(self.stage, Stage::Observed | Stage::Closed { how: Closed::Denied, .. })
    }

    /// Whether processes wait for a decision.
    pub(crate) fn is_open(&self) -> bool {
        self.stage.open().is_some_and(|open| !matches!(open, Open::Denied | Open::Proposed | Open::Leased))
    }

    /// Whether it is not to be forgotten.
    pub(crate) fn goes_on(&self) -> bool {
        !matches!(self.stage, Stage::Observed | Stage::Closed { .. })
    }

    /// The standing in which it keeps its account, if nothing else of it is frozen.
    pub(crate) fn keeps(&self, now: BootNs) -> Option<Standing> {
        match self.stage {
            Stage::Held => Some(Standing { phase: Phase::Tripped, until: NEVER }),
            Stage::Denied | Stage::Ending { verb: Verb::Deny, .. } => {
                Some(Standing { phase: Phase::Denied, until: now.saturating_add(QUIET) })
            }
            _ => None,
        }
    }

    /// Whether something is left that this would decide.
    pub(crate) fn admits(&self, verb: Verb) -> bool {
        match self.stage.open() {
            None => false,
            Some(Open::Denied) => matches!(verb, Verb::Thaw | Verb::Off),
            Some(Open::Proposed) => matches!(verb, Verb::Approve | Verb::Revoke),
            Some(Open::Leased) => verb == Verb::Revoke,
            Some(_) if verb == Verb::Revoke => false,
            Some(_) => true,
        }
    }

    /// Lets calls wait in it, for so long.
    pub(crate) fn hold(&mut self, since: BootNs, hold: Hold) {
        self.until = Some(since.saturating_add(nanoseconds(hold.deadline)));
        self.then = Some(hold.then);
    }

    /// The stage in which a burst waits.
    pub(crate) fn waits(&self) -> Stage {
        if self.then.is_some() { Stage::Held } else { Stage::Stopped }
    }

    /// Whether its processes are frozen, or will be.
    pub(crate) fn is_frozen(&self) -> bool {
        matches!(self.stage, Stage::Freezing { .. } | Stage::Frozen { .. })
    }

    /// Whether it was opened by a burst whose account still acts, so that what it does at this time belongs to it. What it does
    /// once a decision has let it go on does not, though that may be under way.
    pub(crate) fn takes_acts(&self, at: BootNs) -> bool {
        let acts = match self.stage {
            Stage::Closed { .. } => false,
            Stage::Ending { .. } => self.decisions.last().is_none_or(|decided| at <= decided.at),
            _ => true,
        };
        acts && matches!(self.cause, Cause::Burst { .. } | Cause::Escape { .. } | Cause::Found { .. })
    }

    pub(crate) fn add(&mut self, act: Act) {
        self.count(act.at, act.judged, act.kinds);
        if self.acts.len() < ACTS {
            self.acts.push(act);
        }
    }

    pub(super) fn count(&mut self, at: BootNs, judged: BootNs, kinds: Kinds) {
        self.judged = Some(self.judged.unwrap_or(NEVER).min(judged));
        self.done += 1;
        self.past += u64::from(at >= self.burst);
        self.last = self.last.max(at);
        self.opened = self.opened.min(at);
        for kind in Kind::ALL.into_iter().filter(|kind| kinds.has(*kind)) {
            self.kinds[kind as usize] += 1;
        }
    }

    /// A decision was made and its effect begins.
    pub(crate) fn decide(&mut self, decided: Decided) {
        if let Some(from) = self.stage.open() {
            self.stage = Stage::Ending { verb: decided.verb, from };
        }
        self.said.clear();
        self.decisions.push(decided);
    }

    /// All that was decided, in the order in which that was done.
    pub(super) fn decided(&self) -> impl Iterator<Item = &Decided> {
        let mut all: Vec<&Decided> = self.decisions.iter().chain(&self.restores).collect();
        all.sort_by_key(|decided| decided.at);
        all.into_iter()
    }

    /// The decision to freeze it: somebody may have said since that it may go on.
    pub(crate) fn freeze_decided(&mut self) -> Option<&mut Decided> {
        self.decisions.iter_mut().rev().find(|decided| decided.verb == Verb::Freeze)
    }

    /// The effect of the last decision is done.
    pub(crate) fn ended(&mut self, now: BootNs, outcome: String) {
        let Stage::Ending { verb, .. } = self.stage else { return };
        self.stage = Stage::after(verb, now);
        if let Some(decision) = self.decisions.last_mut() {
            decision.outcome = outcome;
        }
    }
}
