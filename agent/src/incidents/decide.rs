//! Decisions: who may make them, and what they set off.

use std::sync::Arc;

use agent_common::rules::BootNs;

use super::{
    Incidents, Off,
    incident::{Cause, Decided, Incident, Stage},
    waiting::reply,
};
use crate::{
    api::{Answer, Code, Problem, Reason, Request, Responder, Right, Target, Verb},
    daemon::{Asked, CallId, Effect, Facts, ProcessFacts},
    report::Event,
};

/// Attempts of an account within so long are one incident.
const ATTEMPTS: BootNs = 600_000_000_000;
/// The longest that a decision may last: nobody means more than a year.
const LONGEST: BootNs = 365 * 86_400 * 1_000_000_000;

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

    /// Whether the asking process may: by its user's role, and only if it acts for no account.
    fn may(&mut self, asked: &Asked, now: BootNs) -> Result<(), Box<(Problem, Vec<Effect>)>> {
        let right = asked.request.right(asked.pid);
        if let Some(account) = &asked.acts_for
            && let Some(verb) = Verb::of(&asked.request)
        {
            let (id, times) = self.attempt(account, verb, asked, now);
            let attempt = Event::Attempt { incident: id, account: account.clone(), pid: asked.pid, times };
            let problem = Problem::new(
                Code::NotAllowed,
                format!(
                    "pid {} acts for account {account} and may not decide; this attempt is recorded as incident {id}",
                    asked.pid
                ),
            );
            return Err(Box::new((problem, vec![Effect::Report(attempt)])));
        }
        if asked.rights.allow(right, false) {
            return Ok(());
        }
        let role = match right {
            Right::Own | Right::View => "view",
            Right::Respond => "respond",
            Right::Admin => "admin",
        };
        let problem = Problem::new(Code::NotAllowed, format!("{} has not the role \"{role}\"", asked.by))
            .help(format!(
                "the policy's [roles] {role} says who has it; by default root and group burstguard"
            ));
        Err(Box::new((problem, Vec::new())))
    }

    fn attempt(&mut self, account: &str, verb: Verb, asked: &Asked, now: BootNs) -> (u64, u64) {
        let recent = self.incidents.values_mut().rev().find(|incident| {
            matches!(&incident.cause, Cause::Attempt { account: of, .. } if of == account)
                && now.saturating_sub(incident.opened) < ATTEMPTS
        });
        if let Some(Incident { id, cause: Cause::Attempt { times, .. }, last, .. }) = recent {
            *times += 1;
            *last = now;
            return (*id, *times);
        }
        let cause = Cause::Attempt { account: account.to_owned(), times: 1 };
        let incident = self.open(cause, now, Stage::Observed);
        incident.decisions.push(Decided {
            at: now,
            verb,
            by: asked.by.clone(),
            reason: String::new(),
            outcome: "refused: it acts for the account".to_owned(),
        });
        (incident.id, 1)
    }

    fn carry_out(&mut self, asked: Asked, now: BootNs) -> Result<Vec<Effect>, Problem> {
        let Asked { call, by, request, facts, about, askers, .. } = asked;
        let answer = match request {
            Request::Status => Answer::Status(Box::new(self.status(&facts))),
            Request::Watch => Answer::Watching,
            Request::Accounts => Answer::Accounts(self.accounts(&facts)),
            Request::Incidents(filter) => self.list(&filter, &facts),
            Request::Incident(id) => self.detail(id, &facts, about)?,
            Request::Whois(pid) => Self::whois(pid, about)?,
            Request::Why(pid) => self.why(pid, &facts, about)?,
            Request::Freeze { target, until, reason } => {
                let until = until.map(|span| now.saturating_add(nanoseconds(span)));
                if let Target::Account(name) = &target
                    && facts.account(name).is_none()
                {
                    return Err(Problem::new(Code::NotFound, format!("the policy has no account {name:?}"))
                        .help("burstguard accounts lists them"));
                }
                check_target(&target, &about, &askers)?;
                return Ok(self.freeze_asked(call, target, by, &reason, until, now));
            }
            Request::Thaw { incident: Some(id), reason } => return self.thaw(call, &[id], by, &reason, now),
            Request::Thaw { incident: None, reason } => {
                let open: Vec<u64> = self.open_ids().collect();
                if open.is_empty() {
                    return Err(Problem::new(
                        Code::NotFound,
                        "no incident is open: nothing is stopped or frozen",
                    ));
                }
                return self.thaw(call, &open, by, &reason, now);
            }
            Request::Kill { incident, reason } => {
                let processes = about.iter().filter(|process| process.spared.is_none());
                let processes = processes.map(|process| process.id).collect();
                self.decide(incident, Verb::Kill, &by, reason.as_str(), now)?;
                self.wait(call, Verb::Kill, &[incident], by, now);
                let account = self.account_of(incident);
                return Ok(vec![Effect::Kill { incident, account, processes }]);
            }
            Request::Reload { .. } => return Ok(vec![Effect::Reload { call }]),
            Request::SelfTest => return Ok(vec![Effect::SelfTest { call }]),
            Request::Off { until, reason } => {
                self.off = Some(Off { until: until.map(|span| now.saturating_add(nanoseconds(span))) });
                let open: Vec<u64> = self.open_ids().collect();
                for id in &open {
                    self.decide(*id, Verb::Off, &by, reason.as_str(), now)?;
                }
                self.wait(call, Verb::Off, &open, by, now);
                return Ok(vec![Effect::Off { call }]);
            }
            Request::On { .. } => {
                let off = self.off.take();
                self.wait(call, Verb::On, &[], by, now);
                // Nobody who was stopped is let go by switching on what is on.
                return Ok(match off {
                    Some(_) => vec![Effect::On { call: Some(call) }],
                    None => self.answer_those(|waiting| waiting.call == call),
                });
            }
        };
        Ok(vec![reply(call, Ok(answer))])
    }

    fn open_ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.incidents.values().filter(|incident| incident.is_open()).map(|incident| incident.id)
    }

    /// The account that begins anew when an incident ends: none while another freeze of it is open, which its thaw will end
    /// for all.
    fn account_of(&self, id: u64) -> Option<String> {
        let account = self.incidents.get(&id)?.account()?;
        let mut others = self.incidents.values().filter(|other| other.id != id && other.is_frozen());
        let held = others.any(|other| other.account() == Some(account));
        (!held).then(|| account.to_owned())
    }

    /// Freezes for a responder, as an incident of its own.
    fn freeze_asked(
        &mut self,
        call: CallId,
        target: Target,
        by: Responder,
        reason: &Reason,
        until: Option<BootNs>,
        now: BootNs,
    ) -> Vec<Effect> {
        let incident =
            self.open(Cause::Freeze { target: target.clone() }, now, Stage::Freezing { since: now });
        incident.until = until;
        let id = incident.id;
        self.wait(call, Verb::Freeze, &[id], by.clone(), now);
        self.freeze(id, target, by, reason.as_str(), now)
    }

    /// The effects of freezing for an incident. An account trips, so that what joins it later is stopped too.
    pub(super) fn freeze(
        &mut self,
        id: u64,
        target: Target,
        by: Responder,
        reason: &str,
        now: BootNs,
    ) -> Vec<Effect> {
        if let Some(incident) = self.incidents.get_mut(&id) {
            incident.stage = Stage::Freezing { since: now };
            incident.decisions.push(Decided {
                at: now,
                verb: Verb::Freeze,
                by,
                reason: reason.to_owned(),
                outcome: String::new(),
            });
        }
        let trip = target.account().map(|account| Effect::Trip { account: account.to_owned() });
        trip.into_iter().chain([Effect::Freeze { incident: id, target }]).collect()
    }

    fn thaw(
        &mut self,
        call: CallId,
        ids: &[u64],
        by: Responder,
        reason: &Reason,
        now: BootNs,
    ) -> Result<Vec<Effect>, Problem> {
        for id in ids {
            self.decide(*id, Verb::Thaw, &by, reason.as_str(), now)?;
        }
        self.wait(call, Verb::Thaw, ids, by, now);
        Ok(ids.iter().map(|id| Effect::Thaw { incident: *id, account: self.account_of(*id) }).collect())
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
        let facts = Arc::clone(&self.facts);
        let incident = self.incidents.get_mut(&id).ok_or_else(|| no_incident(id))?;
        if !incident.is_open() {
            return Err(already(incident, &facts));
        }
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
            if self.decide(id, Verb::Thaw, &Responder::Deadline, "its time is over", now).is_ok() {
                effects.push(Effect::Thaw { incident: id, account: self.account_of(id) });
            }
        }
        if self.off.and_then(|off| off.until).is_some_and(|until| until <= now) {
            self.off = None;
            effects.push(Effect::On { call: None });
        }
        effects
    }
}

