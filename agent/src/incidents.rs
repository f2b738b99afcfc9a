//! From what the kernel saw and what responders ask to what is done about it. Pure: no clock, no file, no map.

mod about;
mod approve;
mod carry;
mod decide;
mod escape;
mod facts;
mod freeze;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod governor;
mod impact;
mod incident;
mod join;
mod lease;
mod outcome;
mod pass;
mod people;
mod recent;
mod record;
mod records;
mod restore;
mod rights;
mod stage;
mod tampering;
mod terminal;
#[cfg(test)]
mod tests;
mod views;
mod waiting;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use agent_common::{
    rules::{BootNs, Kind, Kinds, NEVER},
    wire::Counter,
};

use crate::{
    api::{Decision, Responder, Verb},
    daemon::{CallId, Effect, Ending, Facts, Frozen, Input, Names, Which},
    report::Event,
    store::Entry,
};
pub(crate) use about::told_by;
pub(crate) use governor::Engaged;
use governor::Governor;
use incident::{Cause, Decided, Incident};
use pass::Pass;
use recent::Recent;
use serde::{Deserialize, Serialize};
use stage::Stage;
pub(crate) use tampering::TOUCHED_WORDS;
use waiting::Waiting;

/// How many incidents are remembered. Open ones are never forgotten.
const REMEMBERED: usize = 1000;
/// The longest that a decision may last: nobody means more than a year.
const LONGEST: BootNs = 365 * 86_400 * 1_000_000_000;

/// Every burst, freeze and attempt since the start and those that go on since before, and who waits for what. All others are
/// in the record.
#[derive(Debug)]
pub(crate) struct Incidents {
    names: Names,
    /// The number of the last incident.
    last: u64,
    incidents: BTreeMap<u64, Incident>,
    /// By account: the incident that its acts belong to.
    current: HashMap<String, u64>,
    /// By account, while it has no incident.
    recent: HashMap<String, Recent>,
    /// Calls that are answered when an effect is done.
    waiting: Vec<Waiting>,
    /// How long whoever asks now waits for the kernel's confirmation.
    patience: BootNs,
    /// When `off` ends by itself.
    off: Option<Off>,
    governor: Governor,
    /// By account: what has let it pass whatever it did, last.
    passed: BTreeMap<String, Pass>,
    /// The accounts that are new here.
    warm: BTreeSet<String>,
    facts: Arc<Facts>,
    counters: Vec<(Counter, u64)>,
    /// What was decided about no incident, and is to be written down.
    orders: Vec<Decision>,
    /// The same, while it is not known what came of it, by the call that asked for it.
    ordered: HashMap<Option<CallId>, Decision>,
    /// Until when no survey is asked for: one is under way.
    surveying_until: BootNs,
    /// What is to be written down of incidents that an earlier daemon has left: how they end, and what is put back of them.
    others: Vec<Entry>,
}

/// Nothing is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Off {
    pub(crate) until: Option<BootNs>,
}

/// What the daemon before has left written of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WasOff {
    Known(Option<Off>),
    /// Nothing, or nothing that can be read: the kernel's word counts.
    Unknown,
}

impl Off {
    /// When the grant ends that it is.
    pub(crate) fn end(self) -> BootNs {
        self.until.unwrap_or(NEVER)
    }

    /// That it has begun, by which these go on.
    fn begun(self, pids: Vec<u32>, facts: &Facts) -> Event {
        let until = self.until.map(|until| facts.wall(until).strftime("%FT%TZ").to_string());
        Event::Off { until, pids }
    }
}

impl Incidents {
    /// None yet. `last` is the highest number that an earlier daemon may have given.
    pub(crate) fn new(names: Names, last: u64) -> Self {
        Self {
            names,
            last,
            incidents: BTreeMap::new(),
            current: HashMap::new(),
            recent: HashMap::new(),
            waiting: Vec::new(),
            patience: waiting::CONFIRM,
            off: None,
            governor: Governor::default(),
            passed: BTreeMap::new(),
            warm: BTreeSet::new(),
            facts: Arc::new(Facts::default()),
            counters: Vec::new(),
            orders: Vec::new(),
            ordered: HashMap::new(),
            surveying_until: 0,
            others: Vec::new(),
        }
    }

    /// What follows from an input.
    pub(crate) fn on(&mut self, input: Input, now: BootNs) -> Vec<Effect> {
        let ends = matches!(input, Input::End(_));
        let before = self.governed_until();
        let mut effects = self.follow(input, now);
        effects.extend(self.govern(before, now));
        self.recorded(effects, now, ends)
    }

