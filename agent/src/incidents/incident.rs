//! One incident, from what opened it to what ended it.
//!
//! ```text
//!   burst, observed ──────────────► Observed
//!   burst ──► Stopped ──┬─ thaw ──► Ending ─► Closed
//!      │ response freeze│              ▲
//!      ▼                └─ kill ───────┤
//!   Freezing ──frozen 1──► Frozen ─────┘        Frozen ── all processes gone ──► Closed
//! ```

use std::collections::{BTreeMap, VecDeque};

use agent_common::rules::{BootNs, Kind, Kinds};

use crate::api::{self, Bytes, Responder, Target, Verb};

/// How many acts are kept whole.
const ACTS: usize = 32;

/// A burst, a freeze or an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) id: u64,
    pub(crate) cause: Cause,
    pub(crate) opened: BootNs,
    /// The first ones.
    pub(crate) acts: Vec<Act>,
    /// When the last act was.
    pub(crate) last: BootNs,
    /// Operations, by kind.
    pub(crate) kinds: [u64; Kind::COUNT],
    /// How many acts there were; an act may be of several kinds.
    pub(crate) done: u64,
    /// The processes that the kernel programs stopped.
    pub(crate) stopped: BTreeMap<u32, Bytes>,
    pub(crate) stage: Stage,
    /// When it is thawed by itself.
    pub(crate) until: Option<BootNs>,
    pub(crate) decisions: Vec<Decided>,
}

/// What opened an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A budget was exceeded, or a whole tree went at once.
    Burst { account: String, whole: bool },
    /// Somebody decided to freeze.
    Freeze { target: Target },
    /// A process of an account wanted to decide, so many times.
    Attempt { account: String, times: u64 },
    /// The account had tripped already when this daemon started.
    Found { account: String },
    /// An earlier daemon has frozen it.
    Left { target: Target },
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Observed,
    Stopped,
    Freezing {
        since: BootNs,
    },
    Frozen {
        processes: u64,
    },
    /// Decided, and the effect is under way.
    Ending {
        verb: Verb,
        from: Open,
    },
    Closed {
        at: BootNs,
        how: Closed,
    },
}

/// A stage in which processes wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    Stopped,
    Frozen { processes: u64 },
}

/// How an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Thawed,
    Killed,
    Gone,
}

/// An act as it was reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) at: BootNs,
    pub(crate) kinds: Kinds,
    pub(crate) path: Bytes,
    pub(crate) tree: Option<Bytes>,
    pub(crate) pid: u32,
    pub(crate) comm: Bytes,
    pub(crate) over: bool,
}

/// Who decided what, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) at: BootNs,
    pub(crate) verb: Verb,
    pub(crate) by: Responder,
    pub(crate) reason: String,
    pub(crate) outcome: String,
}

impl Incident {
    pub(crate) fn new(id: u64, cause: Cause, opened: BootNs, stage: Stage) -> Self {
        Self {
            id,
            cause,
            opened,
            acts: Vec::new(),
            last: opened,
            kinds: [0; Kind::COUNT],
            done: 0,
            stopped: BTreeMap::new(),
            stage,
            until: None,
            decisions: Vec::new(),
        }
    }

    /// The account whose standing it is about.
    pub(crate) fn account(&self) -> Option<&str> {
        match &self.cause {
            Cause::Burst { account, .. } | Cause::Found { account } => Some(account),
            Cause::Freeze { target } | Cause::Left { target } => target.account(),
            Cause::Attempt { .. } => None,
        }
    }

    /// The account that it names, whether or not its standing is concerned.
    pub(crate) fn names(&self) -> Option<&str> {
        match &self.cause {
            Cause::Attempt { account, .. } => Some(account),
            _ => self.account(),
        }
    }

    pub(crate) fn whom(&self) -> Target {
        match &self.cause {
            Cause::Freeze { target } | Cause::Left { target } => target.clone(),
            Cause::Burst { account, .. } | Cause::Found { account } | Cause::Attempt { account, .. } => {
                Target::Account(account.clone())
            }
        }
    }

    /// Whether processes wait for a decision.
    pub(crate) fn is_open(&self) -> bool {
        self.open().is_some()
    }

