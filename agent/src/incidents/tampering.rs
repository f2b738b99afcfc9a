//! A process of an account has done something to burstguard itself, or was refused to.

use agent_common::rules::BootNs;
use serde::{Deserialize, Serialize};

use super::{
    Incidents,
    incident::{Cause, Incident},
    stage::{Closed, Stage},
};
use crate::{
    daemon::Effect,
    report::{Actor, Event},
    sensor::{self, Record, Thing},
};

/// What one account does within so long is one incident.
const TOGETHER: BootNs = 600_000_000_000;

/// Everything that it can be about, in words of ours.
pub(crate) const TOUCHED_WORDS: [&str; 15] = [
    "policy",
    "state",
    "run",
    "pins",
    "program",
    "unit",
    "group",
    "process",
    "above",
    "mount",
    "signal",
    "trace",
    "limits",
    "bpf",
    "systemctl",
];

/// What it has come to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Tampering {
    pub(crate) account: String,
    /// How often it was told.
    pub(crate) times: u64,
    /// What was touched last, in a word.
    pub(crate) what: String,
    /// Whether all of it was refused.
    pub(crate) refused: bool,
}

impl Incidents {
    /// What is done soon after is of the same incident.
    pub(super) fn on_tampering(
        &mut self,
        account: &str,
        actor: Actor,
        record: &Record,
        thing: Thing,
        refused: bool,
        act: &sensor::Act,
    ) -> Effect {
        let what = self.touched(thing, act);
        let (told, place) = (self.act(record, act), self.destruction(act));
        let stage = |refused| match refused {
            true => Stage::Closed { at: record.at, how: Closed::Denied },
            false => Stage::Observed,
        };
        let is_recent = |one: &&mut Incident| {
            matches!(&one.cause, Cause::Tampering(known) if known.account == account)
                && record.at.saturating_sub(one.opened) < TOGETHER
        };
        let known = self.incidents.values_mut().rev().find(is_recent);
        let incident = match known {
            Some(known) => known,
            None => {
                let cause = Tampering { account: account.to_owned(), times: 0, what: String::new(), refused };
                self.open(Cause::Tampering(cause), record.at, stage(refused))
            }
        };
        incident.add(told);
        let mut times = 0;
        if let Cause::Tampering(known) = &mut incident.cause {
            known.times += 1;
            known.what = what.to_owned();
            known.refused &= refused;
            times = known.times;
            incident.stage = stage(known.refused);
        }
        Effect::Report(Event::Tampering { incident: incident.id, actor, what, refused, times, act: place })
    }

    /// In a word of ours, which may be a label.
    fn touched(&self, thing: Thing, act: &sensor::Act) -> &'static str {
        match thing {
            Thing::File => act.root.and_then(|root| self.names.own(root)).map_or("above", |own| own.what),
            Thing::Signal => "signal",
            Thing::Trace => "trace",
            Thing::Limits => "limits",
            Thing::Bpf => "bpf",
            Thing::Unit => "systemctl",
            Thing::Mount => "mount",
            Thing::Group => "group",
        }
    }
}
