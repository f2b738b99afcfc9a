//! What is wrong in a policy, and where.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// One of the texts that a policy is made of.
#[derive(Debug)]
pub(super) struct Source {
    /// In the order in which they override each other.
    order: usize,
    pub(super) file: Arc<Path>,
    pub(super) text: String,
}

/// A place in a source.
#[derive(Debug, Clone)]
pub(super) struct At {
    source: Arc<Source>,
    offset: usize,
}

/// A place in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Of the file among the policy's: problems are listed in this order.
    order: usize,
    pub(crate) file: Arc<Path>,
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
}

/// Something in a policy that is wrong, or that is not what it seems.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) position: Position,
    /// One line: what is wrong, and what is wanted instead.
    pub(crate) message: String,
}

/// What keeps a policy from being loaded, and what does not.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

/// A value that knows where it was written.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) at: At,
}

impl Source {
    pub(super) fn new(order: usize, file: PathBuf, text: String) -> Arc<Self> {
        Arc::new(Self { order, file: file.into(), text })
    }

    pub(super) fn at(self: &Arc<Self>, offset: usize) -> At {
        At { source: Arc::clone(self), offset }
    }
}

impl At {
    /// Counted only when a problem needs it.
    pub(super) fn position(&self) -> Position {
        let Source { order, file, text } = &*self.source;
        let before = text.get(..self.offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            order: *order,
            file: Arc::clone(file),
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

impl Problems {
    /// Notes what keeps the policy from being loaded.
    pub(super) fn refuse(&mut self, at: &At, message: &str) {
        self.errors.push(Problem::new(at.position(), message));
    }

    /// Notes what does not.
    pub(super) fn warn(&mut self, at: &At, message: &str) {
        self.warnings.push(Problem::new(at.position(), message));
    }

    /// In the order of the sources.
    pub(super) fn sorted(mut self) -> Self {
        self.errors.sort();
        self.warnings.sort();
        self
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}:{}", self.file.display(), self.line, self.column))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.position, self.message)
    }
}

/// The problems as a person reads them: one a line, errors first, messages below each other, then their number and
/// `outcome`.
pub(super) fn listing(errors: &[Problem], warnings: &[Problem], outcome: &str) -> String {
    let kinds = [("error", errors), ("warning", warnings)];
    let mut lines = String::new();
    for (kind, problems) in kinds {
        let width = problems.iter().map(|problem| problem.position.to_string().chars().count()).max();
        let width = width.unwrap_or(0);
        for Problem { position, message } in problems {
            lines.push_str(&format!("{kind}: {position:width$} {message}\n"));
        }
    }
    let counts: Vec<_> = kinds
        .iter()
        .filter(|(_, problems)| !problems.is_empty())
        .map(|(kind, problems)| counted(problems.len(), kind))
        .collect();
    let counts = if counts.is_empty() { "no problems".to_owned() } else { counts.join(", ") };
    format!("{lines}{counts}; {outcome}")
}

/// A number and its noun.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
