//! Which directories have changed since they were looked at, and when it is time to look again: of what was told, and the time.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use super::look::Looked;

/// How long a directory is left alone after a change, and how often changes are looked at at most.
pub(super) const SETTLE: Duration = Duration::from_secs(1);
/// What has changed for so long is kept in the midst of it.
const LONG: Duration = Duration::from_secs(10);
/// For how many times what a look has cost a directory is left alone: so none takes more than this part of a processor.
pub(super) const REST: u32 = 100;

/// Directories, by their numbers in the index.
#[derive(Default)]
pub(super) struct Changes {
    dirty: HashMap<i64, Dirty>,
    /// What has cost so much that it is left alone until then.
    resting: HashMap<i64, Instant>,
    unwatched: HashSet<i64>,
    /// How many names of a directory changed whenever they were looked at.
    changing: HashMap<i64, u64>,
}

/// A directory with changes that are not kept.
#[derive(Clone, Copy)]
struct Dirty {
    since: Instant,
    due: Instant,
}

impl Changes {
    /// Something has changed in it.
    pub(super) fn stir(&mut self, id: i64, since: Instant) {
        let settled = since + SETTLE;
        let due = self.resting.get(&id).map_or(settled, |rested| settled.max(*rested));
        self.dirty.entry(id).or_insert(Dirty { since, due });
    }

    /// Something may have changed where nobody tells of it.
    pub(super) fn stir_unwatched(&mut self, now: Instant) {
        for id in &self.unwatched {
            self.dirty.entry(*id).or_insert(Dirty { since: now, due: now });
        }
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.dirty.values().map(|dirty| dirty.due).min()
    }

    /// What is due by now, and whether what is changing still is to be kept as it is.
    pub(super) fn all_due(&self, now: Instant) -> Vec<(i64, bool)> {
        let due = self.dirty.iter().filter(|(_, dirty)| dirty.due <= now);
        due.map(|(id, dirty)| (*id, now.duration_since(dirty.since) >= LONG)).collect()
    }

    /// It is being looked at: since when it has had changes.
    pub(super) fn begin(&mut self, id: i64) -> Option<Instant> {
        self.dirty.remove(&id).map(|dirty| dirty.since)
    }

    /// It was looked at; it has had changes `since` then.
    pub(super) fn end(&mut self, id: i64, since: Option<Instant>, looked: &Looked, now: Instant) {
        if looked.unwatched {
            self.unwatched.insert(id);
        } else {
            self.unwatched.remove(&id);
        }
        if looked.young {
            self.stir(id, now);
            if let (Some(dirty), Some(since)) = (self.dirty.get_mut(&id), since)
                && (looked.changing > 0 || now.duration_since(since) < LONG)
            {
                dirty.since = since;
            }
        }
        if looked.changing > 0 {
            self.changing.insert(id, looked.changing);
        } else {
            self.changing.remove(&id);
        }
    }

    /// A look at what has changed in it has cost so much.
    pub(super) fn rest(&mut self, id: i64, cost: Duration, now: Instant) {
        self.resting.retain(|_, rested| *rested > now);
        if cost * REST > SETTLE {
            self.resting.insert(id, now + cost * REST);
        } else {
            self.resting.remove(&id);
        }
    }

    /// Whether it has no changes that are not kept, as far as is told.
    pub(super) fn is_clean(&self, id: i64) -> bool {
        !self.dirty.contains_key(&id) && !self.unwatched.contains(&id)
    }

    /// Those that have some.
    pub(super) fn dirty(&self) -> impl Iterator<Item = i64> {
        self.dirty.keys().copied()
    }

    /// Since when the first of them has.
    pub(super) fn since(&self) -> Option<Instant> {
        self.dirty.values().map(|dirty| dirty.since).min()
    }

    /// In how many changes are seen only now and then.
    pub(super) fn unwatched(&self) -> usize {
        self.unwatched.len()
    }

    /// How many names of all changed whenever they were looked at.
    pub(super) fn changing(&self) -> u64 {
        self.changing.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: i64 = 7;

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn what_has_settled_is_due_and_what_has_cost_much_rests_first() {
        let (start, mut changes) = (Instant::now(), Changes::default());
        changes.stir(ID, start);
        changes.stir(ID, at(start, 5)); // of one that is dirty nothing is new
        assert_eq!((changes.due(), changes.since()), (Some(at(start, 1)), Some(start)));
        assert_eq!(changes.all_due(start), []);
        assert_eq!(changes.all_due(at(start, 1)), [(ID, false)]);
        assert_eq!(changes.begin(ID), Some(start));
        assert!(changes.is_clean(ID));
        changes.rest(ID, Duration::from_secs(1), at(start, 1));
        changes.stir(ID, at(start, 2));
        assert_eq!(changes.due(), Some(at(start, 101)));
        assert_eq!(changes.all_due(at(start, 101)), [(ID, true)]);
        changes.begin(ID);
        changes.rest(ID, Duration::from_millis(1), at(start, 101));
        changes.stir(ID, at(start, 101));
        assert_eq!(changes.due(), Some(at(start, 102)));
    }

    #[test]
    fn what_is_young_has_changed_for_as_long_as_it_has_been_so() {
        let (start, mut changes) = (Instant::now(), Changes::default());
        let young = Looked { young: true, ..Looked::default() };
        changes.end(ID, Some(start), &young, at(start, 3));
        assert_eq!((changes.since(), changes.due()), (Some(start), Some(at(start, 4))));
        // It was kept in the midst of it: from then on it counts anew, unless it was not to be had even then.
        changes.begin(ID);
        changes.end(ID, Some(start), &young, at(start, 12));
        assert_eq!(changes.since(), Some(at(start, 12)));
        changes.begin(ID);
        let changing = Looked { changing: 2, ..young };
        changes.end(ID, Some(at(start, 12)), &changing, at(start, 30));
        assert_eq!((changes.since(), changes.changing()), (Some(at(start, 12)), 2));
        changes.begin(ID);
        changes.end(ID, None, &Looked::default(), at(start, 31));
        assert_eq!((changes.due(), changes.changing()), (None, 0));
    }

    #[test]
    fn what_cannot_be_watched_is_never_clean() {
        let (start, mut changes) = (Instant::now(), Changes::default());
        let blind = Looked { unwatched: true, ..Looked::default() };
        changes.end(ID, None, &blind, start);
        assert_eq!((changes.is_clean(ID), changes.unwatched(), changes.due()), (false, 1, None));
        changes.stir_unwatched(start);
        assert_eq!(changes.all_due(start), [(ID, false)]);
        changes.begin(ID);
        changes.end(ID, Some(start), &Looked::default(), start);
        assert!(changes.is_clean(ID));
    }
}
