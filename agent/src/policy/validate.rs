//! Holds a draft against itself and against the host.

use std::{
    collections::BTreeMap,
    io,
    path::{Component, Path, PathBuf},
};

use agent_common::wire::row::MAX_ROOTS;

use super::{
    Account, Budgets, Host, Policy, Position, Problem, Tree,
    parse::{AccountDraft, Draft, Settings, User},
    problem::Located,
    reader::nearest,
};

/// One root is the self-test's own.
const MAX_PATHS: usize = MAX_ROOTS as usize - 1;
const MAX_ACCOUNTS: usize = 256;

/// The policy that a draft describes. It is only good if no problem was noted.
pub(super) fn validate(draft: Draft, host: &impl Host, problems: &mut Vec<Problem>) -> Policy {
    let mut validator = Validator {
        host,
        problems,
        trees: draft.trees.keys().cloned().collect(),
        paths: BTreeMap::new(),
        claims: BTreeMap::new(),
    };
    if draft.trees.is_empty() {
        validator.refuse(&draft.start, "nothing is protected: add a [tree.NAME] with paths");
    }
    if draft.accounts.is_empty() {
        validator.refuse(&draft.start, "nobody is watched: add an [account.NAME] with users or login");
    }
    if let Some(surplus) = draft.accounts.values().nth(MAX_ACCOUNTS) {
        validator.refuse(&surplus.position, &format!("more than {MAX_ACCOUNTS} accounts: join some of them"));
    }
    let default_trees = draft.default.trees.as_deref().map(|names| validator.tree_indices(names));
    Policy {
        mode: draft.mode,
        trees: draft.trees.iter().map(|(name, tree)| validator.tree(name, tree)).collect(),
        accounts: draft
            .accounts
            .iter()
            .map(|(name, account)| validator.account(name, account, &draft.default, default_trees.as_deref()))
            .collect(),
    }
}

struct Validator<'a, H> {
    host: &'a H,
    problems: &'a mut Vec<Problem>,
    /// Names, in the order of their indices.
    trees: Vec<String>,
    /// Each path so far, with the tree it is in.
    paths: BTreeMap<PathBuf, String>,
    /// Each uid so far, with the account it belongs to.
    claims: BTreeMap<u32, String>,
}

impl<H: Host> Validator<'_, H> {
    fn refuse(&mut self, position: &Position, message: &str) {
        self.problems.push(Problem::new(position.clone(), message));
    }

    fn tree(&mut self, name: &str, written: &[Located<String>]) -> Tree {
        let mut paths = Vec::new();
        for written in written {
            match self.path(name, &written.value) {
                Ok(path) => {
                    self.paths.insert(path.clone(), name.to_owned());
                    paths.push(path);
                    if self.paths.len() == MAX_PATHS + 1 {
                        self.refuse(&written.position, &format!("more than {MAX_PATHS} paths in all trees"));
                    }
                }
                Err(why) => self.refuse(&written.position, &format!("{:?} {why}", written.value)),
            }
        }
        Tree { name: name.to_owned(), paths }
    }

    /// The path without superfluous slashes and dots, or what is wrong with it.
    fn path(&self, tree: &str, written: &str) -> Result<PathBuf, String> {
        let path = Path::new(written);
        if !path.is_absolute() {
            return Err("is not absolute: begin it with /".to_owned());
        }
        if written.contains(['*', '?', '[']) {
            return Err("looks like a pattern, which paths cannot be yet: name each directory".to_owned());
        }
        if path.components().any(|component| component == Component::ParentDir) {
            return Err("goes through ..: write the directory it means".to_owned());
        }
        let path: PathBuf = path.components().collect();
        match self.paths.get(&path) {
            Some(other) if other == tree => return Err("is given twice".to_owned()),
            Some(other) => return Err(format!("is also in [tree.{other}]: a path belongs to one tree")),
            None => {}
        }
        match self.host.is_dir(&path) {
            Ok(true) => Ok(path),
            Ok(false) => {
                Err("is a file: only directories can be protected yet, name the one it is in".to_owned())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err("does not exist on this host".to_owned())
            }
            Err(error) => Err(format!("cannot be looked at: {error}")),
        }
    }

    fn account(
        &mut self,
        name: &str,
        draft: &AccountDraft,
        default: &Settings,
        default_trees: Option<&[usize]>,
    ) -> Account {
        let AccountDraft { position, users, login, settings } = draft;
        let mut budgets = Budgets::default();
        for (slot, budget) in default.budgets.iter().chain(&settings.budgets) {
            *slot(&mut budgets) = *budget;
        }
        let own_trees = settings.trees.as_deref().map(|names| self.tree_indices(names));
        if own_trees.is_none() && default_trees.is_none() {
            let message = format!("[account.{name}] is watched nowhere: set trees, here or in [default]");
            self.refuse(position, &message);
        }
        Account {
            name: name.to_owned(),
            users: self.uids(name, users),
            login: self.uids(name, login),
            trees: own_trees.or_else(|| default_trees.map(<[_]>::to_vec)).unwrap_or_default(),
            response: settings.response.or(default.response).unwrap_or_default(),
            budgets,
        }
    }

    fn tree_indices(&mut self, names: &[Located<String>]) -> Vec<usize> {
        let mut indices = Vec::new();
        for Located { value: name, position } in names {
            match self.trees.iter().position(|tree| tree == name) {
                Some(index) if indices.contains(&index) => {
                    self.refuse(position, &format!("tree {name:?} is given twice"));
                }
                Some(index) => indices.push(index),
                None => {
                    let known: Vec<_> = self.trees.iter().map(String::as_str).collect();
                    let hint = match nearest(name, &known) {
                        Some(near) => format!("did you mean {near:?}?"),
                        None => format!("add [tree.{name}]"),
                    };
                    self.refuse(position, &format!("there is no tree {name:?}: {hint}"));
                }
            }
        }
        indices
    }

    fn uids(&mut self, account: &str, users: &[Located<User>]) -> Vec<u32> {
        let mut uids = Vec::new();
        for user in users {
            match self.uid(account, &user.value) {
                Ok(uid) if uids.contains(&uid) => {}
                Ok(uid) => {
                    self.claims.insert(uid, account.to_owned());
                    uids.push(uid);
                }
                Err(message) => self.refuse(&user.position, &message),
            }
        }
        uids
    }

    /// The uid of a user that this account may have, or what speaks against it.
    fn uid(&self, account: &str, user: &User) -> Result<u32, String> {
        let (uid, shown) = match user {
            User::Uid(uid) => (*uid, format!("uid {uid}")),
            User::Name(name) => match self.host.uid(name) {
                Ok(Some(uid)) => (uid, format!("user {name:?}")),
                Ok(None) => {
                    return Err(format!(
                        "[account.{account}] is not watched: user {name:?} does not exist on this host"
                    ));
                }
                Err(error) => {
                    return Err(format!(
                        "[account.{account}] is not watched: cannot look up user {name:?}: {error}"
                    ));
                }
            },
        };
        if uid == 0 {
            return Err(format!(
                "{shown} is root: every person who becomes root would act for [account.{account}]; name the \
                 automation's own user"
            ));
        }
        match self.claims.get(&uid) {
            Some(other) if other != account => Err(format!(
                "{shown} already belongs to [account.{other}]: a user can act for one account only"
            )),
            _ => Ok(uid),
        }
    }
}
