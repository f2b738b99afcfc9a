//! A file system in memory, of our own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A mounted tmpfs, which is taken away again.
pub struct Tmpfs {
    at: PathBuf,
}

impl Tmpfs {
    /// Mounts one on an empty directory of ours.
    pub fn mount(at: &Path) -> Result<Self> {
        mount("tmpfs", at, "tmpfs", MountFlags::empty(), c"size=1g,nr_inodes=1m,mode=0755")
            .with_context(|| format!("cannot mount a tmpfs on {}", at.display()))?;
        Ok(Self { at: at.to_owned() })
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Detached, because a process of ours that is just ending may still be in there.
        // An account may have done it before us.
        if let Err(error) = unmount(&self.at, UnmountFlags::DETACH)
            && error != Errno::INVAL
        {
            eprintln!("the tmpfs on {} is left behind: {error}", self.at.display());
        }
    }
}
