//! Decisions, and what they set off.

use std::collections::{BTreeMap, BTreeSet};

use agent_common::rules::BootNs;

use super::{
    Incidents, Off,
    freeze::check_target,
    incident::{Decided, Incident},
    join::join,
    lease::Wanted,
    nanoseconds,
    people::{How, Order},
    stage::{Closed, Stage},
    waiting::{CONFIRM, reply},
};
use crate::{
    api::{Answer, Code, Problem, Request, Responder, Target, Verb},
    daemon::{Asked, CallId, Effect, Facts, Which},
    policy::drill::Drill,
};

impl Incidents {
    pub(super) fn on_asked(&mut self, asked: Asked, now: BootNs) -> Vec<Effect> {
        let call = asked.call;
        if let Err(refusal) = self.may(&asked, now) {
            let (problem, mut effects) = *refusal;
            effects.push(reply(call, Err(problem)));
            return effects;
        }
        match self.carry_out(asked, now) {
            Ok(effects) => effects,
            Err(problem) => vec![reply(call, Err(problem))],
        }
    }

    fn carry_out(&mut self, asked: Asked, now: BootNs) -> Result<Vec<Effect>, Problem> {
        let Asked {
            call,
            by,
            person,
            request,
            facts,
            about,
            askers,
            past,
            patience,
            acts_for,
            may_launch,
            ..
        } = asked;
        self.patience = patience.map_or(CONFIRM, nanoseconds);
        let order = |by, reason| Order { call, by, person, reason, now };
        let answer = match request {
            Request::Status => Answer::Status(Box::new(self.status(&facts))),
            Request::Watch => Answer::Watching,
            Request::Accounts => Answer::Accounts(self.accounts(&facts)),
            Request::Incidents(filter) => self.list(&filter, &facts, past),
            Request::Incident(id) => self.detail(id, &facts, about, past)?,
            Request::Whois(pid) => Self::whois(pid, &facts, about)?,
            Request::Why(pid) => self.why(pid, &facts, about)?,
            Request::Freeze { target, until, reason } => {
                let until = until.map(|span| now.saturating_add(nanoseconds(span)));
                if let Target::Account(name) = &target
                    && facts.account(name).is_none()
                {
                    return Err(no_account(name));
                }
                check_target(&target, &about, &askers)?;
                return self.freeze_asked(target, &about, order(by, &reason), until);
            }
            Request::Approve { incident, scope, reason } => {
                return self.approve(incident, scope, order(by, &reason));
            }
            Request::Leases => Answer::Leases(self.leases(&facts)),
            Request::Lease { account, trees, budget, until, reason } => {
                let wanted = Wanted { account, trees, budget, until };
                return self.lease(wanted, &order(by, &reason));
            }
            Request::Revoke { lease, reason } => return self.revoke(call, lease, by, &reason, now),
            Request::Deny { incident, reason } => return self.deny(call, incident, by, &reason, now),
            Request::Thaw { incident: Some(id), reason } => return self.thaw(&[id], order(by, &reason)),
            Request::Thaw { incident: None, reason } => {
                let open: Vec<u64> = self.those_that_admit(Verb::Thaw).collect();
                if open.is_empty() {
                    return Err(Problem::new(
                        Code::NotFound,
                        "no incident is open: nothing is held, stopped or frozen, and nobody is denied",
                    ));
                }
                let said = open.iter().filter_map(|id| Some((*id, self.has_said(*id, person)?)));
                let mut said: BTreeMap<u64, Problem> = said.collect();
                if said.len() == open.len()
                    && let Some((_, twice)) = said.pop_first()
                {
                    return Err(twice);
                }
                let rest: Vec<u64> = open.into_iter().filter(|id| !said.contains_key(id)).collect();
                return self.thaw(&rest, order(by, &reason));
            }
            Request::Kill { incident, reason } => {
                let processes = about.iter().filter(|process| process.spared.is_none());
                let processes = processes.map(|process| process.id).collect();
                self.decide(incident, Verb::Kill, &by, reason.as_str(), now)?;
                self.wait(call, Verb::Kill, &[incident], by, now);
                let account = self.account_of(incident);
                return Ok(vec![Effect::Kill { incident, account, processes }]);
            }
            Request::Reload { loosen, reason } => {
                return Ok(vec![self.reload(call, by, reason.as_str(), Which::Files, loosen, now)]);
            }
            Request::Drill { account, tree, reason } => {
                let why = format!("a drill of {account}: {}", reason.as_str());
                let which = Which::Drill(Drill { account, tree });
                return Ok(vec![self.reload(call, by, &why, which, false, now)]);
            }
            Request::EndDrill { reason } => {
                let why = format!("the end of a drill: {}", reason.as_str());
                return Ok(vec![self.reload(call, by, &why, Which::NoDrill, false, now)]);
            }
            Request::Restore { incident, restore, reason } => {
                return self.restore(call, incident, restore, order(by, &reason), past);
            }
            Request::SelfTest => return Ok(vec![Effect::SelfTest { call }]),
            Request::Join { account } => {
                return join(call, account, &facts, &by, about, acts_for.as_deref(), may_launch);
            }
            Request::Off { until, reason } => {
                let off = Off { until: until.map(|span| now.saturating_add(nanoseconds(span))) };
                self.off = Some(off);
                let over = self.end_governor("nothing is enforced");
                let open: Vec<u64> = self.those_that_admit(Verb::Off).collect();
                for id in &open {
                    self.decide(*id, Verb::Off, &by, reason.as_str(), now)?;
                }
                self.order(Some(call), Verb::Off, by.clone(), reason.as_str(), now);
                self.wait(call, Verb::Off, &open, by, now);
                return Ok([Effect::Off { call, until: off.end() }].into_iter().chain(over).collect());
            }
            Request::On { reason } => {
                let off = self.off.take();
                let over = self.end_governor("switched on");
                self.wait(call, Verb::On, &[], by.clone(), now);
                // Nobody who was stopped is let go by switching on what is on.
                if off.is_none() && over.is_none() {
                    return Ok(self.answer_those(|waiting| waiting.call == call));
                }
                self.order(Some(call), Verb::On, by, reason.as_str(), now);
                return Ok(self.switched_on(Some(call), now).into_iter().chain(over).collect());
            }
        };
        Ok(vec![reply(call, Ok(answer))])
    }

