//! A small file system, and the ledger that the rules keep of it.

use std::collections::{BTreeMap, HashMap};

use super::*;

/// What somebody does next, to names by their index. What cannot be done, such as removing what is not there, fails, and
/// a failed call is no act.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Opens the name, making a file if there is none.
    Create(usize),
    Remove(usize),
    Rename(usize, usize),
    Exchange(usize, usize),
    Link(usize, usize),
    Truncate(usize),
    Write(usize),
    /// Somebody else makes a file, if there is none. He does not touch what the account made: what he put in its place, the
    /// name alone could not tell from scratch.
    OtherCreates(usize),
    /// Time goes by.
    Wait(u64),
    /// The ledger loses what it knows of a name, as it does when it is full.
    Forget(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Content {
    id: usize,
    /// Whether the account made it.
    own: bool,
    empty: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    /// Links are equal contents at several names.
    names: Vec<Option<Content>>,
    made: usize,
    now: BootNs,
    ledger: BTreeMap<usize, Name>,
    /// Whether the hook cannot see what is at a name, and must assume that something is.
    blind: bool,
}

impl World {
    const BEGIN: BootNs = 1_000;

    /// A world with a precious file at each of the first names.
    pub(super) fn new(names: usize, precious: usize, blind: bool) -> Self {
        let mut world =
            Self { names: vec![None; names], made: 0, now: Self::BEGIN, ledger: BTreeMap::new(), blind };
        (0..precious).for_each(|name| world.make(name, false));
        world
    }

    /// Lets it happen; what it was charged for.
    pub(super) fn act(&mut self, act: Act) -> Kinds {
        match act {
            Act::Create(name) => return self.create(name),
            Act::Remove(name) if self.names[name].is_some() => {
                self.names[name] = None;
                return self.charge(name, Change::Vanishes);
            }
            Act::Rename(from, to) if self.names[from].is_some() => return self.rename(from, to),
            Act::Exchange(one, other) if self.names[one].is_some() && self.names[other].is_some() => {
                self.names.swap(one, other);
                let change = Change::Appears { over: true, fresh: false };
                return self.charge(one, change).and(self.charge(other, change));
            }
            Act::Link(from, to) if self.names[from].is_some() && self.names[to].is_none() => {
                self.names[to] = self.names[from];
                let appears = Change::Appears { over: false, fresh: false };
                return self.charge(from, Change::Linked).and(self.charge(to, appears));
            }
            Act::Truncate(name) if self.names[name].is_some_and(|content| !content.empty) => {
                self.set_empty(name, true);
                return self.charge(name, Change::Shrinks);
            }
            Act::Write(name) => self.set_empty(name, false),
            Act::OtherCreates(name) if self.names[name].is_none() => self.make(name, false),
            Act::Wait(time) => self.now += time,
            Act::Forget(name) => drop(self.ledger.remove(&name)),
            _ => {}
        }
        Kinds::NONE
    }

    /// Whether something that the account did not make has been lost since: a name does not lead to it any more, or it is
    /// shorter.
    pub(super) fn has_lost(&self, before: &Self) -> bool {
        before.names.iter().zip(&self.names).any(|(before, after)| match (before, after) {
            (Some(before), Some(after)) if before.id == after.id => {
                !before.own && !before.empty && after.empty
            }
            (Some(before), _) => !before.own,
            (None, _) => false,
        })
    }

    /// The same world as it would be written down had it begun just now: nothing that the rules may ask differs.
    pub(super) fn normal(mut self) -> Self {
        let mut ids = HashMap::new();
        for content in self.names.iter_mut().flatten() {
            let next = ids.len() + 1;
            content.id = *ids.entry(content.id).or_insert(next);
        }
        for name in self.ledger.values_mut() {
            name.at = Self::BEGIN - (self.now - name.at).min(HORIZON + 1);
        }
        Self { made: ids.len(), now: Self::BEGIN, ..self }
    }

    fn create(&mut self, name: usize) -> Kinds {
        let existed = self.names[name].is_some();
        if existed && !self.blind {
            return Kinds::NONE;
        }
        if !existed {
            self.make(name, true);
        }
        self.charge(name, Change::Appears { over: self.blind, fresh: true })
    }

    fn rename(&mut self, from: usize, to: usize) -> Kinds {
        let over = self.blind || self.names[to].is_some();
        // Between two links of one file nothing happens, and a hook may not see that.
        if self.names[from].map(|content| content.id) != self.names[to].map(|content| content.id) {
            self.names[to] = self.names[from].take();
        }
        let vanished = self.charge(from, Change::Vanishes);
        // Only own scratch vanishes for nothing.
        let fresh = vanished.is_empty();
        vanished.and(self.charge(to, Change::Appears { over, fresh }))
    }

    fn charge(&mut self, name: usize, change: Change) -> Kinds {
        let (after, kinds) = step(self.ledger.remove(&name), change, self.now, HORIZON);
        self.ledger.extend(after.map(|after| (name, after)));
        kinds
    }

    fn make(&mut self, name: usize, own: bool) {
        self.made += 1;
        self.names[name] = Some(Content { id: self.made, own, empty: false });
    }

    fn set_empty(&mut self, name: usize, empty: bool) {
        let id = self.names[name].map(|content| content.id);
        let links = self.names.iter_mut().flatten().filter(|content| Some(content.id) == id);
        links.for_each(|content| content.empty = empty);
    }
}
