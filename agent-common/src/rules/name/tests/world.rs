//! A small file system, and the ledger that the rules keep of it.

use std::collections::{BTreeMap, HashMap};

use super::*;

/// What somebody does next, to names by their index. What cannot be done, such as removing what is not there, fails, and
/// a failed call is no act.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Opens the name, making a file if there is none. Every hook knows which.
    Create(usize),
    Remove(usize),
    Rename(usize, usize),
    Exchange(usize, usize),
    Link(usize, usize),
    Truncate(usize),
    /// Opens the name and writes over what is there.
    Overwrite(usize),
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
    /// When it was made.
    made: BootNs,
    empty: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    /// Links are equal contents at several names.
    names: Vec<Option<Content>>,
    made: usize,
    now: BootNs,
    ledger: BTreeMap<usize, Name>,
    /// Whether the hook cannot see what a rename goes over, and must assume that something else is there.
    blind: bool,
}

impl World {
    const BEGIN: BootNs = 1_000;
    /// An age beyond which no rule asks for it.
    const OLD: u64 = HORIZON.far + 1;

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
                return self.charge(name, Change::Vanishes { stays: false });
            }
            Act::Rename(from, to) if self.names[from].is_some() => return self.rename(from, to),
            Act::Exchange(one, other) if self.names[one].is_some() && self.names[other].is_some() => {
                self.names.swap(one, other);
                let change = Change::Appears { over: true, own: None };
                return self.charge(one, change).and(self.charge(other, change));
            }
            Act::Link(from, to) if self.names[from].is_some() && self.names[to].is_none() => {
                self.names[to] = self.names[from];
                let appears = Change::Appears { over: false, own: self.own(from) };
                return self.charge(from, Change::Linked).and(self.charge(to, appears));
            }
            Act::Truncate(name) if self.names[name].is_some_and(|content| !content.empty) => {
                self.set_empty(name, true);
                return self.charge(name, Change::Shrinks);
            }
            Act::Overwrite(name) if self.names[name].is_some_and(|content| !content.empty) => {
                self.set_empty(name, true); // as lost as if it were
                return self.charge(name, Change::Opens);
            }
            Act::Write(name) => self.set_empty(name, false),
            Act::OtherCreates(name) if self.names[name].is_none() => self.make(name, false),
            Act::Wait(time) => self.now += time,
            Act::Forget(name) => drop(self.ledger.remove(&name)),
            _ => {}
        }
        Kinds::NONE
    }

    /// Whether something that the account did not make of late has been lost since: a name does not lead to it any more, or
    /// it is shorter. What it made itself some time ago may have another name instead.
    pub(super) fn has_lost(&self, before: &Self) -> bool {
        before.names.iter().zip(&self.names).any(|(before, after)| {
            let Some(before) = before else { return false };
            let age = if before.own { self.now - before.made } else { u64::MAX };
            match after {
                _ if age <= HORIZON.near => false,
                Some(after) if before.id == after.id => !before.empty && after.empty,
                _ => age > HORIZON.far || !self.is_somewhere(before.id),
            }
        })
    }

    fn is_somewhere(&self, id: usize) -> bool {
        self.names.iter().flatten().any(|content| content.id == id)
    }

    /// The same world as it would be written down had it begun just now: nothing that the rules may ask differs.
    pub(super) fn normal(mut self) -> Self {
        let mut ids = HashMap::new();
        let since = |at: BootNs| Self::BEGIN - (self.now - at).min(Self::OLD);
        for content in self.names.iter_mut().flatten() {
            let next = ids.len() + 1;
            content.id = *ids.entry(content.id).or_insert(next);
            content.made = if content.own { since(content.made) } else { 0 };
        }
        for name in self.ledger.values_mut() {
            name.at = since(name.at);
        }
        Self { made: ids.len(), now: Self::BEGIN, ..self }
    }

    fn create(&mut self, name: usize) -> Kinds {
        if self.names[name].is_some() {
            return Kinds::NONE;
        }
        self.make(name, true);
        let own = Name { state: State::Scratch { file: true }, at: self.now };
        self.charge(name, Change::Appears { over: false, own: Some(own) })
    }

    fn rename(&mut self, from: usize, to: usize) -> Kinds {
        let over = self.blind || self.names[to].is_some();
        let own = self.own(from);
        let is_one_file =
            self.names[from].map(|content| content.id) == self.names[to].map(|content| content.id);
        if !is_one_file {
            self.names[to] = self.names[from].take();
        } else if !self.blind {
            return Kinds::NONE; // between two links of one file nothing happens
        }
        let vanished = self.charge(from, Change::Vanishes { stays: true });
        vanished.and(self.charge(to, Change::Appears { over, own }))
    }

    fn own(&self, name: usize) -> Option<Name> {
        own(self.ledger.get(&name).copied(), self.now, HORIZON)
    }

    fn charge(&mut self, name: usize, change: Change) -> Kinds {
        let (after, kinds) = step(self.ledger.remove(&name), change, self.now, HORIZON);
        self.ledger.extend(after.map(|after| (name, after)));
        kinds
    }

    fn make(&mut self, name: usize, own: bool) {
        self.made += 1;
        self.names[name] = Some(Content { id: self.made, own, made: self.now, empty: false });
    }

    fn set_empty(&mut self, name: usize, empty: bool) {
        let id = self.names[name].map(|content| content.id);
        let links = self.names.iter_mut().flatten().filter(|content| Some(content.id) == id);
        links.for_each(|content| content.empty = empty);
    }
}
