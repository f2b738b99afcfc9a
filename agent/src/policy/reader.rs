//! Typed values out of TOML, with a problem noted for each one that is something else.

use toml_span::{
    Span, Value,
    value::{Table, ValueInner},
};

use super::problem::{Located, Position, Problem, Source};

/// Reads one file; `None` always means that a problem was noted.
pub(super) struct Reader<'a> {
    source: &'a Source<'a>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source<'a>, problems: &'a mut Vec<Problem>) -> Self {
        Self { source, problems }
    }

    pub(super) fn position(&self, at: Span) -> Position {
        self.source.position(at)
    }

    pub(super) fn refuse(&mut self, position: Position, message: &str) {
        self.problems.push(Problem::new(position, message));
    }

    /// Notes that `value` is not what is wanted; `subject` is what the sentence begins with.
    pub(super) fn want(&mut self, subject: &str, value: &Value<'_>, wanted: &str) {
        let found = match value.as_ref() {
            ValueInner::String(text) => format!("{text:?}"),
            ValueInner::Integer(number) => number.to_string(),
            ValueInner::Float(number) => number.to_string(),
            ValueInner::Boolean(truth) => truth.to_string(),
            ValueInner::Array(_) => "[…]".to_owned(),
            ValueInner::Table(_) => "{…}".to_owned(),
        };
        self.refuse(self.source.position_of(value), &format!("{subject} {found}: want {wanted}"));
    }

    pub(super) fn table<'v, 'de>(&mut self, key: &str, value: &'v Value<'de>) -> Option<&'v Table<'de>> {
        let table = value.as_table();
        if table.is_none() {
            self.want(&format!("{key} ="), value, "a table");
        }
        table
    }

    /// The strings of a list that must not be empty.
    pub(super) fn strings(&mut self, key: &str, value: &Value<'_>) -> Vec<Located<String>> {
        if value.as_array().is_some_and(Vec::is_empty) {
            self.want(&format!("{key} ="), value, "at least one");
        }
        self.list(key, value, "strings", |item| item.as_str().map(str::to_owned))
    }

    /// What `read` makes of each item of a list; `items` says what they should be.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        value: &Value<'_>,
        items: &str,
        read: impl Fn(&Value<'_>) -> Option<T>,
    ) -> Vec<Located<T>> {
        let Some(list) = value.as_array() else {
            self.want(&format!("{key} ="), value, &format!("a list of {items}"));
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in list {
            match read(item) {
                Some(value) => found.push(Located { value, position: self.source.position_of(item) }),
                None => self.want(&format!("{key} holds"), item, items),
            }
        }
        found
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &str,
        value: &Value<'_>,
        choices: &[T],
        name: fn(T) -> &'static str,
    ) -> Option<T> {
        let chosen = choices.iter().copied().find(|choice| value.as_str() == Some(name(*choice)));
        if chosen.is_none() {
            let names: Vec<_> = choices.iter().map(|choice| name(*choice)).collect();
            self.want(&format!("{key} ="), value, &format!("one of {}", names.join(", ")));
        }
        chosen
    }

    /// Notes each key that is not among the known ones; `prefix` is what stands before a key in the file.
    pub(super) fn refuse_unknown(&mut self, table: &Table<'_>, prefix: &str, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&&*key.name)) {
            let hint = match nearest(&key.name, known) {
                Some(near) => format!("did you mean {prefix}{near}?"),
                None => format!("known here: {}", known.join(", ")),
            };
            let name = format!("{prefix}{}", key.name);
            self.refuse(self.position(key.span), &format!("unknown key {name:?}: {hint}"));
        }
    }
}

/// The candidate that `word` is most likely a slip of: at most one slip in three letters.
pub(super) fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let distance = |candidate: &&str| strsim::osa_distance(word, candidate);
    let near = candidates.iter().copied().min_by_key(distance)?;
    (3 * distance(&near) <= near.len()).then_some(near)
}