    fn follow(&mut self, input: Input, now: BootNs) -> Vec<Effect> {
        match input {
            Input::Records(records) => records.iter().flat_map(|record| self.on_record(record)).collect(),
            Input::Found { left, freezes, off, governor, facts } => {
                self.governor = Governor::left(governor);
                let mut effects = self.carry_on_off(off, &facts);
                effects.extend(self.carry_on(left, &freezes, &facts, now));
                let unknown = freezes.into_iter().filter(|frozen| !self.incidents.contains_key(&frozen.id));
                let unknown: Vec<_> = unknown.collect();
                effects.extend(unknown.into_iter().map(|frozen| self.on_found(frozen, now)));
                effects.extend(self.unexplained(&facts, now));
                effects.extend(self.on_facts(Arc::clone(&facts), now));
                effects.extend(self.goes_on_governing(&facts));
                effects
            }
            Input::Facts(facts) => {
                let mut effects = self.on_facts(Arc::clone(&facts), now);
                effects.extend(self.survey(&facts, now));
                effects
            }
            Input::Asked(asked) => {
                self.facts = Arc::clone(&asked.facts);
                self.on_asked(*asked, now)
            }
            Input::Hangup { call } => {
                vec![self.reload(call, Responder::Signal, "SIGHUP", Which::Files, false, now)]
            }
            Input::Outcome(outcome) => self.on_outcome(outcome, now),
            Input::Frozen(state) => self.on_frozen(state, now),
            Input::Due => self.on_due(now),
            Input::End(Ending::Leave) => vec![Effect::Report(self.ended())],
            Input::End(Ending::LetGo) => vec![Effect::LetGo, Effect::Report(self.ended())],
        }
    }

    /// When [`Input::Due`] is wanted next.
    pub(crate) fn next_due(&self) -> Option<BootNs> {
        let ends =
            self.incidents.values().filter(|incident| incident.is_open()).filter_map(|open| open.until);
        let replies = self.waiting.iter().map(|waiting| waiting.until);
        ends.chain(replies).chain(self.off.and_then(|off| off.until)).min()
    }

    /// Until when nothing is enforced; 0 if it is.
    pub(crate) fn off_until(&self) -> BootNs {
        self.off.map_or(0, Off::end)
    }

    /// Whether nothing is enforced, and until when, if `before` is how that was: what is decided about it and not yet carried out
    /// is not so.
    pub(crate) fn off_after(&self, before: Option<Off>) -> Option<Off> {
        let switches = |order: &Decision| matches!(order.verb, Verb::Off | Verb::On);
        if self.ordered.values().any(switches) { before } else { self.off }
    }

    /// What keeps the governor engaged, if it is.
    pub(crate) fn governor(&self) -> Option<&Engaged> {
        self.governor.engaged()
    }

    /// The number of the last incident.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Numbers up to this one are taken: the record was not open when this began.
    pub(crate) fn number_from(&mut self, last: u64) {
        self.last = self.last.max(last);
    }

    /// A freeze that is older than this daemon, and that the record says nothing of: nobody knows any more who decided it, or
    /// why, or until when.
    fn on_found(&mut self, frozen: Frozen, now: BootNs) -> Effect {
        let Frozen { id, target, processes } = frozen;
        self.last = self.last.max(id);
        let found = Event::Found { incident: id, target: target.to_string(), processes };
        let incident =
            self.insert(Incident::new(id, Cause::Left { target }, now, Stage::Frozen { processes }));
        incident.decisions.push(Decided {
            at: now,
            verb: Verb::Freeze,
            by: Responder::Before,
            reason: String::new(),
            outcome: format!("{processes} processes are frozen"),
        });
        Effect::Report(found)
    }

    /// The incident of a number.
    pub(crate) fn get(&self, id: u64) -> Option<&Incident> {
        self.incidents.get(&id)
    }

    /// Opens one.
    fn open(&mut self, cause: Cause, at: BootNs, stage: Stage) -> &mut Incident {
        self.last += 1;
        let id = self.last;
        self.insert(Incident::new(id, cause, at, stage))
    }

    fn insert(&mut self, incident: Incident) -> &mut Incident {
        if self.incidents.len() >= REMEMBERED
            && let Some(oldest) =
                self.incidents.values().find(|incident| !incident.goes_on()).map(|old| old.id)
        {
            self.incidents.remove(&oldest);
            self.current.retain(|_, id| *id != oldest);
        }
        self.incidents.entry(incident.id).or_insert(incident)
    }

    fn ended(&self) -> Event {
        Event::Ended {
            counters: self.counters.iter().map(|(counter, total)| (counter.label(), *total)).collect(),
        }
    }
}

fn kinds(kinds: Kinds) -> Vec<&'static str> {
    let escape = kinds.is_escape().then_some("escape");
    let tampering = kinds.is_tampering().then_some("tampering");
    let of_names = Kind::ALL.into_iter().filter(|kind| kinds.has(*kind)).map(Kind::word);
    of_names.chain(escape).chain(tampering).collect()
}

fn nanoseconds(span: Duration) -> BootNs {
    u64::try_from(span.as_nanos()).unwrap_or(LONGEST).min(LONGEST)
}
