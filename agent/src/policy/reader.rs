//! Typed values out of TOML, with a problem noted for each one that is something else.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{
    budget::Budget,
    duration::{self, SHAPE},
    keys::{self, Holds, Keys},
    node::{Content, Node, Table},
    problem::{At, Located, Problems},
};

/// Reads values; `None` always means that a problem was noted.
pub(super) struct Reader<'p> {
    problems: &'p mut Problems,
}

impl<'p> Reader<'p> {
    pub(super) fn new(problems: &'p mut Problems) -> Self {
        Self { problems }
    }

    pub(super) fn refuse(&mut self, at: &At, message: &str) {
        self.problems.refuse(at, message);
    }

    /// Notes that `node` is not what is wanted; `subject` is what the sentence begins with.
    pub(super) fn want(&mut self, subject: &str, node: &Node, wanted: &str) {
        let found = match &node.content {
            Content::Text(text) => format!("{text:?}"),
            Content::Integer(number) => number.to_string(),
            Content::Float(number) => number.to_string(),
            Content::Truth(truth) => truth.to_string(),
            Content::List(_) => "[…]".to_owned(),
            Content::Table(_) => "{…}".to_owned(),
        };
        self.refuse(&node.at, &format!("{subject} {found}: want {wanted}"));
    }

    pub(super) fn table<'n>(&mut self, key: &str, node: &'n Node) -> Option<&'n Table> {
        let table = node.as_table();
        if table.is_none() {
            self.want(&format!("{key} ="), node, "a table");
        }
        table
    }

    /// What `read` makes of each item of a list; `items` says what they should be.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        node: &Node,
        items: &str,
        read: impl Fn(&Node) -> Option<T>,
    ) -> Vec<Located<T>> {
        self.items(key, node, items, |item| read(item).ok_or(items))
    }

    /// A list of texts, each of which says itself what it should be.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, key: &str, node: &Node) -> Vec<Located<T>> {
        self.items(key, node, "strings", |item| item.as_str().unwrap_or_default().parse())
    }

    fn items<T, W: Display>(
        &mut self,
        key: &str,
        node: &Node,
        items: &str,
        read: impl Fn(&Node) -> Result<T, W>,
    ) -> Vec<Located<T>> {
        let Some(list) = node.as_list() else {
            self.want(&format!("{key} ="), node, &format!("a list of {items}"));
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in list {
            match read(item) {
                Ok(value) => found.push(Located { value, at: item.at.clone() }),
                Err(wanted) => self.want(&format!("{key} holds"), item, &wanted.to_string()),
            }
        }
        found
    }

    /// The same for a list that must not be empty.
    pub(super) fn some<T>(
        &mut self,
        key: &str,
        node: &Node,
        items: &str,
        read: impl Fn(&Node) -> Option<T>,
    ) -> Vec<Located<T>> {
        if node.as_list().is_some_and(<[_]>::is_empty) {
            self.want(&format!("{key} ="), node, "at least one");
        }
        self.list(key, node, items, read)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &str,
        node: &Node,
        choices: &[T],
        name: fn(T) -> &'static str,
    ) -> Option<T> {
        let chosen = choices.iter().copied().find(|choice| node.as_str() == Some(name(*choice)));
        if chosen.is_none() {
            let names: Vec<_> = choices.iter().map(|choice| name(*choice)).collect();
            self.want(&format!("{key} ="), node, &format!("one of {}", names.join(", ")));
        }
        chosen
    }

    pub(super) fn truth(&mut self, key: &str, node: &Node) -> Option<bool> {
        let truth = if let Content::Truth(truth) = node.content { Some(truth) } else { None };
        if truth.is_none() {
            self.want(&format!("{key} ="), node, "true or false");
        }
        truth
    }

    pub(super) fn budget(&mut self, key: &str, node: &Node) -> Option<Budget> {
        match node.as_str().unwrap_or_default().parse() {
            Ok(budget) => Some(budget),
            Err(error) => {
                self.want(&format!("{key} ="), node, &format!("{error}"));
                None
            }
        }
    }

    pub(super) fn duration(
        &mut self,
        key: &str,
        node: &Node,
        within: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let found = node.as_str().and_then(|text| duration::parse(text).ok());
        let found = found.filter(|found| within.contains(found));
        if found.is_none() {
            let [least, most] = [within.start(), within.end()].map(|end| duration::text(*end));
            let wanted = format!("a duration from {least} to {most} such as \"10m\": {SHAPE}");
            self.want(&format!("{key} ="), node, &wanted);
        }
        found
    }

    /// A text that says itself what it should be.
    pub(super) fn text<T: FromStr<Err: Display>>(&mut self, key: &str, node: &Node) -> Option<T> {
        match node.as_str().unwrap_or_default().parse() {
            Ok(value) => Some(value),
            Err(wanted) => {
                self.want(&format!("{key} ="), node, &wanted.to_string());
                None
            }
        }
    }

    /// Notes each key of the table, and of the tables in it, that is none; `prefix` is what stands before a key in the file.
    pub(super) fn refuse_unknown(&mut self, table: &Table, prefix: &str, keys: Keys) {
        for (name, entry) in table {
            let below = entry.node.as_table();
            match (keys::find(keys, name).map(|key| &key.holds), below) {
                (None, _) => self.refuse_key(&entry.at, prefix, name, keys),
                (Some(Holds::Group(keys)), Some(below)) => {
                    self.refuse_unknown(below, &format!("{prefix}{name}."), keys);
                }
                // Its head says where it is.
                (Some(Holds::Section(keys, _)), Some(below)) => self.refuse_unknown(below, "", keys),
                (Some(Holds::Named(keys, _)), Some(below)) => {
                    let tables = below.values().filter_map(|named| named.node.as_table());
                    tables.for_each(|table| self.refuse_unknown(table, "", keys));
                }
                // Whether it is what it should be is told where it is read.
                (Some(_), _) => {}
            }
        }
    }

    fn refuse_key(&mut self, at: &At, prefix: &str, name: &str, keys: Keys) {
        let known: Vec<_> = keys::all(keys).map(|key| key.name).collect();
        let hint = match nearest(name, &known) {
            Some(near) => format!("did you mean {prefix}{near}?"),
            None => format!("known here: {}", known.join(", ")),
        };
        self.refuse(at, &format!("unknown key {:?}: {hint}", format!("{prefix}{name}")));
    }
}

/// The candidate that `word` is most likely a slip of: at most one slip in three letters.
pub(super) fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let distance = |candidate: &&str| strsim::osa_distance(word, candidate);
    let near = candidates.iter().copied().min_by_key(distance)?;
    (3 * distance(&near) <= near.len()).then_some(near)
}
