//! What is true of the protected trees on disk, and how they are put back.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

/// The trees of the built-in policy that the guest has.
pub(crate) const TREES: [&str; 5] = ["/etc", "/srv", "/boot", "/usr/local/etc", "/var/spool/cron"];
/// What belongs to what is in /etc: which package brought it.
const DATABASE: &str = "/var/lib/dpkg";
/// The policy, which is not a case's.
const OURS: &str = "/etc/burstguard";
const KEPT: &str = "/var/lib/corpus";

/// What went, by what became of the name or the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Lost {
    /// Names that are not there any more.
    pub(crate) gone: usize,
    /// Files that are shorter than they were.
    pub(crate) shrunk: usize,
    /// Names that lead to something else.
    pub(crate) replaced: usize,
}

impl Lost {
    pub(crate) fn all(&self) -> usize {
        self.gone + self.shrunk + self.replaced
    }
}

/// What there is in some directories.
pub(crate) struct Snapshot(BTreeMap<PathBuf, Node>);

/// A name, and what it leads to.
struct Node {
    /// An inode's number is given again at once; when it was made tells two of them apart.
    identity: (u64, Option<SystemTime>),
    is_file: bool,
    length: u64,
    /// What else a copy keeps: mode, owners, times.
    kept: (u32, u32, u32, i64, i64),
}

impl Snapshot {
    /// Of the protected trees.
    pub(crate) fn take() -> Result<Self> {
        Self::of(&TREES)
    }

    fn of(directories: &[&str]) -> Result<Self> {
        let mut nodes = BTreeMap::new();
        for directory in directories {
            walk(Path::new(directory), &mut nodes).with_context(|| format!("cannot look at {directory}"))?;
        }
        Ok(Self(nodes))
    }

    /// What of this is lost by `now`, but for what the policy excepts.
    pub(crate) fn lost(&self, now: &Self, exceptions: &[Exception]) -> Lost {
        let mut lost = Lost::default();
        let protected = |path: &Path| !exceptions.iter().any(|exception| exception.covers(path));
        for (path, before) in self.0.iter().filter(|(path, _)| protected(path)) {
            match now.0.get(path) {
                None => lost.gone += 1,
                Some(now) if now.identity != before.identity => lost.replaced += 1,
                Some(now) if before.is_file && now.length < before.length => lost.shrunk += 1,
                Some(_) => {}
            }
        }
        lost
    }

    /// Whether there is nothing that a copy would show as different.
    fn is_like(&self, other: &Self) -> bool {
        let like = |one: &Node, other: &Node| one.length == other.length && one.kept == other.kept;
        self.0.len() == other.0.len()
            && self.0.iter().all(|(path, node)| other.0.get(path).is_some_and(|other| like(node, other)))
    }
}

fn walk(directory: &Path, nodes: &mut BTreeMap<PathBuf, Node>) -> Result<()> {
    if directory == Path::new(OURS) {
        return Ok(());
    }
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // What goes between the two looks is gone.
        let Ok(about) = entry.metadata() else { continue };
        let node = Node {
            identity: (about.ino(), about.created().ok()),
            is_file: about.is_file(),
            length: about.len(),
            kept: (about.mode(), about.uid(), about.gid(), about.mtime(), about.mtime_nsec()),
        };
        let path = entry.path();
        if about.is_dir() {
            walk(&path, nodes)?;
        }
        nodes.insert(path, node);
    }
    Ok(())
}

/// A name in a tree that is not of it, as the policy writes it.
pub(crate) struct Exception(pub(crate) String);

impl Exception {
    pub(crate) fn covers(&self, path: &Path) -> bool {
        let (directory, name) = self.0.rsplit_once('/').unwrap_or_default();
        let is_named = |found: &str| match name.split_once('*') {
            None => found == name,
            Some((head, tail)) => found.strip_prefix(head).is_some_and(|rest| rest.ends_with(tail)),
        };
        path.ancestors().any(|path| {
            let is_there = directory == "**" || path.parent() == Some(Path::new(directory));
            is_there && path.file_name().and_then(OsStr::to_str).is_some_and(is_named)
        })
    }
}

/// The trees as they were at first.
pub(crate) struct Ground(Vec<(&'static str, Snapshot)>);

impl Ground {
    /// Keeps a copy.
    pub(crate) fn keep() -> Result<Self> {
        let mut kept = Vec::new();
        for tree in TREES.into_iter().chain([DATABASE]) {
            let copy = copy(tree);
            for directory in [Path::new(tree), &copy] {
                fs::create_dir_all(directory)
                    .with_context(|| format!("cannot make {}", directory.display()))?;
            }
            mirror(Path::new(tree), &copy)?;
            kept.push((tree, Snapshot::of(&[tree])?));
        }
        Ok(Self(kept))
    }

    /// Puts back what differs.
    pub(crate) fn restore(&self) -> Result<()> {
        for (tree, before) in &self.0 {
            if !before.is_like(&Snapshot::of(&[tree])?) {
                mirror(&copy(tree), Path::new(tree))?;
            }
        }
        Ok(())
    }
}

fn copy(tree: &str) -> PathBuf {
    Path::new(KEPT).join(tree.trim_start_matches('/'))
}

fn mirror(from: &Path, to: &Path) -> Result<()> {
    let mut rsync = Command::new("rsync");
    rsync.args(["-aHX", "--delete", "--numeric-ids"]);
    if from == Path::new("/etc") || to == Path::new("/etc") {
        rsync.arg(format!("--exclude={}", OURS.trim_start_matches("/etc")));
    }
    let output = rsync.arg(from.join("")).arg(to.join("")).output().context("cannot run rsync")?;
    ensure!(
        output.status.success(),
        "cannot put {} back to {}: {}",
        from.display(),
        to.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_covers_what_is_below_it() {
        let covers = |exception: &str, path| Exception(exception.to_owned()).covers(Path::new(path));
        assert!(covers("/etc/ssl/certs", "/etc/ssl/certs/a.pem") && covers("/etc/*-", "/etc/passwd-"));
        assert!(covers("**/.git", "/srv/a/.git/objects/aa") && covers("**/*.swp", "/srv/.a.swp"));
        assert!(!covers("/etc/*-", "/etc/a/passwd-") && !covers("/etc/ssl/certs", "/etc/ssl/private"));
        assert!(!covers("**/.git", "/srv/a/.gitignore") && !covers("**/*.swp", "/srv/a.swp.1"));
    }

    #[test]
    fn what_is_gone_shorter_or_another_is_lost() {
        let node =
            |inode, length| Node { identity: (inode, None), is_file: true, length, kept: (0, 0, 0, 0, 0) };
        let snapshot = |nodes: [(&str, u64, u64); 4]| {
            let named =
                |(name, inode, length): (&str, _, _)| (Path::new("/etc").join(name), node(inode, length));
            Snapshot(nodes.into_iter().map(named).collect())
        };
        let before = snapshot([("a", 1, 9), ("b", 2, 9), ("c", 3, 9), ("d-", 4, 9)]);
        let now = snapshot([("a", 1, 8), ("b", 5, 9), ("new", 6, 9), ("e", 7, 9)]);
        let lost = before.lost(&now, &[Exception("/etc/*-".to_owned())]);
        assert_eq!(lost, Lost { gone: 1, shrunk: 1, replaced: 1 });
    }
}
