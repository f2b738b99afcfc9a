//! Keeps the inodes of the roots where they are when no agent holds a descriptor on them: the kernel programs know them by
//! their addresses, and the kernel may drop an inode that nobody uses and read it again to another place.
//!
//! A mount holds the directory that it shows. So each root is bound to a directory of a small file system of our own, and
//! another one is mounted over all of it: nobody who comes by (`find`, `du`, `rm -r`) gets to the roots by this way. It
//! must not be the roots themselves that are mounted upon: what is a mount point cannot be renamed or removed.

use std::{
    fs, io,
    os::fd::{AsRawFd as _, BorrowedFd},
    path::{Path, PathBuf},
};

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change, mount_remount};
use thiserror::Error;

/// A tree that would be lost from sight with the agent.
#[derive(Debug, Error)]
#[error("cannot hold {path} for the time when no agent runs")]
pub(crate) struct HoldError {
    path: PathBuf,
    source: io::Error,
}

/// Holds the directories behind the descriptors, at a place that exists not yet. Unmounting that place, until nothing is
/// mounted there, lets go of them.
pub(crate) fn hold<'a>(
    at: &Path,
    roots: impl Iterator<Item = (BorrowedFd<'a>, &'a Path)>,
) -> Result<(), HoldError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| HoldError { path, source }
    };
    fs::create_dir(at).map_err(failed(at))?;
    cover(at).map_err(failed(at))?;
    // Nothing that is mounted in here shows up in other mount namespaces.
    private(at).map_err(failed(at))?;
    for (index, (root, path)) in roots.enumerate() {
        bind(root, &at.join(index.to_string())).map_err(failed(path))?;
    }
    let flags = MountFlags::BIND | MountFlags::RDONLY;
    mount_remount(at, flags, "").map_err(|error| failed(at)(error.into()))?;
    cover(at).map_err(failed(at))
}

fn bind(root: BorrowedFd<'_>, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    // Through the descriptor: the path may lead elsewhere by now.
    mount_bind(format!("/proc/self/fd/{}", root.as_raw_fd()), to)?;
    private(to)?;
    Ok(mount_remount(to, MountFlags::BIND | MountFlags::RDONLY, "")?)
}

/// An empty file system that nobody may enter.
fn cover(at: &Path) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(mount("burstguard", at, "tmpfs", flags, c"size=64k,mode=0")?)
}

fn private(at: &Path) -> io::Result<()> {
    Ok(mount_change(at, MountPropagationFlags::PRIVATE)?)
}