    /// The policy in force stays if another would hold less tightly an account about which somebody has still to decide.
    pub(super) fn reload(
        &mut self,
        call: CallId,
        by: Responder,
        reason: &str,
        which: Which,
        loosen: bool,
        now: BootNs,
    ) -> Effect {
        self.order(Some(call), Verb::Reload, by, reason, now);
        let waits = |incident: &&Incident| incident.goes_on() && incident.stage != Stage::Leased;
        let going = self.incidents.values().filter(waits);
        let open: BTreeSet<String> =
            going.filter_map(|incident| incident.account().map(str::to_owned)).collect();
        Effect::Reload { call, which, open: open.into_iter().collect(), loosen }
    }

    fn those_that_admit(&self, verb: Verb) -> impl Iterator<Item = u64> + '_ {
        self.incidents.values().filter(move |incident| incident.admits(verb)).map(|incident| incident.id)
    }

    /// The account that begins anew when an incident ends: none while another incident keeps it as it is, a freeze, which its
    /// thaw will end for all, or one that waits for a decision of its own.
    pub(super) fn account_of(&self, id: u64) -> Option<String> {
        let account = self.incidents.get(&id)?.account()?;
        let keeps =
            |other: &Incident| other.is_frozen() || other.stage == Stage::Stopped || other.keeps(0).is_some();
        let mut others = self.incidents.values().filter(|other| other.id != id && keeps(other));
        let kept = others.any(|other| other.account() == Some(account));
        (!kept).then(|| account.to_owned())
    }

    fn thaw(&mut self, ids: &[u64], order: Order<'_>) -> Result<Vec<Effect>, Problem> {
        for id in ids {
            self.admits(*id, Verb::Thaw)?;
        }
        self.let_go_on(ids, &How::Thaw, order)
    }

    /// Lets an incident go. An account that another one keeps does not begin anew: it stands as it did before it was frozen.
    pub(super) fn thawed(&self, id: u64, now: BootNs) -> Vec<Effect> {
        let thaw = Effect::Thaw { incident: id, account: self.account_of(id) };
        let kept = self.incidents.get(&id).and_then(Incident::account).and_then(|account| {
            let others = || self.incidents.values().filter(|other| other.account() == Some(account));
            let standing = others().find_map(|other| other.keeps(now))?;
            let frozen = others().any(Incident::is_frozen);
            (!frozen).then(|| Effect::Stand { account: account.to_owned(), standing })
        });
        kept.into_iter().chain([thaw]).collect()
    }

    /// Why there is nothing to decide about a number that nothing is known of.
    pub(super) fn missing(&self, id: u64) -> Problem {
        if id == 0 || id > self.last {
            return no_incident(id);
        }
        Problem::new(Code::AlreadyDecided, format!("incident {id} is of an earlier daemon, and over"))
            .help(format!("how it ended: burstguard incident {id}; what waits: burstguard incidents --open"))
    }

    /// Whether this can be decided about an incident; else who has decided it.
    fn admits(&self, id: u64, verb: Verb) -> Result<(), Problem> {
        let incident = self.incidents.get(&id).ok_or_else(|| self.missing(id))?;
        if incident.admits(verb) { Ok(()) } else { Err(already(incident, &self.facts)) }
    }

    /// Why there is nothing to show of a number that the record, if it was read, has nothing of.
    pub(super) fn not_in(&self, is_read: bool, id: u64) -> Problem {
        if is_read || id == 0 || id > self.last {
            return no_incident(id);
        }
        Problem::new(
            Code::Failed,
            format!("the record, which may have incident {id}, has not answered in time"),
        )
        .help("ask again; how the record stands: burstguard status")
    }

    /// Records a decision on an incident that waits for one.
    pub(super) fn decide(
        &mut self,
        id: u64,
        verb: Verb,
        by: &Responder,
        reason: &str,
        now: BootNs,
    ) -> Result<(), Problem> {
        self.admits(id, verb)?;
        let incident = self.incidents.get_mut(&id).ok_or_else(|| no_incident(id))?;
        incident.decide(Decided {
            at: now,
            verb,
            by: by.clone(),
            reason: reason.to_owned(),
            outcome: String::new(),
        });
        Ok(())
    }

    pub(super) fn on_due(&mut self, now: BootNs) -> Vec<Effect> {
        let mut effects = self.answer_those(|waiting| waiting.until <= now);
        let due: Vec<u64> = self
            .incidents
            .values()
            .filter(|incident| incident.is_open() && incident.until.is_some_and(|until| until <= now))
            .map(|incident| incident.id)
            .collect();
        for id in due {
            if let Some(then) = self.incidents.get(&id).and_then(|incident| incident.then) {
                effects.extend(self.undecided(id, then, now));
                continue;
            }
            if self.decide(id, Verb::Thaw, &Responder::Deadline, "its time is over", now).is_ok() {
                effects.extend(self.thawed(id, now));
            }
        }
        if self.off.and_then(|off| off.until).is_some_and(|until| until <= now) {
            self.off = None;
            self.order(None, Verb::On, Responder::Deadline, "its time is over", now);
            effects.extend(self.switched_on(None, now));
        }
        effects
    }
}

