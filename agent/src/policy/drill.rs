//! A fire drill: for a while the policy has one account more, which is like another one but for who it is and where it is watched.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use agent_common::wire::row::MAX_ROOTS;
use thiserror::Error;

use super::{Account, Keep, Loaded, Tree, is_name};

/// What is drilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drill {
    /// The account of the policy.
    pub(crate) account: String,
    /// The directory that the one like it is watched in.
    pub(crate) tree: PathBuf,
}

/// Why there can be none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum NoDrill {
    #[error("the policy has no account {0:?}")]
    NoAccount(String),
    #[error("the policy has an account {0:?} already")]
    Taken(String),
    #[error("{0:?} is too long a name")]
    Long(String),
    #[error("{0} is no empty directory that only root can write to: a drill destroys what is in it")]
    NoTree(PathBuf),
    #[error("{0} lies in a tree of the policy")]
    InTree(PathBuf),
    #[error("the policy has as many accounts, or trees and ways, as there may be")]
    Full,
}

/// How many accounts a policy may have.
const MOST: usize = 256;

impl Drill {
    /// What the account of a drill is called.
    pub(crate) fn name(account: &str) -> String {
        format!("{account}.drill")
    }

    /// Whether the directory may be destroyed.
    pub(crate) fn look_at_tree(&self) -> Result<(), NoDrill> {
        let is_fit = || {
            let about = fs::symlink_metadata(&self.tree).ok()?;
            let is_roots = about.is_dir() && about.uid() == 0 && about.mode() & 0o022 == 0;
            let is_empty = fs::read_dir(&self.tree).ok()?.next().is_none();
            Some(self.tree.is_absolute() && is_roots && is_empty)
        };
        if is_fit() == Some(true) { Ok(()) } else { Err(NoDrill::NoTree(self.tree.clone())) }
    }

    /// Whether its directory is still there.
    pub(crate) fn is_there(&self) -> bool {
        self.tree.is_dir()
    }

    /// The policy with it.
    pub(crate) fn over(&self, loaded: Loaded) -> Result<Loaded, NoDrill> {
        let Self { account, tree } = self;
        let mut policy = loaded.policy.clone();
        let like = policy.accounts.iter().find(|one| one.name == *account);
        let like = like.ok_or_else(|| NoDrill::NoAccount(account.clone()))?;
        let name = Self::name(account);
        if policy.accounts.iter().any(|one| one.name == name) {
            return Err(NoDrill::Taken(name));
        }
        if !is_name(&name) {
            return Err(NoDrill::Long(name));
        }
        if policy.accounts.len() >= MOST {
            return Err(NoDrill::Full);
        }
        // As many directories as are watched already, with those in which files are jobs.
        let trees = policy.trees.iter().flat_map(|tree| &tree.paths);
        let jobs = policy.ways.iter().flat_map(|way| &way.jobs).filter(|path| path.is_dir());
        if trees.chain(jobs).count() + 1 >= MAX_ROOTS as usize {
            return Err(NoDrill::Full);
        }
        let touches = |path: &Path| path.starts_with(tree) || tree.starts_with(path);
        if policy.trees.iter().flat_map(|tree| &tree.paths).any(|path| touches(path)) {
            return Err(NoDrill::InTree(tree.clone()));
        }
        let drilled = Account {
            name: name.clone(),
            note: Some(format!("a drill: as {account}, and nobody who does any work")),
            users: Vec::new(),
            login: Vec::new(),
            units: Vec::new(),
            executables: Vec::new(),
            scripts: Vec::new(),
            trees: vec![policy.trees.len()],
            warmup: Duration::ZERO,
            launch: Vec::new(),
            ..like.clone()
        };
        policy.accounts.push(drilled);
        policy.trees.push(Tree {
            name,
            paths: vec![tree.clone()],
            except: Vec::new(),
            keep: Keep { files: false, ..Keep::default() },
        });
        Ok(Loaded { policy, ..loaded })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::load, *};

    const POLICY: &str = "version = 1\n[tree.t]\npaths = ['/etc']\n[account.a]\nusers = ['ci']\ntrees = ['t']\nbudget.deletes = '3/1s'\n\
                          response = 'deny'\n";

    fn over(account: &str, tree: &str) -> Result<Loaded, NoDrill> {
        let drill = Drill { account: account.to_owned(), tree: tree.into() };
        drill.over(load(POLICY).expect("a policy"))
    }

    #[test]
    fn the_account_is_like_the_other_one_and_nobody_is_it() {
        let Loaded { policy, hash, .. } = over("a", "/var/tmp/drill").expect("a drill");
        let [a, drilled] = &policy.accounts[..] else { panic!("{policy:?}") };
        assert_eq!((&drilled.name[..], drilled.response), ("a.drill", a.response));
        assert_eq!(drilled.budgets, a.budgets);
        assert!(drilled.users.is_empty() && drilled.login.is_empty() && drilled.units.is_empty());
        assert_eq!(policy.trees[drilled.trees[0]].paths, [Path::new("/var/tmp/drill")]);
        assert_eq!(hash, load(POLICY).expect("a policy").hash);
    }

    #[test]
    fn what_would_touch_the_accounts_own_is_refused() {
        assert_eq!(over("b", "/x").err(), Some(NoDrill::NoAccount("b".to_owned())));
        for tree in ["/etc", "/etc/x", "/"] {
            assert_eq!(over("a", tree).err(), Some(NoDrill::InTree(tree.into())));
        }
    }

    #[test]
    fn a_directory_with_something_in_it_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let drill = |tree: &Path| Drill { account: "a".to_owned(), tree: tree.to_owned() }.look_at_tree();
        fs::write(directory.path().join("x"), "").expect("a file");
        assert!(drill(directory.path()).is_err() && drill(Path::new("relative")).is_err());
        assert!(drill(&directory.path().join("x")).is_err());
    }
}
