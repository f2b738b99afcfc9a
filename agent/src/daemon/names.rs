//! The names behind the indices that cross into the kernel.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

use agent_common::{
    rules::{judge::Tier, place::PathFold},
    wire::row::ABOVE_OWN,
};

use crate::sensor::{Act, LONGEST_PATH, whole_path};

/// Index 0 of both is the self-test's and has no name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(super) accounts: Vec<String>,
    pub(super) roots: Vec<PathBuf>,
    /// How many of them, at the end, are in no tree: directories of jobs.
    pub(super) jobs: usize,
    /// By what processes are members, in words.
    pub(super) entries: Vec<String>,
    /// What is burstguard's own; the root id of the first is one more than that of what is above them.
    pub(super) own: Vec<OwnName>,
    /// What the kernel programs hash names with.
    pub(super) seed: u64,
}

/// Something of burstguard's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnName {
    pub(crate) path: PathBuf,
    /// In a word.
    pub(crate) what: &'static str,
}

impl Names {
    /// In the order of their indices, without the self-test's.
    #[cfg(any(fuzzing, test))]
    pub(crate) fn of(
        accounts: impl IntoIterator<Item = impl Into<String>>,
        roots: impl IntoIterator<Item = impl Into<PathBuf>>,
    ) -> Self {
        Self {
            accounts: accounts.into_iter().map(Into::into).collect(),
            roots: roots.into_iter().map(Into::into).collect(),
            jobs: 0,
            entries: Vec::new(),
            own: Vec::new(),
            seed: 0,
        }
    }

    /// With this of burstguard's own.
    #[cfg(test)]
    pub(crate) fn owning(mut self, path: &str, what: &'static str) -> Self {
        self.own.push(OwnName { path: path.into(), what });
        self
    }

    /// With these entries.
    #[cfg(test)]
    pub(crate) fn knowing(mut self, entries: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.entries = entries.into_iter().map(Into::into).collect();
        self
    }

    /// The account of an index; none for the self-test's.
    pub(crate) fn account(&self, index: u32) -> Option<&str> {
        self.accounts.get(index.checked_sub(1)? as usize).map(String::as_str)
    }

    /// The index of an account.
    pub(crate) fn index(&self, account: &str) -> Option<u32> {
        (1..).zip(&self.accounts).find(|(_, name)| *name == account).map(|(index, _)| index)
    }

    /// What of burstguard's own has this index as a root.
    pub(crate) fn own(&self, index: u32) -> Option<&OwnName> {
        self.own.get(index.checked_sub(ABOVE_OWN + 1)? as usize)
    }

    /// Where burstguard's own is.
    pub(crate) fn owned(&self) -> impl Iterator<Item = &Path> {
        self.own.iter().map(|own| own.path.as_path())
    }

    /// The root of an index; none for the self-test's.
    pub(crate) fn tree(&self, index: u32) -> Option<&Path> {
        if let Some(own) = self.own(index) {
            return Some(&own.path);
        }
        self.roots.get(index.checked_sub(1)? as usize).map(PathBuf::as_path)
    }

    /// The whole path of the name that an act shows, if that is certain. One that was given relative to a directory is so if the kernel
    /// programs have found just that name below the root.
    pub(crate) fn whole(&self, tier: Tier, act: &Act) -> Option<PathBuf> {
        if act.command || act.way.is_some() {
            return None;
        }
        let root = self.tree(act.root?)?;
        let text = Path::new(OsStr::from_bytes(&act.path));
        if text.components().any(|part| part == Component::ParentDir) {
            return None;
        }
        let below = text.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.as_bytes()),
            _ => None,
        });
        let is_below = || text.is_relative() && PathFold::of(self.seed, below).key() == act.key;
        let path = match tier {
            Tier::Tracepoint if act.path.len() < LONGEST_PATH && is_below() => Some(root.join(text)),
            _ => whole_path(tier, root, &act.path),
        };
        path.map(|path| path.components().collect())
    }

    /// The index of a root.
    pub(crate) fn root(&self, path: &Path) -> Option<u32> {
        let own = (ABOVE_OWN + 1..).zip(self.owned());
        let roots = (1..).zip(self.roots.iter().map(PathBuf::as_path));
        own.chain(roots).find(|(_, root)| *root == path).map(|(index, _)| index)
    }

    /// An entry of the policy, in words; none for one that is not in it any more.
    pub(crate) fn entry(&self, index: u32) -> Option<&str> {
        self.entries.get(index.checked_sub(1)? as usize).map(String::as_str)
    }

    /// The index of an entry from now on.
    pub(super) fn add_entry(&mut self, words: String) -> u32 {
        self.entries.push(words);
        u32::try_from(self.entries.len()).unwrap_or_default()
    }

    /// Every account.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &str> {
        self.accounts.iter().map(String::as_str)
    }

    /// Every protected root.
    pub(crate) fn trees(&self) -> impl Iterator<Item = &Path> {
        self.roots.iter().take(self.roots.len() - self.jobs).map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use agent_common::rules::{Kinds, place::NameHash};

    use super::*;
    use crate::sensor::Judgement;

    fn act(text: &str, below: &[&str]) -> Act {
        Act {
            judged: Judgement::NONE,
            key: PathFold::of(5, below.iter().map(|name| name.as_bytes())).key(),
            verb: 0,
            root: Some(1),
            kinds: Kinds::NONE,
            over: false,
            grant: 0,
            way: None,
            command: false,
            path: text.as_bytes().to_vec(),
            sizes: crate::api::Sizes::default(),
            other: None,
        }
    }

    #[test]
    fn a_path_is_whole_where_that_is_certain() {
        assert_ne!(NameHash::of(5, b"a"), 0);
        let names = Names { seed: 5, ..Names::of(["deployer"], ["/srv/app"]) };
        let whole = |tier, act: &Act| names.whole(tier, act).map(|path| path.display().to_string());
        for (tier, text, below, expected) in [
            (Tier::Lsm, "d/f", vec!["d", "f"], Some("/srv/app/d/f")),
            (Tier::Lsm, ".", vec![], Some("/srv/app")),
            (Tier::Tracepoint, "/srv/app/d/f", vec![], Some("/srv/app/d/f")),
            (Tier::Tracepoint, "/srv/app//d/./f/", vec![], Some("/srv/app/d/f")),
            (Tier::Tracepoint, "/srv/application", vec![], None),
            (Tier::Tracepoint, "/srv/app/../f", vec!["f"], None),
            (Tier::Tracepoint, "f", vec!["f"], Some("/srv/app/f")),
            (Tier::Tracepoint, "./d//f", vec!["d", "f"], Some("/srv/app/d/f")),
            (Tier::Tracepoint, "f", vec!["d", "f"], None),
            (Tier::Tracepoint, "app/f", vec!["f"], None),
            (Tier::Tracepoint, "d/../f", vec!["f"], None),
        ] {
            assert_eq!(whole(tier, &act(text, &below)).as_deref(), expected, "{text} in {tier:?}");
        }
        let long = "x".repeat(LONGEST_PATH);
        for tier in [Tier::Lsm, Tier::Tracepoint] {
            assert_eq!(whole(tier, &act(&long, &[&long])), None, "it may have been cut off");
            assert_eq!(whole(tier, &Act { command: true, ..act("f", &["f"]) }), None);
            assert_eq!(whole(tier, &Act { root: None, ..act("/srv", &[]) }), None);
        }
    }
}
