//! The agent's own directory, which is also its claim to be the only agent.

use std::{
    fs::{self, File},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use tempfile::TempDir;
use thiserror::Error;

use super::memory::Memory;

/// There is a daemon already.
#[derive(Debug, Error)]
#[error("another agent is running: {} is locked; stop that one first", directory.display())]
pub(crate) struct AnotherAgent {
    directory: &'static Path,
}

/// The agent's own directory, locked: two agents would each stop what the other lets go. The lock ends with the process,
/// however it ends; the directory is removed if nobody else keeps something in it.
pub(crate) struct RuntimeDir {
    _locked: File,
}

impl RuntimeDir {
    pub(super) const PATH: &str = "/run/burstguard";
    /// What an agent that was killed leaves behind.
    const LEFTOVER: &str = "self-test-";

    /// Claims it, and clears up what a killed agent has left in it.
    pub(crate) fn lock() -> Result<Self> {
        let path = Path::new(Self::PATH);
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let open = || File::open(path).with_context(|| format!("cannot open {}", path.display()));
        let locked = open()?;
        match flock(&locked, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(AnotherAgent { directory: path }.into());
            }
            Err(error) => return Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
        // An agent that ended between the two steps has removed the directory, and the lock is on nothing.
        let same = open().and_then(|now| Ok(now.metadata()?.ino() == locked.metadata()?.ino()));
        ensure!(same.unwrap_or(false), "another agent was just ending: start again");
        Self::clean_up(path);
        Ok(Self { _locked: locked })
    }

    fn clean_up(path: &Path) {
        for entry in fs::read_dir(path).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_name().as_bytes().starts_with(Self::LEFTOVER.as_bytes())
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                log::warn!("cannot remove {}, left by an earlier agent: {error}", entry.path().display());
            }
        }
    }

    /// What the daemon before has left to this one.
    pub(crate) fn memory() -> Memory {
        Memory::open(Path::new(Self::PATH))
    }

    /// Makes a directory for the self-test.
    pub(crate) fn self_test_tree() -> Result<TempDir> {
        tempfile::Builder::new()
            .prefix(Self::LEFTOVER)
            .tempdir_in(Self::PATH)
            .with_context(|| format!("cannot make a directory for the self-test in {}", Self::PATH))
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir(Self::PATH); // fails if something is in it, which then belongs to somebody
    }
}
