//! Somebody who does not act for the account was asked to act.

use agent_common::rules::{BootNs, judge::QUIET};

use super::{
    Incidents,
    incident::Cause,
    stage::{Closed, Stage},
};
use crate::{
    daemon::Effect,
    report::{Actor, Event},
    sensor::{self, Record},
};

impl Incidents {
    /// By which way, as the policy calls it; none if this is no escape.
    pub(super) fn way(&self, act: &sensor::Act) -> Option<&str> {
        act.way.map(|number| self.names.entry(number).unwrap_or("a way that is not in the policy any more"))
    }

    /// The policy's word for what is done about an act that is a burst.
    pub(super) fn response(&self, account: &str, act: &sensor::Act) -> &'static str {
        let of = |facts: &crate::daemon::AccountFacts| match act.way {
            Some(_) => facts.escapes,
            None => facts.response,
        };
        self.facts.account(account).map_or("observe", of)
    }

    /// Where it stands if no person is to decide about it: it has passed, or failed.
    pub(super) fn is_over(&self, account: &str, at: BootNs, act: &sensor::Act) -> Option<Stage> {
        match self.response(account, act) {
            _ if act.way.is_none() => None,
            _ if self.passed(account, at).is_some() => Some(Stage::Observed),
            "observe" => Some(Stage::Observed),
            "deny" if self.facts.can_hold() => {
                Some(Stage::Closed { at: self.facts.now, how: Closed::Denied })
            }
            _ => None,
        }
    }

    /// What is asked by the same way soon after is of the same incident.
    pub(super) fn on_escape(
        &mut self,
        account: String,
        actor: Actor,
        record: &Record,
        act: &sensor::Act,
        stage: Stage,
    ) -> Effect {
        let way = self.way(act).unwrap_or_default().to_owned();
        let told = self.act(record, act);
        let pass = self.passed(&account, record.at);
        let is_enforced = self.response(&account, act) != "observe";
        let last = self.last;
        let known = self.incidents.values_mut().rev().find(|incident| incident.is_of(&account, &way));
        let incident = match known.filter(|known| known.last + QUIET > record.at) {
            Some(known) => known,
            None => self.open(Cause::Escape { account: account.clone(), way, times: 0 }, record.at, stage),
        };
        incident.passed = pass.filter(|_| is_enforced);
        incident.stage = stage;
        incident.burst = incident.burst.min(record.at);
        incident.add(told);
        if let Cause::Escape { times, .. } = &mut incident.cause {
            *times += 1;
        }
        let id = incident.id;
        if is_enforced {
            self.count_over(&account, record.at, (id > last).then_some(id), pass);
        }
        Effect::Report(Event::Escape { incident: id, actor, act: self.destruction(act) })
    }
}
