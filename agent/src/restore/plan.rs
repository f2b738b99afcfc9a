//! What is to be done about each path that an incident destroyed. Pure: a table.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::{Hit, Now};
use crate::keeper::{Moment, Version, What, Why};

/// How long the keeper may take until it has seen what an act has left: what is changed later, somebody else has changed.
const SETTLES: SignedDuration = SignedDuration::from_secs(10);

/// All that is known of a path.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) hit: Hit,
    /// What was kept of it before it was destroyed first; none if nothing was.
    pub(crate) kept: Option<Version>,
    /// What was kept of it first behind the last act: what that has left, and nobody has touched since.
    pub(crate) after: Option<Version>,
    pub(crate) now: Now,
}

/// What is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is as it was.
    Same,
    /// Nothing is there: it comes back.
    Back,
    /// It is put back over what the incident has left there.
    Over,
    /// The same, but somebody else has changed that since: only if that is wanted.
    Changed,
    NotKept(NotKept),
    /// It cannot be done, and why.
    Refused(String),
}

/// Why there is nothing to put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NotKept {
    /// Nothing was kept of it before it was destroyed: it had just been made.
    TooNew,
    TooLarge,
    Full,
    Special,
    Unreadable,
    Changing,
}

/// A path with what is to be done about it.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) path: PathBuf,
    /// What it is to be; of what was not kept, what is known of it.
    pub(crate) kept: Option<Version>,
    pub(crate) now: Now,
    /// Before it was destroyed.
    pub(crate) moment: Moment,
    pub(crate) step: Step,
}

/// All of them, each directory before what is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) paths: Vec<Planned>,
}

impl NotKept {
    /// As in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::TooNew => "too_new",
            Self::TooLarge => Why::TooLarge.word(),
            Self::Full => Why::Full.word(),
            Self::Special => Why::Special.word(),
            Self::Unreadable => Why::Unreadable.word(),
            Self::Changing => Why::Changing.word(),
        }
    }

    /// For a person.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::TooNew => "nothing of it had been kept yet",
            Self::TooLarge => "larger than keep.size",
            Self::Full => "keep.total was full",
            Self::Special => "a socket, a pipe or a device",
            Self::Unreadable => "it could not be read",
            Self::Changing => "it changed faster than it could be read",
        }
    }
}

impl From<Why> for NotKept {
    fn from(why: Why) -> Self {
        match why {
            Why::TooLarge => Self::TooLarge,
            Why::Full => Self::Full,
            Why::Special => Self::Special,
            Why::Unreadable => Self::Unreadable,
            Why::Changing => Self::Changing,
        }
    }
}

impl Step {
    /// As in JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Back => "back",
            Self::Over => "over",
            Self::Changed => "changed",
            Self::NotKept(_) => "not_kept",
            Self::Refused(_) => "refused",
        }
    }
}

impl Plan {
    /// Of all that is known of each path.
    pub(crate) fn of(facts: BTreeMap<PathBuf, Facts>) -> Self {
        let mut paths: Vec<Planned> = Vec::with_capacity(facts.len());
        // Paths sort by components, so a directory comes before what is in it.
        for (path, facts) in facts {
            let parent = path.parent().and_then(|parent| find(&paths, parent));
            let step = step(&facts, parent);
            let Facts { kept, now, hit, .. } = facts;
            paths.push(Planned { path, kept, now, moment: hit.first, step });
        }
        Self { paths }
    }

    /// How many there are of a kind.
    pub(crate) fn count(&self, is_one: impl Fn(&Step) -> bool) -> u64 {
        self.paths.iter().filter(|planned| is_one(&planned.step)).count() as u64
    }

    /// How many were not kept, by why.
    pub(crate) fn not_kept(&self) -> BTreeMap<NotKept, u64> {
        let mut counts = BTreeMap::new();
        for planned in &self.paths {
            if let Step::NotKept(why) = planned.step {
                *counts.entry(why).or_default() += 1;
            }
        }
        counts
    }

    /// Those that are put back.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &Planned> {
        self.paths.iter().filter(|planned| matches!(planned.step, Step::Back | Step::Over))
    }
}

fn find<'p>(paths: &'p [Planned], path: &Path) -> Option<&'p Planned> {
    let at = paths.binary_search_by(|planned| planned.path.as_path().cmp(path)).ok()?;
    paths.get(at)
}

/// `parent` is what becomes of its directory, if anything does.
fn step(facts: &Facts, parent: Option<&Planned>) -> Step {
    let kept = match &facts.kept {
        None | Some(Version { what: What::Gone, .. }) => return Step::NotKept(NotKept::TooNew),
        Some(Version { what: What::Left { why, .. }, .. }) => return Step::NotKept((*why).into()),
        Some(kept) => kept,
    };
    let becomes_directory = |parent: &Planned| {
        matches!(parent.step, Step::Back | Step::Over | Step::Changed)
            && parent.kept.as_ref().is_some_and(|kept| matches!(kept.what, What::Directory(_)))
    };
    match &facts.now {
        Now::NoParent => Step::Back,
        // Something else is where its directory was, and that comes back.
        Now::Barred(_) if parent.is_some_and(becomes_directory) => Step::Back,
        Now::Barred(why) => Step::Refused(why.clone()),
        // It was left there, and somebody has removed it since.
        Now::Nothing
            if !facts.hit.went && facts.after.as_ref().is_some_and(|after| after.what != What::Gone) =>
        {
            Step::Changed
        }
        Now::Nothing => Step::Back,
        Now::There { what, .. } if kept.what.is_same(what) => Step::Same,
        Now::There { what, changed } => over(facts, &kept.what, what, *changed),
    }
}

fn over(facts: &Facts, kept: &What, now: &What, changed: Timestamp) -> Step {
    match (kept, now) {
        (_, What::Link { .. }) if facts.hit.is_root => {
            return Step::Refused(
                "the tree is a symbolic link now: look who made it, and remove it".to_owned(),
            );
        }
        (What::File { .. } | What::Link { .. }, What::Directory(_)) => {
            return Step::Refused("a directory is there now: move it away".to_owned());
        }
        (_, What::Left { why, .. }) => {
            let why = NotKept::from(*why).meaning();
            return Step::Refused(format!("what is there now cannot be kept ({why}): move it away"));
        }
        _ => {}
    }
    let by_somebody_else = match &facts.after {
        _ if facts.hit.went => true,
        Some(after) => !after.what.is_same(now),
        None => changed.duration_since(facts.hit.last.wall) > SETTLES,
    };
    if by_somebody_else { Step::Changed } else { Step::Over }
}

#[cfg(test)]
mod tests;
