//! What is wrong in a policy file, and where.

use std::{fmt, path::Path, sync::Arc};

use toml_span::{Span, Value};

/// A place in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) file: Arc<Path>,
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
}

/// Something that keeps a policy from being loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) position: Position,
    /// One line: what is wrong, and what is wanted instead.
    pub(crate) message: String,
}

/// A value that knows where it was written.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) position: Position,
}

/// The text of a policy file.
pub(super) struct Source<'a> {
    file: Arc<Path>,
    pub(super) text: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &Path, text: &'a str) -> Self {
        Self { file: file.into(), text }
    }

    pub(super) fn position(&self, span: Span) -> Position {
        self.end_of(self.text.get(..span.start).unwrap_or(self.text))
    }

    pub(super) fn position_of(&self, value: &Value<'_>) -> Position {
        let before = self.text.get(..value.span.start).unwrap_or(self.text);
        // The span of a string begins behind its quotation marks.
        self.end_of(if value.as_str().is_some() { before.trim_end_matches(['"', '\'']) } else { before })
    }

    fn end_of(&self, before: &str) -> Position {
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl Problem {
    pub(super) fn new(position: Position, message: &str) -> Self {
        // Parts of the file are quoted, and must not reach a terminal as commands.
        let message = message.chars().fold(String::new(), |mut shown, c| {
            if c.is_control() {
                shown.extend(c.escape_default());
            } else {
                shown.push(c);
            }
            shown
        });
        Self { position, message }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}:{}", self.file.display(), self.line, self.column))
    }
}

/// The problems as a person reads them: one a line, messages below each other, then their number.
pub(super) fn listing(problems: &[Problem]) -> String {
    let width =
        problems.iter().map(|problem| problem.position.to_string().chars().count()).max().unwrap_or(0);
    let lines: String = problems
        .iter()
        .map(|problem| format!("error: {:width$} {}\n", problem.position, problem.message))
        .collect();
    let plural = if problems.len() == 1 { "" } else { "s" };
    format!("{lines}{} error{plural}; nothing was loaded", problems.len())
}
