//! A control group of our own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{proc, wait};

/// A group at the top of the cgroup v2 tree, which did not exist before and does not after, nor do its processes.
pub struct Cgroup {
    root: PathBuf,
    path: PathBuf,
}

impl Cgroup {
    /// Makes a group of this name; a number that no other process of ours has comes before it.
    pub fn new(name: &str) -> Result<Self> {
        let root = mount_point()?;
        let path = root.join(format!("bgtest-{}-{name}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { root, path })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(OsStr::to_str).unwrap_or_default()
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves a process into it.
    pub fn take(&self, pid: u32) -> Result<()> {
        let file = self.path.join("cgroup.procs");
        fs::write(&file, pid.to_string()).with_context(|| format!("cannot write {pid} to {}", file.display()))
    }

    /// Whether a process is in it, and not in a group below.
    #[must_use]
    pub fn has(&self, pid: u32) -> bool {
        let group = self.path.strip_prefix(&self.root).map(|path| Path::new("/").join(path));
        group.is_ok_and(|group| of(pid).as_deref() == Some(&group))
    }

    /// The names of the groups in it.
    #[must_use]
    pub fn below(&self) -> Vec<String> {
        below(&self.path).iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for group in below(&self.path) {
            let _ = fs::write(group.join("cgroup.freeze"), "0"); // a frozen one ends all the same
        }
        let _ = fs::write(self.path.join("cgroup.kill"), "1"); // seen below if it does not
        let gone = wait::settle(|| {
            below(&self.path).iter().for_each(|group| drop(fs::remove_dir(group)));
            let _ = fs::remove_dir(&self.path);
            !self.path.exists()
        });
        if !gone {
            eprintln!("the control group {} is left behind", self.path.display());
        }
    }
}

/// The group that a process is in, as a path below the root of the tree.
#[must_use]
pub fn of(pid: u32) -> Option<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("0::")).map(PathBuf::from)
}

/// Whether the kernel says that nothing in the group of a process runs.
#[must_use]
pub fn is_frozen(pid: u32) -> bool {
    let events = || {
        let group = mount_point().ok()?.join(of(pid)?.strip_prefix("/").ok()?);
        fs::read_to_string(group.join("cgroup.events")).ok()
    };
    proc::Process::look(pid).is_some() && events().is_some_and(|events| events.contains("frozen 1"))
}

fn below(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// Where the cgroup v2 tree is.
pub(crate) fn mount_point() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read the mounts")?;
    let point = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(point))
    };
    // The last one covers those before.
    mounts.lines().rev().find_map(point).context("there is no cgroup v2 tree")
}
