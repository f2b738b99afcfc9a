//! Which directories are kept, as the policy says.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::Limits;
use crate::policy::{self, Exception};

/// All trees of which something is kept.
#[derive(Debug, Default)]
pub(super) struct Trees {
    trees: Vec<Kept>,
    /// Where what is kept lies itself.
    own: PathBuf,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) name: String,
    /// As they are called without symbolic links.
    pub(super) roots: Vec<PathBuf>,
    except: Vec<Exception>,
    pub(super) limits: Limits,
    pub(super) age: Duration,
    /// Whether anything is kept; of one that is not, only its roots matter.
    files: bool,
}

impl Trees {
    /// Those of a policy. What is not there now is not looked for.
    pub(super) fn of_policy(trees: &[policy::Tree], own: &Path) -> Self {
        let trees = trees.iter().map(|tree| Kept {
            name: tree.name.clone(),
            roots: tree.paths.iter().filter_map(|path| path.canonicalize().ok()).collect(),
            except: tree.except.iter().chain(&tree.keep.except).cloned().collect(),
            limits: Limits { size: tree.keep.size, total: tree.keep.total },
            age: tree.keep.age,
            files: tree.keep.files,
        });
        let own = own.canonicalize().unwrap_or_else(|_| own.to_owned());
        Self { trees: trees.collect(), own }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Kept> {
        self.trees.iter().filter(|tree| tree.files)
    }

    /// The tree that a path is in and is kept of: that of the innermost root, unless something excepts it.
    pub(super) fn of(&self, path: &Path) -> Option<&Kept> {
        let (tree, root) = path.ancestors().find_map(|above| Some((self.root(above)?, above)))?;
        let is_left =
            path.starts_with(&self.own) || tree.except.iter().any(|exception| exception.covers(root, path));
        Some(tree).filter(|tree| tree.files && !is_left)
    }

    /// The tree whose root a path is.
    pub(super) fn root(&self, path: &Path) -> Option<&Kept> {
        self.trees.iter().find(|tree| tree.roots.iter().any(|root| root == path))
    }

    /// Whether a name in a directory of a tree is not kept with it.
    pub(super) fn leaves_out(&self, tree: &Kept, path: &Path) -> bool {
        tree.except.iter().any(|exception| exception.is(path))
            || path == self.own
            || self.root(path).is_some()
    }

    /// Whether a root lies right in a directory.
    pub(super) fn is_above_a_root(&self, path: &Path) -> bool {
        self.all().flat_map(|tree| &tree.roots).any(|root| root.parent() == Some(path))
    }
}
