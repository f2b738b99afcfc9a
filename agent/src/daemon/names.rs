//! The names behind the indices that cross into the kernel.

use std::path::{Path, PathBuf};

use agent_common::wire::row::ABOVE_OWN;

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
