//! Every key that a policy may have. What is unknown in one is told from this, and [`super::reference`] makes the tables of
//! docs/policy.md from it.

mod table;

pub(super) use table::{POLICY, WHO};

/// Lists of keys that stand in one table.
pub(super) type Keys = &'static [&'static [Key]];

/// A key, and what it holds.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) holds: Holds,
}

pub(super) enum Holds {
    Value(Value),
    /// Keys that are written behind a dot: `hold.deadline`.
    Group(Keys),
    /// A table with a head of its own: `[roles]`.
    Section(Keys, &'static str),
    /// Such tables, each by a name that the policy gives it: `[tree.NAME]`.
    Named(Keys, &'static str),
}

pub(super) struct Value {
    /// What is taken, in Markdown.
    pub(super) takes: fn() -> String,
    pub(super) without: Without,
    /// In Markdown.
    pub(super) means: &'static str,
    /// The first version that has it.
    pub(super) since: &'static str,
}

/// What it is like if the key is not there.
pub(super) enum Without {
    /// As the policy then says that is carried out; nothing, if that has no such key.
    Usual,
    /// In words, since it depends on the host, or on other keys.
    Words(&'static str),
    /// The policy is refused.
    Refused,
}

const FIRST: &str = "0.1.0";

impl Key {
    const fn value(name: &'static str, without: Without, takes: fn() -> String, means: &'static str) -> Self {
        Self { name, holds: Holds::Value(Value { takes, without, means, since: FIRST }) }
    }
}

/// The key of this name.
pub(super) fn find(keys: Keys, name: &str) -> Option<&'static Key> {
    all(keys).find(|key| key.name == name)
}

pub(super) fn all(keys: Keys) -> impl Iterator<Item = &'static Key> {
    keys.iter().copied().flatten()
}
