//! What happened in the last minutes, second by second: for whoever looks at the page, and lost with the daemon.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use serde::Serialize;

use crate::report::Event;

/// How far back it goes, in seconds.
pub(crate) const SECONDS: u64 = 300;
/// At most so many marks, the latest: who is watched must not be able to fill memory.
const MARKS: usize = 64;

/// Counts of each second that had any, and what else happened, the oldest first.
pub(crate) struct Lately {
    began: Instant,
    counts: BTreeMap<(u64, String), Counts>,
    marks: VecDeque<Mark>,
}

/// What an account did in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Operations that happened.
    done: u64,
    /// Calls that began to wait, or were refused.
    stopped: u64,
}

/// Something that is shown as a line over the counts.
struct Mark {
    at: u64,
    what: &'static str,
    incident: Option<u64>,
}

/// The same, as told: `age` is how many seconds ago.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Timeline {
    /// How far back it goes.
    seconds: u64,
    /// By account, only seconds in which it did something, the oldest first.
    accounts: BTreeMap<String, Vec<(u64, Counts)>>,
    marks: Vec<Marked>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Marked {
    age: u64,
    what: &'static str,
    incident: Option<u64>,
}

impl Default for Lately {
    fn default() -> Self {
        Self { began: Instant::now(), counts: BTreeMap::new(), marks: VecDeque::new() }
    }
}

impl Lately {
    /// Something happened. Of many alike only the first of a second is a mark.
    pub(crate) fn note(&mut self, event: &Event, now: Instant) {
        let at = self.second(now);
        self.forget(at);
        match event {
            Event::Operation { actor, .. } => self.count(at, &actor.account).done += 1,
            Event::Held { actor, .. } | Event::Denied { actor, .. } => {
                self.count(at, &actor.account).stopped += 1;
            }
            _ => {}
        }
        if let Some((what, incident)) = mark(event) {
            let mut of_now = self.marks.iter().rev().take_while(|mark| mark.at == at);
            if !of_now.any(|mark| (mark.what, mark.incident) == (what, incident)) {
                self.marks.push_back(Mark { at, what, incident });
            }
            if self.marks.len() > MARKS {
                self.marks.pop_front();
            }
        }
    }

    /// As it is told now.
    pub(crate) fn timeline(&self, now: Instant) -> Timeline {
        let now = self.second(now);
        let age = |at: u64| Some(now.saturating_sub(at)).filter(|age| *age < SECONDS);
        let mut accounts: BTreeMap<String, Vec<(u64, Counts)>> = BTreeMap::new();
        for ((at, name), counts) in &self.counts {
            if let Some(age) = age(*at) {
                accounts.entry(name.clone()).or_default().push((age, *counts));
            }
        }
        let marked =
            |mark: &Mark| Some(Marked { age: age(mark.at)?, what: mark.what, incident: mark.incident });
        Timeline { seconds: SECONDS, accounts, marks: self.marks.iter().filter_map(marked).collect() }
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs()
    }

    fn forget(&mut self, now: u64) {
        let is_old = |at: u64| now.saturating_sub(at) >= SECONDS;
        while self.counts.first_key_value().is_some_and(|((at, _), _)| is_old(*at)) {
            self.counts.pop_first();
        }
        while self.marks.front().is_some_and(|mark| is_old(mark.at)) {
            self.marks.pop_front();
        }
    }

    fn count(&mut self, at: u64, account: &str) -> &mut Counts {
        self.counts.entry((at, account.to_owned())).or_default()
    }
}

/// What is worth a line.
fn mark(event: &Event) -> Option<(&'static str, Option<u64>)> {
    Some(match event {
        Event::Burst { incident, .. } => ("burst", Some(*incident)),
        Event::Held { incident, .. } => ("held", *incident),
        Event::Denied { incident, .. } => ("refused", *incident),
        Event::Stopped { incident, .. } => ("stopped", *incident),
        Event::Escape { incident, .. } => ("escape", Some(*incident)),
        Event::Frozen { incident, .. } => ("frozen", Some(*incident)),
        Event::Decided { incident, verb, .. } => (verb.past(), Some(*incident)),
        Event::Attempt { incident, .. } => ("attempt", Some(*incident)),
        Event::Tampering { incident, .. } => ("tampering", Some(*incident)),
        Event::Off { .. } => ("off", None),
        Event::On => ("on", None),
        Event::Reloaded { .. } => ("reloaded", None),
        Event::GovernorEngaged { .. } => ("governor", None),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        api::Sizes,
        report::{Actor, Destruction},
    };

    fn operation(account: &str) -> Event {
        let (actor, act) = some(account);
        Event::Operation { actor, act, over: false, approved: None }
    }

    fn held(account: &str) -> Event {
        let (actor, act) = some(account);
        Event::Held { incident: Some(7), actor, act }
    }

    fn some(account: &str) -> (Actor, Destruction) {
        let actor =
            Actor { at_ns: 1, account: account.to_owned(), pid: 7, tid: 7, uid: 1000, comm: "rm".to_owned() };
        let act = Destruction {
            kinds: vec!["delete"],
            tree: None,
            path: "secret".to_owned(),
            sizes: Sizes::default(),
        };
        (actor, act)
    }

    #[test]
    fn each_second_of_the_last_minutes_is_counted_by_account() {
        let mut lately = Lately::default();
        let began = lately.began;
        let at = |second| began + Duration::from_secs(second);
        let times = [at(0), at(0), at(2), at(SECONDS), at(SECONDS + 1)];
        for (time, event) in times.into_iter().zip([operation("a"), operation("b"), held("a"), held("a")]) {
            lately.note(&event, time);
        }
        let timeline = lately.timeline(times[3]);
        let stopped = Counts { done: 0, stopped: 1 };
        assert_eq!(
            timeline.accounts,
            BTreeMap::from([("a".to_owned(), vec![(SECONDS - 2, stopped), (0, stopped)])])
        );
        let mark = |age| Marked { age, what: "held", incident: Some(7) };
        assert_eq!(timeline.marks, [mark(SECONDS - 2), mark(0)]);
        assert!(!serde_json::to_string(&timeline).unwrap().contains("secret"));
    }

    #[test]
    fn a_flood_of_one_second_is_one_mark_and_all_are_bounded() {
        let mut lately = Lately::default();
        let began = lately.began;
        (0..50).for_each(|_| lately.note(&held("a"), began));
        assert_eq!(lately.timeline(began).marks.len(), 1);
        (0..250).for_each(|second| lately.note(&held("a"), began + Duration::from_secs(second)));
        assert_eq!(lately.timeline(began).marks.len(), MARKS);
    }
}