fn check_target(target: &Target, about: &[ProcessFacts], askers: &[u32]) -> Result<(), Problem> {
    if *target == Target::User(0) {
        let why = "root is nearly the whole host, and the way in to repair it";
        return Err(Problem::new(Code::NotAllowed, format!("{target} is never frozen: {why}"))
            .help("name an account, a unit, a cgroup or a process"));
    }
    let spared = match (target, about) {
        (_, []) => {
            let nobody = format!("nothing to freeze: {target} has no processes here");
            return Err(Problem::new(Code::NotFound, nobody));
        }
        // The process itself, which comes first: what it has started is nearly the whole host if it is pid 1.
        (Target::Pid(_), [first, ..]) => first.spared,
        (_, [first, rest @ ..]) => {
            first.spared.filter(|_| rest.iter().all(|process| process.spared.is_some()))
        }
    };
    if let Some(why) = spared {
        return Err(Problem::new(Code::NotAllowed, format!("{target} is never frozen: {why}")));
    }
    if let Some(asker) = about.iter().find(|process| askers.contains(&process.id.pid)) {
        let message =
            format!("{target} includes pid {}, which asks for it or has started what does", asker.id.pid);
        return Err(Problem::new(Code::NotAllowed, message)
            .help("ask from another session, or name an account, a unit or a smaller cgroup"));
    }
    Ok(())
}

fn already(incident: &Incident, facts: &Facts) -> Problem {
    let Some(decision) = incident.decisions.last().filter(|_| !matches!(incident.stage, Stage::Observed))
    else {
        return Problem::new(
            Code::AlreadyDecided,
            format!("incident {} waits for nobody: nothing was stopped", incident.id),
        );
    };
    let verb = decision.verb.past();
    let reason =
        if decision.reason.is_empty() { String::new() } else { format!(", reason {:?}", decision.reason) };
    Problem::new(
        Code::AlreadyDecided,
        format!(
            "incident {} is already decided: {verb} by {} at {}{reason}",
            incident.id,
            decision.by,
            facts.wall(decision.at).strftime("%FT%TZ")
        ),
    )
}

pub(super) fn no_incident(id: u64) -> Problem {
    Problem::new(Code::NotFound, format!("there is no incident {id}")).help("burstguard incidents lists them")
}

fn nanoseconds(span: std::time::Duration) -> BootNs {
    u64::try_from(span.as_nanos()).unwrap_or(LONGEST).min(LONGEST)
}
