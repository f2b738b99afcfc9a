//! Directories are reached from the root on, and over no symbolic link: a parent that was exchanged for one leads nowhere.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::fd::OwnedFd,
    path::{Component, Path},
};

use anyhow::{Context as _, Result, bail};
use rustix::io::Errno;

use crate::keeper::open_directory;

/// Where a path lies: its directory, open, and its name in that.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) parent: OwnedFd,
    pub(super) name: OsString,
}

/// Why a directory was not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Astray {
    #[error("there is no directory {0}")]
    Missing(String),
    #[error(
        "{0} is, or is reached by, a symbolic link now, which is not followed: look who made it, and remove it"
    )]
    Link(String),
    #[error("{0} is, or is below, something else than a directory now")]
    NoDirectory(String),
    #[error("cannot open {0}: {1}")]
    Unreadable(String, io::Error),
}

/// Opens a directory from the root on.
pub(super) fn directory(path: &Path) -> Result<OwnedFd, Astray> {
    open_directory(path).map_err(|error| {
        let shown = path.display().to_string();
        match error {
            Errno::NOENT => Astray::Missing(shown),
            Errno::LOOP => Astray::Link(shown),
            // Whether a link or a file is in the way: `NOFOLLOW` alone does not say.
            Errno::NOTDIR if path.is_symlink() => Astray::Link(shown),
            Errno::NOTDIR => Astray::NoDirectory(shown),
            error => Astray::Unreadable(shown, error.into()),
        }
    })
}

impl Place {
    /// Of an absolute path.
    pub(super) fn of(path: &Path) -> Result<Self, Astray> {
        let (parent, name) = split(path).ok_or_else(|| Astray::NoDirectory(path.display().to_string()))?;
        Ok(Self { parent: directory(parent)?, name: name.to_owned() })
    }
}

/// The directory and the name in it; none of `/`, nor of what ends with `..`.
fn split(path: &Path) -> Option<(&Path, &OsStr)> {
    Some((path.parent()?, path.file_name()?))
}

/// A path below another directory, as it was below `/`.
pub(super) fn moved(path: &Path, below: &Path) -> std::path::PathBuf {
    below.join(path.strip_prefix("/").unwrap_or(path))
}

/// An absolute path without `.` and `..`, nothing of which is looked at.
pub(crate) fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    let absolute = std::path::absolute(path).with_context(|| format!("{} is no path", path.display()))?;
    if absolute.components().any(|part| part == Component::ParentDir) {
        bail!("{} goes up by \"..\": want the path as it is written in full", path.display());
    }
    Ok(absolute)
}
