//! Freezes: whom they may mean, and what they set off.

use agent_common::rules::BootNs;

use super::{
    Incidents,
    incident::{Cause, Decided},
    stage::Stage,
};
use crate::{
    api::{Code, Problem, Reason, Responder, Target, Verb},
    daemon::{CallId, Effect, ProcessFacts},
};

impl Incidents {
    /// Freezes for a responder, as an incident of its own.
    pub(super) fn freeze_asked(
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
}

/// Whether it may be frozen; `askers` are the asking process and its ancestors.
pub(super) fn check_target(target: &Target, about: &[ProcessFacts], askers: &[u32]) -> Result<(), Problem> {
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
