//! Whether all that a destructive case destroyed comes back, bit for bit and with its metadata.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ::tests::{Incident, Like, Likeness, ask, keeper};
use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::disk::{Exception, TREES};

/// Of how many a row tells which they are.
const NAMED: usize = 5;

/// Written last before a case: when it is kept, the keeper has heard of all that came before.
const MARK: &str = "/srv/.the-case-begins";

/// Written anew for each job of at's before it runs: longer before the burst than the burst looks back, so it is no incident's.
const COUNTER: &str = "/var/spool/cron/atjobs/.SEQ";

/// How the trees were before a case.
pub(crate) struct Before(Likeness);

/// What came of it, in paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Restored {
    /// Destroyed by the case.
    pub(crate) destroyed: usize,
    /// As they were, once they were put back.
    pub(crate) whole: usize,
    /// Too large to be kept, and so on, as the command says.
    pub(crate) not_kept: usize,
    /// The others, in words.
    pub(crate) missed: Vec<String>,
}

impl Before {
    /// Once all of it is kept.
    pub(crate) fn take() -> Result<Self> {
        keeper::until_seen(MARK.as_ref())?;
        Ok(Self(trees()?))
    }

    /// Puts back what these incidents destroyed, and compares; `act` is how the trees were when the act had ended.
    pub(crate) fn compare(
        &self,
        act: &Likeness,
        incidents: &[Incident],
        exceptions: &[Exception],
    ) -> Result<Restored> {
        let is_protected = |path: &PathBuf| {
            !exceptions.iter().any(|exception| exception.covers(path)) && path != Path::new(COUNTER)
        };
        let destroyed: BTreeSet<&PathBuf> = self
            .0
            .0
            .iter()
            .filter(|(path, like)| is_protected(path) && is_destroyed(like, act.0.get(*path)))
            .map(|(path, _)| path)
            .collect();
        let mut not_kept = BTreeSet::new();
        let mut complaints = Vec::new();
        for Incident(id) in incidents {
            let words = ["restore", &id.to_string(), "--changed", "--json", "--reason", "the case is over"];
            let said = ask(&words)?;
            let first = said.output.lines().next().unwrap_or_default();
            let answer: serde_json::Value =
                serde_json::from_str(first).with_context(|| format!("restore: {said:?}"))?;
            let paths = answer["restore"]["paths"].as_array().cloned().unwrap_or_default();
            let left = paths.iter().filter(|path| path["step"] == "not_kept" && path["why"] != TOO_NEW);
            not_kept.extend(left.filter_map(|path| Some(PathBuf::from(path["path"].as_str()?))));
            if said.exit != Some(0) {
                complaints.push(said.complaint.lines().take(3).collect::<Vec<_>>().join(" | "));
            }
        }
        let now = trees()?;
        let is_whole = |path: &&&PathBuf| now.0.get(**path) == self.0.0.get(**path);
        let whole = destroyed.iter().filter(is_whole).count();
        let is_missed = |path: &&&PathBuf| !is_whole(path) && !not_kept.contains(**path);
        let mut missed: Vec<String> = destroyed
            .iter()
            .filter(is_missed)
            .take(NAMED)
            .map(|path| how(path, self.0.0.get(*path), now.0.get(*path)))
            .collect();
        if !missed.is_empty() {
            missed.extend(complaints);
        }
        let not_kept = destroyed.iter().filter(|path| !is_whole(path) && not_kept.contains(**path)).count();
        Ok(Restored { destroyed: destroyed.len(), whole, not_kept, missed })
    }
}

/// As the command says it of what was made a moment before it was destroyed.
const TOO_NEW: &str = "nothing of it had been kept yet";

/// How all trees are now.
pub(crate) fn trees() -> Result<Likeness> {
    let mut all = Likeness::default();
    for tree in TREES {
        all.0.extend(Likeness::of(tree.as_ref())?.0);
    }
    all.0.retain(|path, _| !path.starts_with("/etc/burstguard"));
    Ok(all)
}

/// Whether something is lost: it is gone, it is something else, or not all of its content is in what is there. That a file grew, or
/// belongs to somebody else, is no loss.
fn is_destroyed(before: &Like, now: Option<&Like>) -> bool {
    const KIND: u32 = 0o170_000;
    now.is_none_or(|now| now.mode & KIND != before.mode & KIND || !now.content.starts_with(&before.content))
}

fn how(path: &Path, before: Option<&Like>, now: Option<&Like>) -> String {
    let [one, other] = [before, now].map(|like| like.map(|like| (path.to_owned(), like.clone())));
    let missed = Likeness(one.into_iter().collect()).missed_by(&Likeness(other.into_iter().collect()));
    missed.into_iter().next().unwrap_or_else(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(mode: u32, content: &str) -> Like {
        Like {
            mode,
            owner: (0, 0),
            changed: None,
            content: content.as_bytes().to_vec(),
            attributes: Default::default(),
        }
    }

    #[test]
    fn what_is_lost() {
        let before = like(0o100_644, "abc");
        for (now, expected) in [
            (None, true),
            (Some(like(0o100_644, "abc")), false),
            (Some(like(0o100_600, "abcd")), false),
            (Some(like(0o100_644, "ab")), true),
            (Some(like(0o100_644, "xbc")), true),
            (Some(like(0o120_777, "abc")), true),
        ] {
            assert_eq!(is_destroyed(&before, now.as_ref()), expected, "{now:?}");
        }
    }
}
