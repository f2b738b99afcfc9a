//! What is true of the protected trees on disk, and how they are put back.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

/// The trees of the built-in policy that the guest has.
const TREES: [&str; 5] = ["/etc", "/srv", "/boot", "/usr/local/etc", "/var/spool/cron"];
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

/// What there is under the trees.
pub(crate) struct Snapshot(BTreeMap<PathBuf, Node>);

struct Node {
    inode: u64,
    born: Option<std::time::SystemTime>,
    length: u64,
    is_file: bool,
}

impl Snapshot {
    pub(crate) fn take() -> Result<Self> {
        let mut nodes = BTreeMap::new();
        for tree in TREES {
            walk(Path::new(tree), &mut nodes).with_context(|| format!("cannot look at {tree}"))?;
        }
        Ok(Self(nodes))
    }

    /// What of this is lost by `now`.
    pub(crate) fn lost(&self, now: &Self) -> Lost {
        let mut lost = Lost::default();
        for (path, before) in &self.0 {
            match now.0.get(path) {
                None => lost.gone += 1,
                // An inode's number is given again at once; when it was made tells two of them apart.
                Some(now) if now.inode != before.inode || now.born != before.born => lost.replaced += 1,
                Some(now) if before.is_file && now.length < before.length => lost.shrunk += 1,
                Some(_) => {}
            }
        }
        lost
    }
}

fn walk(directory: &Path, nodes: &mut BTreeMap<PathBuf, Node>) -> Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // What goes between the two looks is gone.
        let Ok(metadata) = entry.metadata() else { continue };
        let node = Node {
            inode: metadata.ino(),
            born: metadata.created().ok(),
            length: metadata.len(),
            is_file: metadata.is_file(),
        };
        let path = entry.path();
        if metadata.is_dir() {
            walk(&path, nodes)?;
        }
        nodes.insert(path, node);
    }
    Ok(())
}

/// The trees as they were at first.
pub(crate) struct Ground(());

impl Ground {
    /// Keeps a copy.
    pub(crate) fn keep() -> Result<Self> {
        for tree in Self::kept() {
            fs::create_dir_all(tree).with_context(|| format!("cannot make {tree}"))?;
            let copy = copy(tree);
            fs::create_dir_all(&copy).with_context(|| format!("cannot make {}", copy.display()))?;
            mirror(Path::new(tree), &copy)?;
        }
        Ok(Self(()))
    }

    /// Puts back what differs.
    pub(crate) fn restore(&self) -> Result<()> {
        Self::kept().try_for_each(|tree| mirror(&copy(tree), Path::new(tree)))
    }

    fn kept() -> impl Iterator<Item = &'static str> {
        TREES.into_iter().chain([DATABASE])
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
