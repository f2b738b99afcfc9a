//! File systems of our own, and mounts that nobody else sees.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::account::tool;

/// A mounted tmpfs, which is taken away again.
pub struct Tmpfs {
    at: PathBuf,
}

impl Tmpfs {
    /// Mounts one on a directory: an empty one of ours, or one that only we see.
    pub fn mount(at: &Path) -> Result<Self> {
        Self::with(at, c"size=1g,nr_inodes=1m,mode=0755")
    }

    /// The same, of a certain size and mode.
    pub fn with(at: &Path, options: &CStr) -> Result<Self> {
        mount("tmpfs", at, "tmpfs", MountFlags::empty(), options)
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

/// Terminals of their own, which are taken away again.
pub struct Devpts(Mounted);

impl Devpts {
    /// Mounts them on a directory.
    pub fn mount(at: &Path) -> Result<Self> {
        Ok(Self(Mounted::with(&["-t", "devpts", "-o", "ptmxmode=0666", "devpts"], at)?))
    }

    /// Where.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.at
    }
}

/// What is mounted on a directory, by us or by an account, and taken away again.
pub(crate) struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// By `mount`, with these arguments before the directory.
    pub(crate) fn with(arguments: &[&str], at: &Path) -> Result<Self> {
        tool(Command::new("mount").args(arguments).arg(at))?;
        Ok(Self::by_whoever(at))
    }

    /// If there is something mounted then at all.
    pub(crate) fn by_whoever(at: &Path) -> Self {
        Self { at: at.to_owned() }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount(&self.at, UnmountFlags::DETACH); // mostly, that nothing is mounted there
    }
}

/// The BPF file system as this thread and what it starts see it: another one than the host's, which goes with them. It may
/// be unmounted.
pub struct BpfFs;

impl BpfFs {
    const AT: &str = "/sys/fs/bpf";

    /// From now on this thread has mounts of its own.
    pub fn of_our_own() -> Result<Self> {
        // SAFETY: it changes what paths mean to this thread alone; the flag does not concern memory or descriptors.
        unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.context("cannot make mounts of our own")?;
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).context("cannot keep our mounts to ourselves")?;
        mount("bpf", Self::AT, "bpf", MountFlags::empty(), c"mode=0700")
            .context("cannot mount a BPF file system")?;
        Ok(Self)
    }

    /// As an administrator does who does not know what is in it. The host's, if there is one, is unmounted too: for us.
    #[expect(clippy::unused_self, reason = "there must be one of our own, or it would be the host's")]
    pub fn unmount(&self) -> Result<()> {
        unmount(Self::AT, UnmountFlags::DETACH).context("cannot unmount the BPF file system")?;
        while unmount(Self::AT, UnmountFlags::DETACH).is_ok() {}
        Ok(())
    }
}
