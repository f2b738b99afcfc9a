//! Protected trees: which directories the kernel programs must know, and the descriptors that keep them known.
//!
//! As long as the agent runs it is the descriptors that keep an inode where it is; `hold` sees to it afterwards.
//!
//! A root is known in two ways: by its inode, and as a name in the directory above it, so that a root which is removed
//! and made again is protected without a gap. The directories from `/` to each root (carriers) are known too: whoever
//! renames one of them takes the roots along.

pub(crate) mod except;
pub(crate) mod hold;
pub(crate) mod tops;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use agent_common::{
    rules::place::{NameHash, PathFold},
    wire::row::{ABOVE_OWN, EdgeKey, Mark, is_own, node},
};
use rustix::fs::{CWD, Mode, OFlags, openat};
use thiserror::Error;

use crate::{daemon::Place, policy::Exception};
use tops::{Root, Tops};

/// A tree that cannot be protected.
#[derive(Debug, Error)]
pub(crate) enum TreeError {
    /// It cannot be opened, or its path not followed.
    #[error("cannot watch {path}")]
    Open { path: PathBuf, source: io::Error },
    /// Two trees of the policy are one and the same directory.
    #[error("{path} is protected twice (one of the two leads there through a symbolic link): name it once")]
    Twice { path: PathBuf },
}

/// The hash of a path below a root, as the kernel programs reckon it.
pub(crate) fn key(below: &Path, seed: u64) -> u64 {
    PathFold::of(seed, below.iter().map(OsStr::as_bytes)).key()
}

/// The directories to mark, and the names that lead from one to the next.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// By path; the value is the node.
    nodes: BTreeMap<PathBuf, u64>,
    /// Those that are known by their names alone.
    names: BTreeSet<PathBuf>,
}

impl Plan {
    /// `roots` are absolute, without symbolic links; the index of each is its root id. The last `jobs` of them are of no tree. What is
    /// burstguard's `own` has ids of its own, and is nothing else.
    fn new(roots: &[PathBuf], jobs: usize, own: &[Place]) -> Result<Self, TreeError> {
        let mut ids: BTreeMap<&Path, u32> = (0..).zip(roots).map(|(id, path)| (path.as_path(), id)).collect();
        if ids.len() < roots.len() {
            let mut seen = BTreeSet::new();
            let path = roots.iter().find(|path| !seen.insert(*path)).cloned().unwrap_or_default();
            return Err(TreeError::Twice { path });
        }
        let owned = own.iter().map(|(Place::Directory(path) | Place::Name(path))| path);
        ids.extend(owned.clone().map(PathBuf::as_path).zip(ABOVE_OWN + 1..));
        let to_own: BTreeSet<&Path> = owned.clone().flat_map(|path| path.ancestors()).collect();
        let all = || roots.iter().chain(owned.clone());
        let paths: BTreeSet<&Path> = all().flat_map(|root| root.ancestors()).collect();
        let trees = &roots[..roots.len().saturating_sub(jobs)];
        let in_trees: BTreeSet<&Path> = trees.iter().flat_map(|root| root.ancestors()).collect();
        let parents: BTreeSet<&Path> = all().filter_map(|root| root.parent()).collect();
        let inner: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
        let nodes = (0..)
            .zip(paths)
            .map(|(index, path)| {
                let value = ids.get(path).map_or_else(|| node::carrier(index), |id| node::root(index, *id));
                let parent = if parents.contains(path) { node::PARENT } else { 0 };
                let jobs = if in_trees.contains(path) { 0 } else { node::JOBS };
                let own = if to_own.contains(path) { node::OWN } else { 0 };
                let leaf = if inner.contains(path) { 0 } else { node::LEAF };
                (path.to_owned(), value | parent | jobs | own | leaf)
            })
            .collect();
        let is_name = |place: &Place| match place {
            Place::Name(path) => Some(path.clone()),
            Place::Directory(_) => None,
        };
        Ok(Self { nodes, names: own.iter().filter_map(is_name).collect() })
    }

    /// Those that are known by their inodes.
    fn marked(&self) -> impl Iterator<Item = (&PathBuf, u64)> {
        let is_marked = |(path, _): &(&PathBuf, &u64)| !self.names.contains(*path);
        self.nodes.iter().filter(is_marked).map(|(path, node)| (path, *node))
    }

    fn edges(&self, seed: u64) -> impl Iterator<Item = (EdgeKey, u64)> {
        self.nodes.iter().filter_map(move |(path, value)| {
            let parent = node::index(*self.nodes.get(path.parent()?)?);
            let name = NameHash::of(seed, path.file_name()?.as_bytes());
            Some((EdgeKey { name, parent, reserved: 0 }, *value))
        })
    }
}

/// The protected roots, opened.
pub(crate) struct Trees {
    plan: Plan,
    /// Of every node that is not known by its name alone, in the plan's order: as long as it is open the inode cannot be replaced by another at its address.
    open: Vec<File>,
}