/// Why there is nothing left to decide.
pub(super) fn already(incident: &Incident, facts: &Facts) -> Problem {
    let id = incident.id;
    let nothing = |why: &str| Problem::new(Code::AlreadyDecided, format!("incident {id} {why}"));
    let decision = match (incident.stage, incident.decisions.last()) {
        (Stage::Closed { how: Closed::Gone, .. }, _) => {
            return nothing("is over: the processes that waited have ended, and nobody had decided");
        }
        (Stage::Closed { how: Closed::Unseen, .. }, _) => {
            return nothing("is over: it ended while no daemon was there");
        }
        (Stage::Observed, _) | (_, None) => return nothing("waits for nobody: nothing was stopped"),
        (_, Some(decision)) => decision,
    };
    let verb = decision.verb.past();
    let reason =
        if decision.reason.is_empty() { String::new() } else { format!(", reason {:?}", decision.reason) };
    let problem = nothing(&format!(
        "is already decided: {verb} by {} at {}{reason}",
        decision.by,
        facts.wall(decision.at).strftime("%FT%TZ")
    ));
    match incident.stage {
        Stage::Denied => problem.help(format!(
            "the calls have failed and cannot be resumed; to let the account begin anew: burstguard thaw {id}"
        )),
        _ => problem,
    }
}

pub(super) fn no_incident(id: u64) -> Problem {
    Problem::new(Code::NotFound, format!("there is no incident {id}")).help("burstguard incidents lists them")
}

pub(super) fn no_account(name: &str) -> Problem {
    Problem::new(Code::NotFound, format!("the policy has no account {name:?}"))
        .help("burstguard accounts lists them")
}
