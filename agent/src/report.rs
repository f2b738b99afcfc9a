//! What the agent says, for a person or for a program.

pub(crate) mod kind;

use std::{collections::BTreeMap, fmt};

use agent_common::rules::BootNs;
use serde::Serialize;

use crate::{
    api::{Restored, Sizes, Verb},
    clean::Clean,
};

/// Who did it, and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Actor {
    /// CLOCK_BOOTTIME.
    pub(crate) at_ns: BootNs,
    pub(crate) account: String,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
    pub(crate) uid: u32,
    pub(crate) comm: String,
}

/// What was destroyed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Destruction {
    pub(crate) kinds: Vec<&'static str>,
    /// The protected root; none if it is a directory above one.
    pub(crate) tree: Option<String>,
    /// The path as the call gave it.
    pub(crate) path: String,
    #[serde(flatten)]
    pub(crate) sizes: Sizes,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// Watching has begun, and the self-test has passed.
    Armed {
        tier: &'static str,
        tier_note: String,
        kernel: String,
        pid: u32,
        accounts: Vec<String>,
        trees: Vec<String>,
        start_ms: u128,
        self_test_us: u128,
    },
    /// A process acts for an account from now on.
    Joined {
        #[serde(flatten)]
        actor: Actor,
    },
    /// A unit of this name is started because a process has asked for it; what its processes do is the account's.
    Launched {
        #[serde(flatten)]
        actor: Actor,
        unit: String,
    },
    /// Something was destroyed.
    Operation {
        #[serde(flatten)]
        actor: Actor,
        #[serde(flatten)]
        act: Destruction,
        over: bool,
        /// The incident under whose approval, or the lease under which it happened.
        approved: Option<u64>,
    },
    /// A budget was exceeded.
    Burst {
        incident: u64,
        #[serde(flatten)]
        actor: Actor,
        #[serde(flatten)]
        act: Destruction,
        whole: bool,
    },
    /// Somebody who does not act for the account was asked to act.
    Escape {
        incident: u64,
        #[serde(flatten)]
        actor: Actor,
        #[serde(flatten)]
        act: Destruction,
    },
    /// A process was stopped.
    Stopped {
        incident: Option<u64>,
        #[serde(flatten)]
        actor: Actor,
    },
    /// A call waits, before anything has happened.
    Held {
        incident: Option<u64>,
        #[serde(flatten)]
        actor: Actor,
        #[serde(flatten)]
        act: Destruction,
    },
    /// A call was refused.
    Denied {
        incident: Option<u64>,
        #[serde(flatten)]
        actor: Actor,
        #[serde(flatten)]
        act: Destruction,
    },
    /// A process did what this tier cannot judge.
    Blind {
        #[serde(flatten)]
        actor: Actor,
        reason: &'static str,
        #[serde(skip)]
        help: &'static str,
    },
    /// A counter of the kernel programs has moved.
    Counter {
        name: &'static str,
        total: u64,
        fault: bool,
        #[serde(skip)]
        help: &'static str,
    },
    /// Something waits for a decision since before this daemon started.
    Found { incident: u64, target: String, processes: u64 },
    /// The kernel confirmed a freeze.
    Frozen { incident: u64, target: String, processes: u64, took_us: u64 },
    /// An incident was decided, and the decision carried out.
    Decided { incident: u64, verb: Verb, target: String, by: String, reason: String, pids: Vec<u32> },
    /// A lease is in force.
    Leased { incident: u64, account: String, what: String, by: String, until: Option<String> },
    /// Its time is over; so many operations happened under it.
    LeaseOver { incident: u64, account: String, operations: u64 },
    /// Somebody has said that what waits may go on; more people have to, and nothing does yet.
    Approval {
        incident: u64,
        verb: Verb,
        target: String,
        by: String,
        reason: String,
        given: u64,
        needed: u64,
    },
    /// Somebody puts back what an incident destroyed, so many paths.
    Restoring { incident: u64, by: String, reason: String, paths: u64, to: Option<String> },
    /// What came of that.
    Restored { incident: u64, by: String, back: u64, over: u64, left: u64, failed: u64 },
    /// A process of an account wanted to decide.
    Attempt { incident: u64, account: String, pid: u32, times: u64 },
    /// A process of an account has done something to burstguard itself, or was refused to.
    Tampering {
        incident: u64,
        #[serde(flatten)]
        actor: Actor,
        /// What was touched, in a word.
        what: &'static str,
        refused: bool,
        times: u64,
        #[serde(flatten)]
        act: Destruction,
    },
    /// A decision could not be carried out.
    EffectFailed { incident: u64, effect: &'static str, error: String },
    /// An account is new here, and only observed until then.
    Warmup { account: String, until: String },
    /// Not any more.
    WarmupOver { account: String },
    /// More has tripped than the policy allows: so many accounts that have not are only observed until then, or for longer.
    GovernorEngaged { why: String, until: String, accounts: u64 },
    /// Not any more.
    GovernorOver { since: String, why: String },
    /// The daemon before has let these pass, and nothing does any more.
    Unexplained { accounts: Vec<String> },
    /// Nothing is enforced for a while.
    Off { until: Option<String>, pids: Vec<u32> },
    /// Enforced again.
    On,
    /// Another policy is in force; the hashes of both.
    Reloaded { before: String, after: String, freed: Vec<String> },
    /// The policy that is in force stays so: what should take its place is no good.
    /// What it would loosen, if that is why.
    NotReloaded { kept: String, error: String, loosens: Vec<String> },
    /// The pins were taken away that keep enforcement up without a daemon; why they could not be made again, if so.
    PinsLost { error: Option<String> },
    /// Pinned again, some time after the pins were lost.
    PinnedAgain,
    /// The last entry of the record, by which it can be proven later that nothing up to it was changed or removed.
    Anchor { seq: u64, hash: String, file: String },
    /// Incidents cannot be written down; what is watched and decided does not depend on it.
    StoreDegraded { error: String },
    /// They can again; so many entries are lost since the start.
    StoreHealed { missed: u64 },
    /// What was decided about these is carried out before it is on the disk.
    Unrecorded { incidents: Vec<u64>, error: String },
    /// Stopped processes go on.
    Released { pids: Vec<u32> },
    /// Watching has ended.
    Ended { counters: BTreeMap<&'static str, u64> },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Armed { tier, tier_note, kernel, accounts, trees, start_ms, self_test_us, .. } => write!(
                f,
                "armed: tier {tier} ({tier_note}), kernel {kernel}, watching {} in {}; \
                 up in {start_ms} ms, self-test passed in {} ms",
                accounts.join(", "),
                trees.join(", "),
                self_test_us / 1000
            ),
            Self::Joined { actor } => write!(f, "{actor} joined {}", Clean(&actor.account)),
            Self::Launched { actor, unit } => {
                write!(f, "{actor} of {} has {} started", Clean(&actor.account), Clean(unit))
            }
            Self::Operation { actor, act, over, approved } => {
                write!(f, "{actor} {act}{}", if *over { ", over the budget" } else { "" })?;
                approved.map_or(Ok(()), |incident| write!(f, ", as granted ({incident})"))
            }
            Self::Burst { incident, actor, act, whole } => {
                let what = if *whole { "a whole tree at once" } else { "over the budget" };
                write!(f, "BURST {incident} by {}: {what} with {actor} {act}", Clean(&actor.account))
            }
            Self::Escape { incident, actor, act } => {
                let way = Clean(&act.path);
                write!(f, "ESCAPE {incident} by {}: {actor} has others act, by {way}", Clean(&actor.account))
            }
            Self::Held { actor, act, .. } => {
                write!(f, "HELD {actor} of {} before {act}", Clean(&actor.account))
            }
            Self::Denied { actor, act, .. } => {
                write!(f, "DENIED {actor} of {}: {act}", Clean(&actor.account))
            }
            Self::Stopped { actor, .. } => write!(f, "STOPPED {actor} of {}", Clean(&actor.account)),
            Self::Blind { actor, help, .. } => write!(f, "blind to {actor}: {help}"),
            Self::Counter { name, total, fault, help } => {
                write!(
                    f,
                    "{}: {name} is {total} now. {}",
                    if *fault { "FAULT" } else { "count" },
                    help.trim()
                )
            }
            Self::Found { incident, target, processes } => {
                let count = self::processes(*processes);
                write!(f, "FOUND {incident}: {count} of {} wait since before this daemon", Clean(target))
            }
            Self::Frozen { incident, target, processes, took_us } => write!(
                f,
                "FROZEN {incident}: {}, {}, confirmed by the kernel in {} ms",
                Clean(target),
                self::processes(*processes),
                took_us / 1000
            ),
            Self::Decided { incident, verb, target, by, reason, pids } => {
                let verb = verb.past();
                write!(f, "{verb} {incident} ({}) by {}: {}", Clean(target), Clean(by), Clean(reason))?;
                write!(f, "; {}", processes(pids.len() as u64))
            }
            Self::Leased { incident, account, what, by, until } => {
                let until = until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
                write!(f, "LEASED {incident} by {}: {} to {}{until}", Clean(by), Clean(what), Clean(account))
            }
            Self::LeaseOver { incident, account, operations } => {
                write!(f, "lease {incident} of {} is over after {operations} operations", Clean(account))
            }
            Self::Approval { incident, verb, target, by, reason, given, needed } => {
                let (verb, target, by) = (verb.past(), Clean(target), Clean(by));
                write!(f, "{verb} {incident} ({target}) by {by}, {given} of {needed}: {}", Clean(reason))?;
                write!(f, "; nothing goes on yet")
            }
            Self::Restoring { incident, by, reason, paths, to } => {
                let to = to.as_ref().map(|to| format!(" below {}", Clean(to))).unwrap_or_default();
                write!(f, "restoring {paths} paths of {incident}{to}, by {}: {}", Clean(by), Clean(reason))
            }
            Self::Restored { incident, by, back, over, left, failed } => {
                let restored = Restored { back: *back, over: *over, left: *left, failed: *failed };
                write!(f, "restored of {incident}: {restored}; by {}", Clean(by))
            }
            Self::Attempt { incident, account, pid, times } => {
                write!(
                    f,
                    "ATTEMPT {incident}: pid {pid} of {} wanted to decide, {times} times",
                    Clean(account)
                )
            }
            Self::Tampering { incident, actor, what, refused, times, act } => {
                let done = if *refused { "refused" } else { "done" };
                write!(f, "TAMPERING {incident} by {}, {done}: {actor}: {what}", Clean(&actor.account))?;
                if let Some(tree) = &act.tree {
                    write!(f, " {} in {}", Clean(&act.path), Clean(tree))?;
                }
                write!(f, ", {times} times")
            }
            Self::EffectFailed { incident, effect, error } => {
                write!(f, "FAILED to {effect} for incident {incident}: {error}")
            }
            Self::Warmup { account, until } => {
                write!(f, "warm-up of {}: it is only observed until {until}", Clean(account))
            }
            Self::WarmupOver { account } => write!(f, "warm-up of {} is over", Clean(account)),
            Self::GovernorEngaged { why, until, accounts } => write!(
                f,
                "GOVERNOR ENGAGED: {why}. {accounts} other accounts are only observed, until it is quiet: {until} at the \
                 earliest; what waits goes on waiting. burstguard on ends it"
            ),
            Self::GovernorOver { since, why } => {
                write!(f, "governor over, engaged since {since}: {why}; enforced again")
            }
            Self::Unexplained { accounts } => write!(
                f,
                "enforced from now on: {}, which the daemon before let pass by something that is not in force any more",
                Clean(&accounts.join(", "))
            ),
            Self::Off { until: Some(until), pids } => {
                write!(f, "OFF until {until}; {} go on", processes(pids.len() as u64))
            }
            Self::Off { until: None, pids } => {
                write!(f, "OFF until told otherwise; {} go on", processes(pids.len() as u64))
            }
            Self::On => write!(f, "on again"),
            Self::Reloaded { before, after, freed } => {
                write!(f, "policy reloaded: {before:.12} is now {after:.12}")?;
                if freed.is_empty() { Ok(()) } else { write!(f, "; no longer held: {}", freed.join(", ")) }
            }
            Self::NotReloaded { kept, error, .. } => {
                write!(f, "policy NOT reloaded, {kept:.12} stays: {error}")
            }
            Self::PinsLost { error: None } => {
                write!(f, "PINS LOST, which keep enforcement up without a daemon; pinned again")
            }
            Self::PinsLost { error: Some(error) } => {
                write!(f, "PINS LOST, and cannot pin again: without this daemon enforcement ends: {error}")
            }
            Self::PinnedAgain => write!(f, "pinned again: enforcement stays without the daemon"),
            Self::Anchor { seq, hash, file } => write!(f, "anchor {seq}:{hash} of {}", Clean(file)),
            Self::StoreDegraded { error } => {
                write!(f, "RECORD DEGRADED, incidents are not written down: {}", Clean(error))
            }
            Self::StoreHealed { missed: 0 } => write!(f, "the record is written again; nothing is lost"),
            Self::StoreHealed { missed } => {
                write!(f, "the record is written again; {missed} entries are lost")
            }
            Self::Unrecorded { incidents, error } => {
                let of: Vec<String> = incidents.iter().map(u64::to_string).collect();
                write!(f, "UNRECORDED {}: decided before it is on the disk: {}", of.join(", "), Clean(error))
            }
            Self::Released { pids } if pids.is_empty() => write!(f, "detached; nothing was stopped"),
            Self::Released { pids } => write!(f, "detached; continued {pids:?}"),
            Self::Ended { counters } => {
                let counted = counters.iter().filter(|(_, total)| **total > 0);
                let counted: Vec<_> = counted.map(|(name, total)| format!("{name} {total}")).collect();
                write!(
                    f,
                    "ended; {}",
                    if counted.is_empty() { "no faults".to_owned() } else { counted.join(", ") }
                )
            }
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (uid {})", Clean(&self.comm), self.pid, self.uid)
    }
}

impl fmt::Display for Destruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kinds.join("+"), Clean(&self.path))?;
        match &self.tree {
            Some(tree) => write!(f, " in {}", Clean(tree))?,
            None if self.kinds == ["escape"] => {}
            None => write!(f, " above a protected tree")?,
        }
        self.sizes.note(self.kinds.iter().copied()).map_or(Ok(()), |note| write!(f, ", {note}"))
    }
}

fn processes(count: u64) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}
