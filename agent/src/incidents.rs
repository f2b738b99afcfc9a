//! From what the kernel saw and what responders ask to what is done about it. Pure: no clock, no file, no map.

mod decide;
mod incident;
mod outcome;
#[cfg(test)]
mod tests;
mod views;
mod waiting;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use agent_common::{
    rules::{BootNs, Kind, Kinds, judge},
    wire::Counter,
};

use crate::{
    api::{Bytes, Responder, Target, Verb},
    daemon::{AccountFacts, Effect, Ending, Facts, Frozen, Input, Names},
    report::{Actor, Destruction, Event},
    sensor::{self, Record, What},
};
use incident::{Act, Cause, Decided, Incident, Recent, Stage};
use waiting::Waiting;

/// How many incidents are remembered. Open ones are never forgotten.
const REMEMBERED: usize = 1000;
/// How far a burst looks back if the account's budgets are not known yet.
const LOOK_BACK: BootNs = 60_000_000_000;

/// Every burst, freeze and attempt since the start, and who waits for what.
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
    /// When `off` ends by itself.
    off: Option<Off>,
    facts: Arc<Facts>,
    counters: Vec<(Counter, u64)>,
}

/// Nothing is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Off {
    until: Option<BootNs>,
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
            off: None,
            facts: Arc::new(Facts::default()),
            counters: Vec::new(),
        }
    }

    /// What follows from an input.
    pub(crate) fn on(&mut self, input: Input, now: BootNs) -> Vec<Effect> {
        match input {
            Input::Records(records) => records.iter().flat_map(|record| self.on_record(record)).collect(),
            Input::Found { freezes, facts } => {
                let mut effects: Vec<Effect> =
                    freezes.into_iter().map(|frozen| self.on_found(frozen, now)).collect();
                effects.extend(self.on_facts(facts, now));
                effects
            }
            Input::Facts(facts) => self.on_facts(facts, now),
            Input::Asked(asked) => {
                self.facts = Arc::clone(&asked.facts);
                self.on_asked(*asked, now)
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

    /// The number of the last incident.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// A freeze that is older than this daemon: nobody knows any more who decided it, or why, or until when.
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
                self.incidents.values().find(|incident| !incident.is_open()).map(|old| old.id)
        {
            self.incidents.remove(&oldest);
            self.current.retain(|_, id| *id != oldest);
        }
        self.incidents.entry(incident.id).or_insert(incident)
    }

    /// Nothing for the self-test's own account.
    fn on_record(&mut self, record: &Record) -> Vec<Effect> {
        let Some(account) = self.names.account(record.account).map(str::to_owned) else { return Vec::new() };
        let actor = actor(record, &account);
        let event = match &record.what {
            What::Joined => Event::Joined { actor },
            What::Blind(reason) => Event::Blind { actor, reason: reason.label(), help: reason.help() },
            What::Operation(act) => {
                self.on_operation(&account, record, act);
                Event::Operation { actor, act: self.destruction(act), over: act.over }
            }
            What::Burst(act) => return self.on_burst(account, actor, record.at, act),
            What::Stopped => {
                let incident = self.current.get(&account).copied();
                if let Some(incident) = incident.and_then(|id| self.incidents.get_mut(&id)) {
                    incident.stopped.insert(record.pid, Bytes::from(&record.comm[..]));
                }
                Event::Stopped { incident, actor }
            }
        };
        vec![Effect::Report(event)]
    }

    fn on_operation(&mut self, account: &str, record: &Record, act: &sensor::Act) {
        let act = Act {
            at: record.at,
            kinds: act.kinds,
            path: Bytes::from(&act.path[..]),
            tree: self.tree(act).map(|tree| Bytes::Text(tree.to_owned())),
            pid: record.pid,
            comm: Bytes::from(&record.comm[..]),
            over: act.over,
        };
        let current = self.current.get(account).and_then(|id| self.incidents.get_mut(id));
        match current.filter(|incident| incident.takes_acts()) {
            Some(incident) => incident.add(act),
            None => self.recent.entry(account.to_owned()).or_default().push(act),
        }
    }

    /// An observed account is armed again by itself, so a later burst is another incident.
    fn on_burst(&mut self, account: String, actor: Actor, at: BootNs, act: &sensor::Act) -> Vec<Effect> {
        let response = self.facts.account(&account).map_or("observe", |account| account.response);
        let observed = response == "observe" || self.off.is_some();
        let stage = if observed { Stage::Observed } else { Stage::Stopped };
        let since = at.saturating_sub(self.look_back(&account, act.kinds));
        let mut recent = self.recent.remove(&account).unwrap_or_default();
        let whole = act.kinds.is_whole();
        let cause = Cause::Burst { account: account.clone(), whole };
        let id = match self.found(&account) {
            // The account was found tripped before the records of why were read.
            Some(found) => {
                found.cause = cause;
                found.opened = found.opened.min(at);
                recent.move_into(found, since);
                found.id
            }
            None => {
                let incident = self.open(cause, at, stage);
                recent.move_into(incident, since);
                incident.id
            }
        };
        self.current.insert(account.clone(), id);
        let burst = Event::Burst { incident: id, actor, act: self.destruction(act), whole };
        let mut effects = vec![Effect::Report(burst)];
        if response == "freeze" && !observed {
            effects.extend(self.freeze(
                id,
                Target::Account(account),
                Responder::Policy,
                "the policy's response",
                at,
            ));
        }
        effects
    }

    /// The incident of an account that was found tripped, if it still waits.
    fn found(&mut self, account: &str) -> Option<&mut Incident> {
        let id = self.current.get(account)?;
        let incident = self.incidents.get_mut(id)?;
        (matches!(incident.cause, Cause::Found { .. }) && incident.stage == Stage::Stopped)
            .then_some(incident)
    }

    /// As far as the windows of the budgets that pay for these kinds.
    fn look_back(&self, account: &str, kinds: Kinds) -> BootNs {
        let budgets =
            self.facts.account(account).map(|account| account.budgets.as_slice()).unwrap_or_default();
        let windows = budgets.iter().filter(|budget| kinds.has(budget.kind)).map(|budget| budget.window);
        windows.max().unwrap_or(LOOK_BACK)
    }

    fn tree(&self, act: &sensor::Act) -> Option<String> {
        Some(self.names.tree(act.root?)?.display().to_string())
    }

    fn destruction(&self, act: &sensor::Act) -> Destruction {
        Destruction { kinds: kinds(act.kinds), tree: self.tree(act), path: text(&act.path) }
    }

    /// How things stand: counters that moved are said, and an account that is found tripped gets its incident.
    fn on_facts(&mut self, facts: Arc<Facts>, now: BootNs) -> Vec<Effect> {
        let before: HashMap<_, _> =
            self.counters.iter().map(|(counter, total)| (counter.label(), *total)).collect();
        let moved =
            |(counter, total): &&(Counter, u64)| before.get(counter.label()).copied().unwrap_or(0) != *total;
        let mut effects: Vec<Effect> = facts
            .counters
            .iter()
            .filter(moved)
            .map(|(counter, total)| {
                Effect::Report(Event::Counter {
                    name: counter.label(),
                    total: *total,
                    fault: counter.is_fault(),
                    help: counter.help(),
                })
            })
            .collect();
        self.counters.clone_from(&facts.counters);
        self.forget_observed(&facts, now);
        effects.extend(self.find(&facts, now));
        self.facts = facts;
        effects
    }

    /// An observed burst is over when its account is armed again: what it does then belongs to no incident.
    fn forget_observed(&mut self, facts: &Facts, now: BootNs) {
        let Self { current, incidents, .. } = self;
        current.retain(|account, id| {
            let observed = incidents.get(id).is_some_and(|incident| incident.stage == Stage::Observed);
            let armed = |account: &AccountFacts| account.standing.at(now).phase == judge::Phase::Armed;
            !(observed && facts.account(account).is_some_and(armed))
        });
    }

    /// Accounts that have tripped without an incident of ours: an earlier daemon's.
    fn find(&mut self, facts: &Facts, now: BootNs) -> Vec<Effect> {
        let mut found = Vec::new();
        for account in &facts.accounts {
            let tripped = account.standing.at(now).phase != judge::Phase::Armed;
            let waits = tripped && account.response != "observe" && self.off.is_none();
            if waits && !self.has_open(&account.name) {
                let cause = Cause::Found { account: account.name.clone() };
                let id = self.open(cause, now, Stage::Stopped).id;
                self.current.insert(account.name.clone(), id);
                let event =
                    Event::Found { incident: id, target: account.name.clone(), processes: account.stopped };
                found.push(Effect::Report(event));
            }
        }
        found
    }

    /// Whether an account has an incident that waits, or one that is just ending.
    fn has_open(&self, account: &str) -> bool {
        let of_account = self.incidents.values().filter(|incident| incident.account() == Some(account));
        of_account
            .into_iter()
            .any(|incident| !matches!(incident.stage, Stage::Closed { .. } | Stage::Observed))
    }

    fn ended(&self) -> Event {
        Event::Ended {
            counters: self.counters.iter().map(|(counter, total)| (counter.label(), *total)).collect(),
        }
    }
}

fn actor(record: &Record, account: &str) -> Actor {
    Actor {
        at_ns: record.at,
        account: account.to_owned(),
        pid: record.pid,
        tid: record.tid,
        uid: record.uid,
        comm: text(&record.comm),
    }
}

fn kinds(kinds: Kinds) -> Vec<&'static str> {
    Kind::ALL.into_iter().filter(|kind| kinds.has(*kind)).map(Kind::word).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
