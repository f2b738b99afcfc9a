//! From what the kernel saw to what is said and done about it. Pure: no clock, no file, no map.

use std::collections::HashMap;

use agent_common::{
    rules::{BootNs, Kind, Kinds},
    wire::Counter,
};

use crate::{
    daemon::{Effect, Input, Names},
    report::{Actor, Destruction, Event},
    sensor::{Act, Record, What},
};

/// Every burst since the start.
#[derive(Debug)]
pub(crate) struct Incidents {
    names: Names,
    /// The number of the last incident.
    last: u64,
    /// The open incident of an account.
    open: HashMap<u32, u64>,
    counters: Vec<(Counter, u64)>,
}

impl Incidents {
    /// None yet.
    pub(crate) fn new(names: Names) -> Self {
        Self { names, last: 0, open: HashMap::new(), counters: Vec::new() }
    }

    /// What follows from an input.
    pub(crate) fn on(&mut self, input: Input, _now: BootNs) -> Vec<Effect> {
        match input {
            Input::Records(records) => {
                records.iter().filter_map(|record| self.on_record(record)).map(Effect::Report).collect()
            }
            Input::Counters(counters) => self.on_counters(counters),
            Input::End => vec![Effect::LetGo, Effect::Report(self.ended())],
        }
    }

    /// None for the self-test's own account.
    fn on_record(&mut self, record: &Record) -> Option<Event> {
        let account = self.names.account(record.account)?.to_owned();
        let actor = Actor {
            at_ns: record.at,
            account,
            pid: record.pid,
            tid: record.tid,
            uid: record.uid,
            comm: text(&record.comm),
        };
        Some(match &record.what {
            What::Joined => Event::Joined { actor },
            What::Operation(act) => Event::Operation { actor, act: self.destruction(act), over: act.over },
            What::Burst(act) => {
                let incident = self.open_incident(record.account);
                Event::Burst { incident, actor, act: self.destruction(act), whole: act.kinds.is_whole() }
            }
            What::Stopped => Event::Stopped { incident: self.open.get(&record.account).copied(), actor },
            What::Blind(reason) => Event::Blind { actor, reason: reason.label(), help: reason.help() },
        })
    }

    /// An observed account is armed again by itself, so a later burst is another incident.
    fn open_incident(&mut self, account: u32) -> u64 {
        self.last += 1;
        self.open.insert(account, self.last);
        self.last
    }

    fn destruction(&self, act: &Act) -> Destruction {
        Destruction {
            kinds: kinds(act.kinds),
            tree: act.root.and_then(|root| self.names.tree(root)).map(|path| path.display().to_string()),
            path: text(&act.path),
        }
    }

    /// Says which counters have moved.
    fn on_counters(&mut self, counters: Vec<(Counter, u64)>) -> Vec<Effect> {
        let before: HashMap<_, _> =
            self.counters.iter().map(|(counter, total)| (counter.label(), *total)).collect();
        let moved =
            |(counter, total): &&(Counter, u64)| before.get(counter.label()).copied().unwrap_or(0) != *total;
        let effects = counters
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
        self.counters = counters;
        effects
    }

    fn ended(&self) -> Event {
        Event::Ended {
            counters: self.counters.iter().map(|(counter, total)| (counter.label(), *total)).collect(),
        }
    }
}

fn kinds(kinds: Kinds) -> Vec<&'static str> {
    Kind::ALL.into_iter().filter(|kind| kinds.has(*kind)).map(Kind::word).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