impl Trees {
    /// Opens the roots, given by any path, and the directories above them. The index of each is its root id. The last `jobs` of them
    /// are directories of jobs, which no tree goes with. With them what is burstguard's `own`.
    pub(crate) fn open(roots: &[PathBuf], jobs: usize, own: &[Place]) -> Result<Self, TreeError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| TreeError::Open { path, source }
        };
        let real = roots
            .iter()
            .map(|path| path.canonicalize().map_err(failed(path)))
            .collect::<Result<Vec<_>, _>>()?;
        let plan = Plan::new(&real, jobs, own)?;
        let open = plan
            .marked()
            .map(|(path, _)| {
                openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
                    .map(File::from)
                    .map_err(|errno| failed(path)(errno.into()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { plan, open })
    }

    /// Each directory and what it is to be known as.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Mark)> {
        self.open.iter().map(AsFd::as_fd).zip(self.plan.marked().map(|(_, node)| Mark::node(node)))
    }

    /// The roots that no other root lies in. Whoever holds these holds every node: an entry of a directory holds the
    /// directory, and a mount holds what it is mounted on. Those in file systems that keep what they have in memory need nobody to hold
    /// them.
    pub(crate) fn innermost(&self) -> impl Iterator<Item = (BorrowedFd<'_>, &Path)> {
        const IN_MEMORY: [&str; 2] = ["/proc", "/sys/fs/bpf"];
        let paths = || self.plan.marked().map(|(path, _)| path);
        let inner = move |path: &Path| paths().any(|other| other != path && other.starts_with(path));
        let nodes = self.open.iter().map(AsFd::as_fd).zip(paths().map(PathBuf::as_path));
        nodes.filter(move |(_, path)| !inner(path) && !IN_MEMORY.iter().any(|kept| path.starts_with(kept)))
    }

    /// What is mounted inside of them; `except` says what is excepted in a root.
    pub(crate) fn tops(&self, except: impl Fn(u32) -> Vec<Exception>, seed: u64) -> io::Result<Tops> {
        let root = |(path, node): (&PathBuf, &u64)| {
            let id = node::root_of(*node).filter(|id| !is_own(*id))?;
            Some(Root { path: path.clone(), id, except: except(id) })
        };
        Tops::of(self.plan.nodes.iter().filter_map(root).collect(), seed)
    }

    /// Each name that leads towards a root.
    pub(crate) fn edges(&self, seed: u64) -> impl Iterator<Item = (EdgeKey, u64)> {
        self.plan.edges(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(roots: &[&str]) -> Plan {
        Plan::new(&roots.iter().map(PathBuf::from).collect::<Vec<_>>(), 0, &[]).expect("a plan")
    }

    #[test]
    fn every_directory_down_to_a_root_is_a_node() {
        let plan = plan(&["/srv/app", "/srv"]);
        let paths: Vec<_> = plan.nodes.keys().map(|path| path.to_str().expect("text")).collect();
        assert_eq!(paths, ["/", "/srv", "/srv/app"]);
        let roots: Vec<_> = plan.nodes.values().map(|value| node::root_of(*value)).collect();
        assert_eq!(roots, [None, Some(1), Some(0)]);
        // A root may be another's parent as well.
        let parents: Vec<_> = plan.nodes.values().map(|value| value & node::PARENT != 0).collect();
        assert_eq!(parents, [true, true, false]);
    }

    #[test]
    fn edges_lead_from_each_directory_to_the_next() {
        let plan = plan(&["/srv/app"]);
        let edges: Vec<_> = plan.edges(7).collect();
        assert_eq!(edges.len(), 2);
        let (key, value) = edges[1];
        assert_eq!(key.name, NameHash::of(7, b"app"));
        assert_eq!(key.parent, node::index(plan.nodes[Path::new("/srv")]));
        assert_eq!(node::root_of(value), Some(0));
    }

    #[test]
    fn names_lead_on_from_every_node_but_a_leaf() {
        let plan = plan(&["/srv/app", "/srv", "/etc"]);
        let lead_on: BTreeSet<_> = plan.edges(7).map(|(key, _)| key.parent).collect();
        for value in plan.nodes.values() {
            assert_eq!(value & node::LEAF == 0, lead_on.contains(&node::index(*value)));
        }
    }

    #[test]
    fn one_directory_is_one_root() {
        let roots = ["/srv", "/srv"].map(PathBuf::from);
        assert!(
            matches!(Plan::new(&roots, 0, &[]), Err(TreeError::Twice { path }) if path == Path::new("/srv"))
        );
    }

    #[test]
    fn no_tree_goes_with_what_leads_to_jobs_alone() {
        let roots = ["/var/lib", "/var/spool/cron"].map(PathBuf::from);
        let plan = Plan::new(&roots, 1, &[]).expect("a plan");
        let is_of_jobs = |path: &str| plan.nodes[Path::new(path)] & node::JOBS != 0;
        assert_eq!(["/var/spool/cron", "/var/spool"].map(is_of_jobs), [true; 2]);
        assert_eq!(["/var/lib", "/var", "/"].map(is_of_jobs), [false; 3]);
        assert_eq!(node::root_of(plan.nodes[Path::new("/var/spool/cron")]), Some(1));
    }

    #[test]
    fn what_is_burstguards_own_comes_before_a_tree() {
        let roots = ["/etc", "/etc/burstguard"].map(PathBuf::from);
        let own = [Place::Directory("/etc/burstguard".into()), Place::Name("/usr/lib/u/b.service".into())];
        let plan = Plan::new(&roots, 0, &own).expect("a plan");
        let node = |path: &str| plan.nodes[Path::new(path)];
        let ids = ["/etc", "/etc/burstguard", "/usr/lib/u", "/usr/lib/u/b.service"]
            .map(|path| node::root_of(node(path)));
        assert_eq!(ids, [Some(0), Some(ABOVE_OWN + 1), None, Some(ABOVE_OWN + 2)]);
        assert!(plan.nodes.values().all(|node| node & node::OWN != 0), "each leads to something of its own");
        // What is no directory is an edge, and nothing to open.
        assert!(plan.marked().all(|(path, _)| path != Path::new("/usr/lib/u/b.service")));
        assert_eq!(plan.edges(7).count(), plan.nodes.len() - 1);
    }

    #[test]
    fn the_root_of_all_has_no_edge() {
        assert_eq!(plan(&["/"]).edges(0).count(), 0);
    }
}