    /// Whether its processes are frozen, or will be.
    pub(crate) fn is_frozen(&self) -> bool {
        matches!(self.stage, Stage::Freezing { .. } | Stage::Frozen { .. })
    }

    fn open(&self) -> Option<Open> {
        match self.stage {
            Stage::Stopped => Some(Open::Stopped),
            Stage::Freezing { .. } => Some(Open::Frozen { processes: 0 }),
            Stage::Frozen { processes } => Some(Open::Frozen { processes }),
            Stage::Observed | Stage::Ending { .. } | Stage::Closed { .. } => None,
        }
    }

    /// Whether it was opened by a burst whose account still acts, so that further operations belong to it.
    pub(crate) fn takes_acts(&self) -> bool {
        matches!(self.cause, Cause::Burst { .. } | Cause::Found { .. })
            && !matches!(self.stage, Stage::Closed { .. })
    }

    pub(crate) fn add(&mut self, act: Act) {
        self.count(act.at, act.kinds);
        if self.acts.len() < ACTS {
            self.acts.push(act);
        }
    }

    fn count(&mut self, at: BootNs, kinds: Kinds) {
        self.done += 1;
        self.last = self.last.max(at);
        self.opened = self.opened.min(at);
        for kind in Kind::ALL.into_iter().filter(|kind| kinds.has(*kind)) {
            self.kinds[kind as usize] += 1;
        }
    }

    /// A decision was made and its effect begins.
    pub(crate) fn decide(&mut self, decided: Decided) {
        if let Some(from) = self.open() {
            self.stage = Stage::Ending { verb: decided.verb, from };
        }
        self.decisions.push(decided);
    }

    /// The effect of the last decision is done.
    pub(crate) fn ended(&mut self, now: BootNs, outcome: String) {
        let Stage::Ending { verb, .. } = self.stage else { return };
        let how = if verb == Verb::Kill { Closed::Killed } else { Closed::Thawed };
        self.stage = Stage::Closed { at: now, how };
        if let Some(decision) = self.decisions.last_mut() {
            decision.outcome = outcome;
        }
    }

    pub(crate) fn state(&self) -> api::State {
        match self.stage {
            Stage::Observed => api::State::Observed,
            Stage::Stopped | Stage::Ending { from: Open::Stopped, .. } => api::State::Stopped,
            Stage::Freezing { .. } => api::State::Freezing,
            Stage::Frozen { .. } | Stage::Ending { from: Open::Frozen { .. }, .. } => api::State::Frozen,
            Stage::Closed { how: Closed::Thawed, .. } => api::State::Thawed,
            Stage::Closed { how: Closed::Killed, .. } => api::State::Killed,
            Stage::Closed { how: Closed::Gone, .. } => api::State::Gone,
        }
    }
}

/// The acts of an account that came last, which a burst looks back on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    /// All of them, as far as there is room.
    kinds: VecDeque<(BootNs, Kinds)>,
    /// The last of them, whole.
    acts: VecDeque<Act>,
}

impl Recent {
    /// The largest budget there may be, twice.
    const ROOM: usize = 2048;

    pub(crate) fn push(&mut self, act: Act) {
        self.kinds.keep_last(Self::ROOM - 1);
        self.kinds.push_back((act.at, act.kinds));
        self.acts.keep_last(ACTS - 1);
        self.acts.push_back(act);
    }

    /// Hands the acts since a moment over to an incident.
    pub(crate) fn move_into(&mut self, incident: &mut Incident, since: BootNs) {
        let Self { kinds, acts } = std::mem::take(self);
        let whole = acts.into_iter().filter(|act| act.at >= since);
        let counted = kinds.into_iter().filter(|(at, _)| *at >= since);
        for (at, kinds) in counted {
            incident.count(at, kinds);
        }
        incident.acts.extend(whole);
    }
}

trait KeepLast {
    fn keep_last(&mut self, most: usize);
}

impl<T> KeepLast for VecDeque<T> {
    fn keep_last(&mut self, most: usize) {
        while self.len() > most {
            self.pop_front();
        }
    }
}
