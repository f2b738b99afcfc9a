//! Where calls are measured: directories that two users may use alike, in memory and on a disk.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use rustix::fs::{Mode, OFlags, openat};
use tests::{Account, Ground, wait};

use crate::timed::timed;

/// The file system that something lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Tmpfs,
    Ext4,
}

impl System {
    pub(crate) const ALL: [Self; 2] = [Self::Tmpfs, Self::Ext4];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tmpfs => "tmpfs",
            Self::Ext4 => "ext4",
        }
    }

    /// A directory of this account; an error is why there is none of this kind here.
    pub(crate) fn ground(self, account: &Account) -> Result<Ground> {
        match self {
            Self::Tmpfs => Ground::in_memory(account),
            Self::Ext4 => on_ext4(account),
        }
    }
}

/// In a file that is mounted.
fn on_ext4(account: &Account) -> Result<Ground> {
    let mut ground = Ground::new(account)?;
    let image = ground.base().join("image");
    let home = ground.home();
    File::create(&image).and_then(|file| file.set_len(512 << 20)).context("cannot make an image")?;
    let mut mke2fs = Command::new("/sbin/mke2fs");
    let made = mke2fs.args(["-q", "-F", "-t", "ext4", "-N", "200000"]).arg(&image).status();
    anyhow::ensure!(made.context("cannot run mke2fs")?.success(), "mke2fs cannot make an ext4");
    let image = image.to_str().context("a path of ours")?;
    ground.mount(&["-o", "loop", image], &home)?;
    for directory in [ground.tree(), ground.outside()] {
        ground.make_directory(&directory)?;
    }
    Ok(ground)
}

/// Anybody may use it.
pub(crate) fn open_up(directory: &Path) -> Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777))
        .with_context(|| format!("cannot open up {}", directory.display()))
}

/// Makes directories in each other, and answers the innermost.
pub(crate) fn deep(ground: &Ground, from: &Path, depth: usize) -> Result<PathBuf> {
    let mut directory = from.to_owned();
    for level in 0..depth {
        directory.push(format!("d{level}"));
        ground.make_directory(&directory)?;
    }
    open_up(&directory)?;
    Ok(directory)
}

/// Files of root's, which no account made.
pub(crate) fn fill(directory: &Path, count: usize) -> Result<()> {
    let handle = File::open(directory).with_context(|| format!("cannot open {}", directory.display()))?;
    for number in 0..count {
        let mode = Mode::RUSR | Mode::RGRP | Mode::ROTH;
        openat(&handle, tests::truth::file_name(number), OFlags::CREATE | OFlags::WRONLY, mode)?;
    }
    Ok(())
}

/// Nothing is left in it.
pub(crate) fn empty(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)?.flatten() {
        fs::remove_file(entry.path())
            .or_else(|error| if entry.path().is_dir() { Ok(()) } else { Err(error) })?;
    }
    Ok(())
}

/// Makes files as ourselves, lets the user unlink them, and returns the ns of an undisturbed unlink.
pub(crate) fn unlinks(user: &Account, ground: &Ground, directory: &Path, count: usize) -> Result<f64> {
    wait::go_on()?;
    fill(directory, count)?;
    timed(user, ground, &["time", "unlink"], count, directory, &[])
}
