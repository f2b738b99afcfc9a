//! TOML whose every value knows where it was written, so that files can be laid over each other before anything is
//! made of them.

use std::{collections::BTreeMap, sync::Arc};

use toml_span::{Value, value::ValueInner};

use super::problem::{At, Problem, Source};

/// A value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Text(String),
    Integer(i64),
    Float(f64),
    Truth(bool),
    List(Vec<Node>),
    Table(Table),
}

pub(super) type Table = BTreeMap<String, Entry>;

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Of the key.
    pub(super) at: At,
    pub(super) node: Node,
}

/// The table that a source is; the one problem of one that is no TOML.
pub(super) fn read(source: &Arc<Source>) -> Result<Table, Problem> {
    let refused = |offset: usize, message: &str| Problem::new(source.at(offset).position(), message);
    match toml_span::parse(&source.text) {
        Ok(value) => match Node::of(source, value).content {
            Content::Table(table) => Ok(table),
            _ => Err(refused(0, "want a table")),
        },
        Err(error) => Err(refused(error.span.start, &error.to_string())),
    }
}

/// Lays `over` over `base`, key by key: tables join, any other value replaces what was there. A table stays one, or what
/// it holds would be missed as well.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, entry) in over {
        match (base.get_mut(&key).map(|old| &mut old.node.content), entry.node.content) {
            (Some(Content::Table(old)), Content::Table(new)) => merge(old, new),
            (Some(Content::Table(_)), _) => {}
            (_, content) => {
                base.insert(key, Entry { at: entry.at, node: Node { at: entry.node.at, content } });
            }
        }
    }
}

impl Node {
    fn of(source: &Arc<Source>, mut value: Value<'_>) -> Self {
        let mut offset = value.span.start;
        let content = match value.take() {
            ValueInner::String(text) => {
                // The span of a string begins behind its quotation marks.
                let before = source.text.get(..offset).unwrap_or_default();
                offset = before.trim_end_matches(['"', '\'']).len();
                Content::Text(text.into_owned())
            }
            ValueInner::Integer(number) => Content::Integer(number),
            ValueInner::Float(number) => Content::Float(number),
            ValueInner::Boolean(truth) => Content::Truth(truth),
            ValueInner::Array(list) => {
                Content::List(list.into_iter().map(|item| Self::of(source, item)).collect())
            }
            ValueInner::Table(table) => Content::Table(
                table
                    .into_iter()
                    .map(|(key, value)| {
                        let entry = Entry { at: source.at(key.span.start), node: Self::of(source, value) };
                        (key.name.into_owned(), entry)
                    })
                    .collect(),
            ),
        };
        Self { at: source.at(offset), content }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }

    pub(super) fn as_integer(&self) -> Option<i64> {
        if let Content::Integer(number) = self.content { Some(number) } else { None }
    }

    pub(super) fn as_list(&self) -> Option<&[Self]> {
        if let Content::List(list) = &self.content { Some(list) } else { None }
    }

    pub(super) fn as_table(&self) -> Option<&Table> {
        if let Content::Table(table) = &self.content { Some(table) } else { None }
    }
}

/// The value of a key.
pub(super) fn get<'t>(table: &'t Table, key: &str) -> Option<&'t Node> {
    table.get(key).map(|entry| &entry.node)
}
