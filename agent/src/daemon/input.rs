//! Everything that can wake the agent. What is not listed here cannot happen.

use std::{sync::Arc, time::Duration};

use agent_common::rules::BootNs;

use super::facts::{Facts, ProcessFacts};
use super::names::Names;
use crate::{
    api::{Impact, LeftAlone, Problem, ProcessView, Request, Responder, Right, Target},
    enforcer::freezer::FreezeState,
    incidents::{Engaged, WasOff},
    sensor::Record,
    store::{Left, Past},
};

/// One reason to wake up.
#[derive(Debug)]
pub(crate) enum Input {
    /// The kernel programs reported.
    Records(Vec<Record>),
    /// What the daemon before has left, in the record, in the kernel and in its memory; once, first of all.
    Found { left: Vec<Left>, freezes: Vec<Frozen>, off: WasOff, governor: Option<Engaged>, facts: Arc<Facts> },
    /// How kernel and host stand now; every second.
    Facts(Arc<Facts>),
    /// A responder asks.
    Asked(Box<Asked>),
    /// The policy is to be read again, whoever has told so; there is no asker to answer.
    Hangup { call: CallId },
    /// What became of an effect.
    Outcome(Outcome),
    /// The kernel says how a freeze stands.
    Frozen(FreezeState),
    /// A time has come that [`crate::incidents::Incidents::next_due`] named.
    Due,
    /// The agent was told to end.
    End(Ending),
}

impl Input {
    /// What the kernel programs have reported, in whatever way it came.
    pub(super) fn records(&mut self) -> &mut [Record] {
        match self {
            Self::Records(records) => records,
            Self::Outcome(Outcome::Reloaded { done: Ok(done), .. }) => &mut done.records,
            Self::Outcome(Outcome::SelfTested { done: Ok(done), .. }) => &mut done.records,
            _ => &mut [],
        }
    }
}

/// A freeze that was there before this daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frozen {
    pub(crate) id: u64,
    /// As well as it can be told: the account that all of them act for, or a group that they are in.
    pub(crate) target: Target,
    pub(crate) processes: u64,
}

/// How to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Enforcement and what is stopped stay as they are, for the next daemon.
    Leave,
    /// Everything goes on.
    LetGo,
}

/// A call, by its number.
pub(crate) type CallId = u64;

/// A request with whatever the answer needs.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) call: CallId,
    pub(crate) by: Responder,
    /// Who that is: the login user id, else the real one.
    pub(crate) person: u32,
    /// The asking process, and the rights that its user has.
    pub(crate) pid: u32,
    pub(crate) rights: Rights,
    /// The account that the asking process acts for: then it decides nothing, whatever its user.
    pub(crate) acts_for: Option<String>,
    /// Whether its user may start programs as the account's that the request is about.
    pub(crate) may_launch: bool,
    pub(crate) request: Request,
    /// For how long it waits for the kernel's confirmation; none: as long as is usual.
    pub(crate) patience: Option<Duration>,
    pub(crate) facts: Arc<Facts>,
    /// The asking process and its ancestors.
    pub(crate) askers: Vec<u32>,
    /// The processes that the request is about.
    pub(crate) about: Vec<ProcessFacts>,
    /// What the record has of earlier daemons, if the request is about that.
    pub(crate) past: Past,
}

/// Which rights the policy gives to a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) view: bool,
    pub(crate) respond: bool,
    pub(crate) admin: bool,
}

impl Rights {
    /// Whether a request may be made that takes this right; `acts_for` says whether whoever asks acts for an account.
    pub(crate) fn allow(self, right: Right, acts_for: bool) -> bool {
        match right {
            Right::Own => true,
            Right::View => self.view,
            Right::Respond => self.respond && !acts_for,
            Right::Admin => self.admin && !acts_for,
        }
    }
}

/// What became of an effect. A failed one is a fact like any other.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Processes were moved to be frozen; the kernel's confirmation is an input of its own.
    Froze {
        incident: u64,
        done: Touched,
    },
    Thawed {
        incident: u64,
        done: Touched,
    },
    Killed {
        incident: u64,
        done: Touched,
    },
    /// Each call that waited was judged again, and may happen.
    Approved {
        incident: u64,
        done: Touched,
    },
    /// Each call that waited was judged again, and fails.
    Denied {
        incident: u64,
        done: Touched,
    },
    /// A lease is in force, or not.
    Leased {
        call: Option<CallId>,
        incident: u64,
        done: Result<(), String>,
    },
    /// It is not any more.
    Revoked {
        incident: u64,
        done: Result<(), String>,
    },
    Reloaded {
        call: CallId,
        done: Result<Reload, NotReloaded>,
    },
    SelfTested {
        call: CallId,
        done: Result<SelfTested, String>,
    },
    /// A process acts for an account from now on, or not.
    Joined {
        call: CallId,
        account: String,
        process: Box<ProcessView>,
        done: Result<(), String>,
    },
    /// Observing only, and everything goes on: the processes that were let go.
    Off {
        call: CallId,
        done: Touched,
    },
    On {
        call: Option<CallId>,
    },
    /// What depends on the paths of an incident; nothing, if that could not be looked up.
    Surveyed {
        incident: u64,
        found: Vec<Impact>,
    },
}

/// Processes that an effect reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) processes: Vec<ProcessView>,
    pub(crate) cgroups: u64,
    pub(crate) left_alone: Vec<LeftAlone>,
    /// When the effect began.
    pub(crate) began: BootNs,
}

/// Another policy is in force.
#[derive(Debug)]
pub(crate) struct Reload {
    pub(crate) names: Names,
    /// The hashes of both policies.
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) accounts: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// Accounts that nobody is held to any more.
    pub(crate) freed: Vec<String>,
    /// What was reported meanwhile.
    pub(crate) records: Vec<Record>,
}

/// The self-test has passed.
#[derive(Debug)]
pub(crate) struct SelfTested {
    pub(crate) took: Duration,
    /// What was reported meanwhile.
    pub(crate) records: Vec<Record>,
}

/// The policy that was in force still is.
#[derive(Debug)]
pub(crate) struct NotReloaded {
    pub(crate) before: String,
    pub(crate) problem: Problem,
    /// What it would hold less tightly, if that is why.
    pub(crate) loosens: Vec<String>,
}
