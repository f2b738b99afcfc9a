//! What the next daemon must know and neither the kernel programs nor the cgroup tree can tell it: which numbers incidents
//! have had, who was stopped by a signal of ours, and what lets accounts pass.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{
    enforcer::freezer::Stopped,
    incidents::{Engaged, Off},
};

/// A file that is replaced as a whole each time something changes, which is as often as somebody decides.
#[derive(Debug)]
pub(crate) struct Memory {
    file: PathBuf,
    written: Remembered,
    /// Whether there was one to be read.
    was_there: bool,
}

/// What is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// The number of the last incident.
    pub(crate) last: u64,
    /// Nothing is enforced, if so.
    pub(crate) off: Option<Off>,
    /// What keeps the governor engaged, if so.
    pub(crate) governor: Option<Engaged>,
    /// By freeze.
    pub(crate) stopped: BTreeMap<u64, Vec<Stopped>>,
}

impl Memory {
    /// What the daemon before has left. A file that cannot be read is said, and counts as none.
    pub(crate) fn open(directory: &Path) -> Self {
        let file = directory.join("memory.json");
        let read = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Remembered::default()),
            Err(error) => Err(error),
        };
        let was_there = file.exists() && read.is_ok();
        let written = read.unwrap_or_else(|error| {
            log::error!(
                "cannot read {}: {error}; numbers of incidents may come a second time, and what the daemon before has \
                 stopped by signals stays stopped (kill -CONT)",
                file.display()
            );
            Remembered::default()
        });
        Self { file, written, was_there }
    }

    /// Whether it is known what the daemon before had to say.
    pub(crate) fn was_there(&self) -> bool {
        self.was_there
    }

    pub(crate) fn remembered(&self) -> &Remembered {
        &self.written
    }

    /// Writes it down, if it is something else than what is written.
    pub(crate) fn keep(&mut self, now: Remembered) -> Result<()> {
        if now == self.written {
            return Ok(());
        }
        // Also if it fails: it is tried again when there is something new, not for each input.
        self.written.clone_from(&now);
        // Always the same name: what a daemon leaves that is killed meanwhile, the next one replaces or removes.
        let part = self.part();
        fs::write(&part, serde_json::to_vec(&now)?)
            .with_context(|| format!("cannot write {}", part.display()))?;
        fs::rename(&part, &self.file).with_context(|| format!("cannot rename {}", part.display()))
    }

    fn part(&self) -> PathBuf {
        self.file.with_extension("part")
    }

    /// Nothing is left to be known.
    pub(crate) fn forget(&self) {
        for file in [&self.file, &self.part()] {
            let _ = fs::remove_file(file); // fails only if it was never written
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processes::proc::ProcessId;

    #[test]
    fn what_was_kept_is_there_for_the_next() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut memory = Memory::open(directory.path());
        assert_eq!(memory.remembered(), &Remembered::default());
        let stopped = Stopped { process: ProcessId { pid: 7, start: 8 }, stopped_ancestors: 2 };
        let off = Some(Off { until: Some(7) });
        let now = Remembered { last: 3, off, governor: None, stopped: BTreeMap::from([(3, vec![stopped])]) };
        memory.keep(now.clone()).expect("kept");
        assert_eq!(Memory::open(directory.path()).remembered(), &now);
        memory.forget();
        assert_eq!(Memory::open(directory.path()).remembered(), &Remembered::default());
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_none() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("memory.json"), b"{\"last\":").expect("a file");
        assert_eq!(Memory::open(directory.path()).remembered(), &Remembered::default());
    }
}
