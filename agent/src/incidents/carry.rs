//! The incidents that were open when the daemon before ended go on under their numbers: what the record says of them, held
//! against what the kernel has of them.
//!
//! What was decided and recorded may not have been carried out. The kernel tells: who still waits as before was not let go, and
//! waits for a decision again. What cannot be told is said to be unknown.

use std::collections::BTreeSet;

use agent_common::rules::{
    BootNs, NEVER,
    judge::{Phase, Standing},
};
use serde_json::Value;

use super::{
    Incidents, Off, WasOff,
    incident::{Cause, Decided, Incident},
    lease::was_in_force,
    record::Mark,
    stage::{Closed, Stage},
};
use crate::{
    api::{Allowance, Verb},
    daemon::{AccountFacts, Effect, Facts, Frozen},
    report::Event,
    store::{Left, UNKNOWN},
};

/// What came of a decision after which all is as it was before.
const NOT_CARRIED_OUT: &str = "not carried out: the daemon ended before; decide again";
/// What came of one that was, as was seen later.
const CARRIED_OUT: &str = "carried out: the account has burst again since";
/// What came of one that the kernel carries out.
const IN_FORCE: &str = "in force; the daemon ended before it had heard of whom";

impl Incident {
    /// What the next daemon needs to carry it on; none if nothing of it goes on.
    pub(super) fn carry(&self, now: BootNs) -> Option<Value> {
        (self.goes_on() || self.is_approved_at(now)).then(|| serde_json::to_value(self).ok()).flatten()
    }

    /// Whether it is over, and what was approved for it is not.
    fn is_approved_at(&self, now: BootNs) -> bool {
        matches!(self.stage, Stage::Closed { how: Closed::Approved, .. })
            && self.approved_until.is_some_and(|until| until > now)
    }

    /// The decision whose effect was under way.
    fn under_way(&self) -> Option<&Decided> {
        let under_way = matches!(self.stage, Stage::Ending { .. } | Stage::Freezing { .. } | Stage::Leased);
        self.decisions.last().filter(|last| under_way && last.outcome.is_empty())
    }

    /// It stands so, and this has come of the decision that was under way, if one was.
    fn found(&mut self, stage: Stage, outcome: &str) {
        let was_under_way = self.under_way().is_some();
        self.stage = stage;
        if let Some(last) = self.decisions.last_mut().filter(|_| was_under_way) {
            outcome.clone_into(&mut last.outcome);
        }
    }
}

/// What the kernel has of an incident.
struct Remains<'a> {
    account: Option<&'a AccountFacts>,
    phase: Phase,
    /// The processes that are frozen for it, if any were.
    frozen: Option<u64>,
    /// Whether calls wait that waited already when it was decided last.
    waits: bool,
    can_hold: bool,
    /// What is granted for it, by index.
    grants: Vec<u32>,
}

impl<'a> Remains<'a> {
    fn of(incident: &Incident, freezes: &[Frozen], facts: &'a Facts) -> Self {
        let account = incident.account().and_then(|account| facts.account(account));
        let decided = incident.under_way().map_or(NEVER, |decided| decided.at);
        let grants = facts.grants.iter().filter(|facts| facts.grant.incident == incident.id);
        Self {
            account,
            phase: account.map_or(Phase::Armed, |account| account.standing.at(facts.now).phase),
            frozen: freezes.iter().find(|frozen| frozen.id == incident.id).map(|frozen| frozen.processes),
            waits: account.is_some_and(|account| account.held.iter().any(|held| held.call.at <= decided)),
            can_hold: facts.can_hold(),
            grants: grants.map(|facts| facts.index).collect(),
        }
    }

    /// Where the incident stands by it; none if nothing is left of it.
    fn stage(&self, incident: &Incident) -> Option<Stage> {
        let is_freeze = matches!(incident.cause, Cause::Freeze { .. } | Cause::Left { .. });
        if matches!(incident.cause, Cause::Lease(_)) {
            return (!self.grants.is_empty()).then_some(Stage::Leased);
        }
        match (self.frozen, self.phase) {
            (Some(processes), _) => Some(Stage::Frozen { processes }),
            // What acts for it next is stopped.
            (None, Phase::Frozen) if is_freeze => Some(Stage::Frozen { processes: 0 }),
            _ if is_freeze => None,
            (None, Phase::Denied) if self.can_hold => Some(Stage::Denied),
            _ if self.waits && self.can_hold => Some(Stage::Held),
            (None, Phase::Tripped | Phase::Frozen | Phase::Denied) if !self.can_hold => Some(Stage::Stopped),
            _ => None,
        }
    }
}

impl Incidents {
    /// An earlier daemon has switched off, as it remembered; or as the kernel tells, if it was killed before it could: every
    /// account passes until one and the same moment, and nothing else lets it.
    pub(super) fn carry_on_off(&mut self, remembered: WasOff, facts: &Facts) -> Vec<Effect> {
        let ends: BTreeSet<BootNs> = facts.accounts.iter().map(|account| account.granted_until).collect();
        let else_passes =
            self.governor.engaged().is_some() || facts.accounts.iter().any(|one| one.warm_until > facts.now);
        let told = match ends.first() {
            Some(until) if ends.len() == 1 && !else_passes => {
                Some(Off { until: Some(*until).filter(|until| *until != NEVER) })
            }
            _ => None,
        };
        let off = match remembered {
            // What lets accounts pass all the same is something else, and over: it ends.
            WasOff::Known(off) => off,
            WasOff::Unknown => told,
        };
        self.off = off.filter(|off| facts.now < off.end());
        self.off.map(|off| Effect::Report(off.begun(Vec::new(), facts))).into_iter().collect()
    }

