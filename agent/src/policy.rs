//! The policy: who is watched, under which trees, within which budgets, and what happens past them.
//!
//! [`parse`] turns text into a draft in which every value knows its position, [`validate`] turns the draft into a
//! [`Policy`] for this host. Both go on after a problem, so that one run reports them all.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

pub(crate) use budget::{Budget, Budgets};
pub(crate) use host::{Host, ThisHost};
pub(crate) use problem::{Position, Problem};
use problem::{Source, listing};

mod budget;
mod host;
mod parse;
mod problem;
mod reader;
#[cfg(test)]
mod tests;
mod validate;

/// A policy that holds together and fits this host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) mode: Mode,
    /// Sorted by name, at least one.
    pub(crate) trees: Vec<Tree>,
    /// Sorted by name, 1 to 256; no uid belongs to two of them.
    pub(crate) accounts: Vec<Account>,
}

/// Whether the responses of the accounts are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// Every response acts as `observe`.
    #[default]
    Observe,
    Enforce,
}

/// What is protected together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) name: String,
    /// Directories that existed when the policy was loaded: absolute, without `..`, in no other tree; at least one.
    pub(crate) paths: Vec<PathBuf>,
}

/// An automation account.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// Real uids, never 0. At least one of `users` and `login` is not empty.
    pub(crate) users: Vec<u32>,
    /// Login uids, never 0.
    pub(crate) login: Vec<u32>,
    /// Indices into [`Policy::trees`], at least one.
    pub(crate) trees: Vec<usize>,
    pub(crate) response: Response,
    pub(crate) budgets: Budgets,
}

/// What the policy wants once a budget is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Response {
    Observe,
    #[default]
    Hold,
    Deny,
    /// Hold, and freeze the whole lineage.
    Freeze,
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    /// The file could not be read as text.
    #[error("cannot read the policy {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// All that is wrong with it, by position; at least one.
    #[error("{}", listing(problems))]
    Invalid { problems: Vec<Problem> },
}

impl Policy {
    /// Reads the policy file at `path` for `host`.
    ///
    /// # Errors
    /// [`PolicyError::Read`]; [`PolicyError::Invalid`] with everything that is wrong.
    pub(crate) fn load(path: &Path, host: &impl Host) -> Result<Self, PolicyError> {
        let text = read(path).map_err(|source| PolicyError::Read { path: path.to_owned(), source })?;
        Self::from_text(path, &text, host)
    }

    /// The same for a text that is already read; `file` is what the problems call it.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] with everything that is wrong.
    pub(crate) fn from_text(file: &Path, text: &str, host: &impl Host) -> Result<Self, PolicyError> {
        let mut problems = Vec::new();
        let policy = parse::parse(&Source::new(file, text), &mut problems)
            .map(|draft| validate::validate(draft, host, &mut problems));
        match policy {
            Some(policy) if problems.is_empty() => Ok(policy),
            _ => {
                problems.sort_by(|a, b| a.position.cmp(&b.position));
                Err(PolicyError::Invalid { problems })
            }
        }
    }
}

/// Reads a policy file; one that is longer than any policy could be is none.
fn read(path: &Path) -> io::Result<String> {
    const LONGEST: u64 = 1 << 20;
    let mut text = String::new();
    let read = fs::File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if read as u64 > LONGEST {
        return Err(io::Error::other(format!("longer than {LONGEST} bytes")));
    }
    Ok(text)
}

impl Mode {
    pub(crate) const ALL: [Self; 2] = [Self::Observe, Self::Enforce];

    /// The word of the policy file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

impl Response {
    pub(crate) const ALL: [Self; 4] = [Self::Observe, Self::Hold, Self::Deny, Self::Freeze];

    /// The word of the policy file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Hold => "hold",
            Self::Deny => "deny",
            Self::Freeze => "freeze",
        }
    }
}
