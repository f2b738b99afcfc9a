//! Where generations outlive the agent: a directory each in the BPF file system.
//!
//! ```text
//! /sys/fs/bpf/burstguard/
//!     mounted/            only if it was us who mounted /sys/fs/bpf
//!     ABI-NUMBER/         one generation
//!         ACCOUNTS …      its maps
//!         link-NNN-…      its attachments, in the order of attaching
//!         trees/          see `trees::hold`
//!         MANIFEST        pinned last: without it the generation is half made
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aya::programs::links::{FdLink, PinnedLink};
use rustix::{
    fs::statfs,
    mount::{MountFlags, UnmountFlags, mount, unmount},
};
use thiserror::Error;

use super::{abi::ABI, manifest::MANIFEST, store::take_back};

const BPFFS: &str = "/sys/fs/bpf";
pub(crate) const HOME: &str = "/sys/fs/bpf/burstguard";
const MOUNTED: &str = "/sys/fs/bpf/burstguard/mounted";
/// Of every attachment's pin.
pub(super) const LINK: &str = "link-";
/// The directory in a generation's where its trees are held.
const TREES: &str = "trees";
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/magic.h#L86>
const BPF_FS_MAGIC: i64 = 0xcafe_4a11;

/// The BPF file system or what is in it is not as it must be.
#[derive(Debug, Error)]
pub(crate) enum PinsError {
    #[error("cannot mount the BPF file system on {BPFFS}; try: mount -t bpf bpf {BPFFS}")]
    Mount(#[source] io::Error),
    #[error("cannot list the generations in {HOME}")]
    List(#[source] io::Error),
    #[error("cannot make {path}")]
    Make { path: PathBuf, source: io::Error },
    #[error("cannot open {path}, which was just pinned")]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot pin {path}, which keeps enforcement up when there is no agent")]
    Pin { path: PathBuf, source: io::Error },
    #[error("cannot remove {path}, which keeps kernel programs attached; remove it by hand")]
    Remove { path: PathBuf, source: io::Error },
}

/// The directory of one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    path: PathBuf,
    abi: u32,
    number: u64,
}

impl Directory {
    /// Every generation there is, oldest first; none if there is no BPF file system.
    pub(crate) fn all() -> Result<Vec<Self>, PinsError> {
        let entries = match fs::read_dir(HOME) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(PinsError::List)?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
        let names = names.map_err(PinsError::List)?;
        let mut all: Vec<_> = names.iter().filter_map(|name| Self::named(name.to_str()?)).collect();
        all.sort_by_key(|directory| directory.number);
        Ok(all)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let (abi, number) = name.split_once('-')?;
        let (abi, number) = (u32::from_str_radix(abi, 16).ok()?, number.parse().ok()?);
        Some(Self { path: Path::new(HOME).join(name), abi, number })
    }

    /// Makes it again, with nothing in it.
    pub(super) fn make_anew(&self) -> Result<(), PinsError> {
        mount_bpffs()?;
        self.remove()?;
        self.make()
    }

    fn make(&self) -> Result<(), PinsError> {
        fs::create_dir_all(&self.path).map_err(|source| PinsError::Make { path: self.path.clone(), source })
    }

    /// Makes the next one.
    pub(crate) fn next() -> Result<Self, PinsError> {
        mount_bpffs()?;
        let number = Self::all()?.last().map_or(1, |last| last.number + 1);
        let directory = Self { path: Path::new(HOME).join(format!("{ABI:08x}-{number}")), abi: ABI, number };
        directory.make()?;
        Ok(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where its trees are held.
    pub(crate) fn trees(&self) -> PathBuf {
        self.path.join(TREES)
    }

    /// Whether its maps are laid out as ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.abi == ABI
    }

    /// Whether it was pinned to the end.
    pub(crate) fn is_complete(&self) -> bool {
        self.path.join(MANIFEST).exists()
    }

    /// Removes the pins of its attachments, last attached first, and hands the attachments over: each ends when it is
    /// dropped, which takes the kernel some 40 ms.
    pub(super) fn take_links(&self) -> Result<Vec<FdLink>, PinsError> {
        let mut links = self.list()?;
        links.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(LINK)));
        links.reverse();
        self.take_back(&links);
        let take = |path: PathBuf| {
            let link = PinnedLink::from_pin(&path).map_err(io::Error::other).and_then(PinnedLink::unpin);
            link.map_err(|source| PinsError::Remove { path, source })
        };
        links.into_iter().map(take).collect()
    }

    /// Removes it, if it is there. What nobody else holds ends: the kernel detaches programs in the background.
    pub(crate) fn remove(&self) -> Result<(), PinsError> {
        if !self.path.exists() {
            return Ok(());
        }
        while unmount(self.trees(), UnmountFlags::DETACH).is_ok() {}
        let all = self.list()?;
        self.take_back(&all);
        for path in all {
            let done = if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) };
            done.map_err(|source| PinsError::Remove { path, source })?;
        }
        fs::remove_dir(&self.path).map_err(|source| PinsError::Remove { path: self.path.clone(), source })
    }

    fn take_back(&self, pins: &[PathBuf]) {
        take_back(self, pins.iter().filter_map(|path| path.file_name()?.to_str()));
    }

    /// What is pinned in it.
    pub(super) fn pins(&self) -> Result<Vec<PathBuf>, PinsError> {
        let mut pins = self.list()?;
        pins.retain(|path| !path.is_dir());
        Ok(pins)
    }

    /// What is in it, by name.
    fn list(&self) -> Result<Vec<PathBuf>, PinsError> {
        let entries = fs::read_dir(&self.path).map_err(PinsError::List)?;
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
        let mut paths = paths.map_err(PinsError::List)?;
        paths.sort();
        Ok(paths)
    }
}

/// Mounts the BPF file system where everybody looks for it, as systemd does, unless it is there. That it was us is
/// remembered in it.
fn mount_bpffs() -> Result<(), PinsError> {
    if statfs(BPFFS).is_ok_and(|found| found.f_type == BPF_FS_MAGIC) {
        return Ok(());
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("bpf", BPFFS, "bpf", flags, c"mode=0700").map_err(|error| PinsError::Mount(error.into()))?;
    fs::create_dir_all(MOUNTED).map_err(|source| PinsError::Make { path: MOUNTED.into(), source })
}

/// Takes away what is left when the last generation has gone. Fails where somebody else keeps something there, which is
/// as it should be.
pub(crate) fn clean_up() {
    if Directory::all().is_ok_and(|all| !all.is_empty()) {
        return;
    }
    let ours = fs::remove_dir(MOUNTED).is_ok();
    let empty = fs::remove_dir(HOME).is_ok();
    if ours && !(empty && unmount(BPFFS, UnmountFlags::empty()).is_ok()) {
        log::warn!("{BPFFS} stays mounted, since somebody uses it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_known_by_its_name() {
        let found = Directory::named("00c0ffee-12").expect("a generation");
        assert_eq!((found.abi, found.number), (0x00c0_ffee, 12));
        assert_eq!(found.path, Path::new("/sys/fs/bpf/burstguard/00c0ffee-12"));
        for name in ["mounted", "trees", "-", "x-1", "1-x", "00c0ffee"] {
            assert_eq!(Directory::named(name), None, "{name}");
        }
    }
}
