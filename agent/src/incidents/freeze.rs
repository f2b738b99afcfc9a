//! Freezes: whom they may mean, and what they set off.

use std::sync::Arc;

use agent_common::rules::BootNs;

use super::{
    Incidents,
    decide::{already, no_incident},
    incident::{Cause, Decided, Incident},
    people::Order,
    stage::Stage,
};
use crate::{
    api::{Code, Problem, Responder, Target, Verb},
    daemon::{Effect, ProcessFacts},
};

impl Incidents {
    /// Freezes for a responder, as an incident of its own; what is frozen already only stays so for longer. `about` are the processes
    /// that the target means.
    pub(super) fn freeze_asked(
        &mut self,
        target: Target,
        about: &[ProcessFacts],
        order: Order<'_>,
        until: Option<BootNs>,
    ) -> Result<Vec<Effect>, Problem> {
        // What joins an account is stopped; of any other target somebody may run who has come since.
        let is_whole = target.account().is_some()
            || about.iter().all(|process| process.view.frozen || process.spared.is_some());
        let same = |incident: &&Incident| matches!(&incident.cause, Cause::Freeze { target: of } | Cause::Left { target: of } if *of == target);
        let frozen = self.incidents.values().rev().filter(|incident| incident.is_frozen()).find(same);
        if let Some(id) = frozen.filter(|_| is_whole).map(|incident| incident.id) {
            return self.freeze_longer(id, about, order, until);
        }
        let Order { call, by, reason, now, .. } = order;
        let incident =
            self.open(Cause::Freeze { target: target.clone() }, now, Stage::Freezing { since: now });
        incident.until = until;
        let id = incident.id;
        self.wait(call, Verb::Freeze, &[id], by.clone(), now);
        Ok(self.freeze(id, target, by, reason.as_str(), now))
    }

    /// A freeze ends later than was said; whoever asks for no more than there is learns who was first.
    fn freeze_longer(
        &mut self,
        id: u64,
        about: &[ProcessFacts],
        order: Order<'_>,
        until: Option<BootNs>,
    ) -> Result<Vec<Effect>, Problem> {
        let Order { call, by, reason, now, .. } = order;
        let facts = Arc::clone(&self.facts);
        let incident = self.incidents.get_mut(&id).ok_or_else(|| no_incident(id))?;
        let is_longer = incident.until.is_some_and(|end| until.is_none_or(|until| until > end));
        if !is_longer {
            return Err(already(incident, &facts).help(format!(
                "it is frozen, and stays so at least as long as this would; to end it: burstguard thaw {id}"
            )));
        }
        incident.until = until;
        let is_confirmed = matches!(incident.stage, Stage::Frozen { .. });
        incident.decisions.push(Decided {
            at: now,
            verb: Verb::Freeze,
            by: by.clone(),
            reason: reason.as_str().to_owned(),
            outcome: if is_confirmed { "it stays frozen for longer".to_owned() } else { String::new() },
        });
        self.wait(call, Verb::Freeze, &[id], by, now);
        let frozen = about.iter().filter(|process| process.view.frozen);
        let views: Vec<_> = frozen.map(|process| process.view.clone()).collect();
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.call == call && is_confirmed) {
            waiting.open.clear();
            waiting.moved.processes.clone_from(&views);
        }
        Ok(self.answer_those(|waiting| waiting.call == call && waiting.open.is_empty()))
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
        let account = target.account().map(str::to_owned);
        // What lets it pass whatever it does would let pass what joins it, too.
        let passes =
            account.as_deref().filter(|account| self.off.is_none() && self.passed(account, now).is_some());
        let ends = passes.map(|account| Effect::Grant { account: account.to_owned(), until: 0 });
        let trip = account.clone().map(|account| Effect::Trip { account });
        trip.into_iter().chain(ends).chain([Effect::Freeze { incident: id, target }]).collect()
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
