//! File systems that are mounted inside a tree, such as `/boot/efi` in `/boot`.
//!
//! What lies in one is protected because the way up leads from it through its mount point into the tree. Whoever binds it
//! to another place, or moves its mount there, would have another way up. So its top is marked with the place that it has
//! in the tree, as a directory is that an account has moved out of one: whichever mount leads to it, the mark comes first.
//!
//! The top needs no descriptor of ours, which would keep the file system from being unmounted: its mounts hold it, and with
//! its inode the kernel programs forget the mark.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use agent_common::wire::{record::TEXT_LEN, row::Moved};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{CWD, Mode, OFlags, openat},
};

use crate::{policy::Exception, processes::mountinfo};

const MOUNTS: &str = "/proc/self/mountinfo";

/// A root as it is asked about.
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    pub(crate) id: u32,
    /// What is mounted there is not of the tree either.
    pub(crate) except: Vec<Exception>,
}

/// The tops of what is mounted inside the trees, as far as they are known.
pub(crate) struct Tops {
    roots: Vec<Root>,
    seed: u64,
    /// The kernel says by it when something was mounted or unmounted.
    mounts: File,
    /// Those that were given out, by their numbers and places.
    known: BTreeSet<(u64, PathBuf)>,
}

impl Tops {
    /// Of these roots; names are hashed with the seed.
    pub(super) fn of(roots: Vec<Root>, seed: u64) -> io::Result<Self> {
        Ok(Self { roots, seed, mounts: File::open(MOUNTS)?, known: BTreeSet::new() })
    }

    /// Whether something was mounted or unmounted since this was asked last.
    pub(crate) fn may_have_changed(&self) -> bool {
        let mut mounts = [PollFd::new(&self.mounts, PollFlags::PRI)];
        // An error is the kernel's way to say so, too (https://github.com/torvalds/linux/blob/v6.12/fs/proc_namespace.c#L21).
        poll(&mut mounts, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }

    /// The tops that have come since this was asked last, and the place of each. One that cannot be opened has gone again.
    pub(crate) fn come(&mut self) -> io::Result<Vec<(File, Moved)>> {
        let text = fs::read_to_string(MOUNTS)?;
        let now: BTreeSet<_> = mountinfo::parse(&text)
            .filter(|mount| self.place(&mount.point).is_some())
            .map(|mount| (mount.id, mount.point))
            .collect();
        let new = now.difference(&self.known);
        let come = new.filter_map(|(_, point)| Some((open(point)?, self.place(point)?))).collect();
        self.known = now;
        Ok(come)
    }

    /// The place of what is mounted there, if that is inside a tree.
    fn place(&self, point: &Path) -> Option<Moved> {
        if self.roots.iter().any(|root| root.path == point) {
            return None;
        }
        let below = |root: &'_ Root| {
            let below = point.strip_prefix(&root.path).ok().filter(|below| !below.as_os_str().is_empty())?;
            Some((below.to_owned(), root.id))
        };
        // The innermost root is the one with the shortest way to it.
        let found = self.roots.iter().filter_map(below);
        let (below, root) = found.min_by_key(|(below, _)| below.as_os_str().len())?;
        if self.is_excepted(root, point) {
            return None;
        }
        let mut text = [0; TEXT_LEN];
        let bytes = below.as_os_str().as_bytes();
        let length = bytes.len().min(TEXT_LEN);
        text[..length].copy_from_slice(&bytes[..length]);
        Some(Moved { key: super::key(&below, self.seed), root, text_len: length as u32, text })
    }

    fn is_excepted(&self, id: u32, point: &Path) -> bool {
        let mut roots = self.roots.iter().filter(|root| root.id == id);
        roots.any(|root| root.except.iter().any(|one| one.covers(&root.path, point)))
    }
}

/// A directory; a file that something is mounted upon has a name elsewhere that is not protected.
fn open(point: &Path) -> Option<File> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::DIRECTORY;
    openat(CWD, point, flags, Mode::empty()).map(File::from).ok()
}

#[cfg(test)]
mod tests {
    use agent_common::rules::place::PathFold;

    use super::*;

    #[test]
    fn the_innermost_root_says_where_it_lies() {
        let root = |path: &str, id, except: &[&str]| {
            let except = except.iter().filter_map(|text| text.parse().ok()).collect();
            Root { path: path.into(), id, except }
        };
        let roots = [root("/srv", 1, &["/srv/cache"]), root("/srv/app", 2, &[]), root("/boot", 3, &[])];
        let tops = Tops::of(roots.into(), 7).expect("mounts");
        let place = |point: &str| tops.place(Path::new(point));
        let expected = PathFold::of(7, [&b"data"[..], b"x"]).key();
        let found = place("/srv/app/data/x").expect("a place");
        assert_eq!((found.key, found.root), (expected, 2));
        assert_eq!(&found.text[..found.text_len as usize], b"data/x");
        assert_eq!(place("/srv/data").map(|place| place.root), Some(1));
        assert_eq!(place("/boot/efi").map(|place| place.root), Some(3));
        // A root itself is known anyway, and what lies elsewhere or is excepted is not protected.
        for point in ["/srv", "/srv/app", "/", "/srvx", "/home", "/srv/cache", "/srv/cache/x"] {
            assert_eq!(place(point), None, "{point}");
        }
    }
}