    /// Carries on what the record says was not over. One that cannot be carried on ends, in the record alone.
    pub(super) fn carry_on(
        &mut self,
        left: Vec<Left>,
        freezes: &[Frozen],
        facts: &Facts,
        now: BootNs,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for left in left {
            self.last = self.last.max(left.detail.summary.id);
            let state =
                left.carried.as_ref().and_then(|carried| Some((carried, carried.state::<Incident>()?)));
            let of_lease = left.detail.lease.as_ref().and_then(|lease| lease.left.clone());
            match state {
                Some((carried, incident)) if carried.same_boot => {
                    effects.extend(self.carry_on_one(incident, of_lease, freezes, facts, now));
                }
                Some((carried, incident)) if was_in_force(&incident) => {
                    effects.extend(self.lease_after_reboot(incident, carried, of_lease, facts, now));
                }
                _ => self.others.extend(left.end(facts.wall(now), now)),
            }
        }
        effects
    }

    fn carry_on_one(
        &mut self,
        mut incident: Incident,
        of_lease: Option<Allowance>,
        freezes: &[Frozen],
        facts: &Facts,
        now: BootNs,
    ) -> Vec<Effect> {
        incident.mark = Some(Mark::of(&incident, now));
        let remains = Remains::of(&incident, freezes, facts);
        if was_in_force(&incident) && remains.grants.is_empty() {
            return self.lease_again(incident, of_lease, "all had been let go", now);
        }
        let effects = if incident.stage == Stage::Proposed {
            Vec::new() // nothing of it is in the kernel yet
        } else if incident.goes_on() {
            go_on(&mut incident, &remains, now)
        } else if remains.grants.is_empty() {
            return Vec::new(); // it was over, and what was approved is too
        } else {
            Vec::new()
        };
        let found = incident.is_open().then(|| Event::Found {
            incident: incident.id,
            target: incident.whom().to_string(),
            processes: match (incident.stage, remains.account) {
                (Stage::Frozen { processes }, _) => processes,
                (_, Some(account)) => account.stopped + account.held_processes(),
                (_, None) => 0,
            },
        });
        let is_freeze = matches!(incident.cause, Cause::Freeze { .. } | Cause::Left { .. });
        if let Some(account) = incident.account().filter(|_| incident.goes_on() && !is_freeze) {
            self.current.insert(account.to_owned(), incident.id);
        }
        self.insert(incident);
        found.map(Effect::Report).into_iter().chain(effects).collect()
    }

    /// An account has burst at this moment: it was armed until then, so a decision after which all seemed to be as before was
    /// carried out, and what waits now is of this burst.
    pub(super) fn was_armed_until(&mut self, at: BootNs, account: &str) {
        for incident in self.incidents.values_mut().filter(|incident| incident.account() == Some(account)) {
            let Some(last) = incident.decisions.last_mut() else { continue };
            if last.at < at && last.outcome == NOT_CARRIED_OUT {
                CARRIED_OUT.clone_into(&mut last.outcome);
                incident.stage = match last.verb {
                    Verb::Deny => Stage::Closed { at, how: Closed::Denied },
                    verb => Stage::after(verb, at),
                };
            }
        }
    }
}

/// Where an incident stands from now on, and what is left to be done for it.
fn go_on(incident: &mut Incident, remains: &Remains<'_>, now: BootNs) -> Vec<Effect> {
    let verb = incident.under_way().map(|decided| decided.verb);
    let account = || incident.account().unwrap_or_default().to_owned();
    let armed = remains.phase == Phase::Armed;
    match (remains.stage(incident), verb) {
        (Some(Stage::Denied), Some(Verb::Deny)) => {
            // It stays under way: whoever has not heard of it does now.
            vec![Effect::Deny { incident: incident.id, account: account() }]
        }
        (Some(Stage::Held), Some(verb @ (Verb::Approve | Verb::Thaw | Verb::Off))) if armed => {
            let effect = Effect::Arm { account: account() };
            incident.found(Stage::after(verb, now), IN_FORCE);
            vec![effect]
        }
        (Some(stage @ Stage::Frozen { processes }), Some(Verb::Freeze)) => {
            incident.found(stage, &format!("{processes} processes are frozen"));
            Vec::new()
        }
        (Some(Stage::Leased), Some(Verb::Lease)) => {
            incident.found(Stage::Leased, IN_FORCE);
            Vec::new()
        }
        (Some(stage), verb) => {
            let tripped = Standing { phase: Phase::Tripped, until: NEVER };
            // To be killed, and armed already, so that somebody's signal would let them go on.
            let stand = (stage == Stage::Held && armed && verb.is_some())
                .then(|| Effect::Stand { account: account(), standing: tripped });
            let half = remains.grants.iter().filter(|_| verb == Some(Verb::Approve));
            let withdraw = half.map(|grant| Effect::Withdraw { grant: *grant });
            let effects = withdraw.chain(stand).collect();
            incident.then = incident.then.filter(|_| stage != Stage::Stopped);
            incident.found(stage, NOT_CARRIED_OUT);
            effects
        }
        (None, Some(Verb::Approve)) if !remains.grants.is_empty() => {
            incident.found(Stage::after(Verb::Approve, now), IN_FORCE);
            Vec::new()
        }
        (None, _) => {
            incident.found(Stage::Closed { at: now, how: Closed::Unseen }, UNKNOWN);
            Vec::new()
        }
    }
}
