//! Puts back one path after another, each at once: under a temporary name beside it until it is whole and on the disk.
//!
//! ```text
//!   nothing is there:    new ──rename, if nothing is there──► path
//!   something is there:  new ──► old ══exchanged══ path;  what is now at `old` is kept, then removed
//! ```
//!
//! Killed in between, the path is as it was or as it is to be. What lies at a temporary name is found by the next restore that comes to
//! the directory: at `new` there is nothing that is not on the shelf, at `old` there may be, so that is kept before it goes.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::{
    fs::{
        AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, flock, fsync, mkdirat, openat,
        renameat_with, statat, symlinkat, unlinkat,
    },
    io::Errno,
};

use super::{
    Now, Planned,
    attributes::{self, Object},
    way::{self, Astray, Place},
};
use crate::keeper::{At, DIRECTORY, Hash, Limits, Meta, Moment, Shelf, Side, Version, What, copy};

/// What is not whole yet, and what was replaced and is not known to be kept yet.
const NEW: &str = ".burstguard-new-";
const OLD: &str = ".burstguard-old-";

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// Where they were.
    InPlace,
    /// Below this directory, by their whole paths.
    Below(PathBuf),
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Back,
    Over,
}

/// Whoever puts back.
pub(crate) struct Restorer {
    shelf: Shelf,
    to: Where,
    /// Held as long as this lives: another one would take our temporary names for those of one that was killed.
    _lock: File,
    /// Directories that were looked through for what another one has left.
    swept: BTreeSet<PathBuf>,
    /// What is to be said of that.
    pub(crate) found: Vec<String>,
    /// Directories whose times are set when all is in them.
    directories: Vec<(PathBuf, Meta)>,
    /// Those whose names have to reach the disk.
    unsynced: BTreeSet<PathBuf>,
}

impl Restorer {
    pub(crate) fn new(state: &Path, to: Where) -> Result<Self> {
        let shelf = Shelf::open(state)?;
        let directory = state.join(DIRECTORY);
        let lock = File::open(&directory).with_context(|| format!("cannot open {}", directory.display()))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => bail!("another restore is under way: wait until it has ended"),
            locked => locked.with_context(|| format!("cannot lock {}", directory.display()))?,
        }
        let (swept, found, directories, unsynced) = Default::default();
        Ok(Self { shelf, to, _lock: lock, swept, found, directories, unsynced })
    }

    /// Puts one back.
    pub(crate) fn put(&mut self, planned: &Planned) -> Result<Done> {
        let kept = planned.kept.as_ref().context("nothing was kept of it")?;
        let target = self.target(&planned.path);
        let place = self.place(&planned.path, &target, &planned.moment)?;
        let done = match (&planned.now, &kept.what) {
            (Now::There { what: What::Directory(_), .. }, What::Directory(meta))
                if self.to == Where::InPlace =>
            {
                self.change_directory(&place, planned, kept, meta)?;
                Done::Over
            }
            (Now::There { what, .. }, _) if self.to == Where::InPlace => {
                self.replace(&place, kept, what)?;
                Done::Over
            }
            _ => {
                self.add(&place, kept)?;
                Done::Back
            }
        };
        if let What::Directory(meta) = &kept.what {
            self.directories.push((target.clone(), meta.clone()));
        }
        self.unsynced.extend(target.parent().map(Path::to_owned));
        Ok(done)
    }

    /// What is put back is on the disk, and directories have the times that they had.
    pub(crate) fn finish(&mut self) -> Result<()> {
        for path in std::mem::take(&mut self.unsynced) {
            let synced =
                way::directory(&path).map_err(io::Error::other).and_then(|directory| Ok(fsync(directory)?));
            synced.with_context(|| format!("cannot write {} to the disk", path.display()))?;
        }
        for (path, meta) in self.directories.drain(..).rev() {
            let directory = way::directory(&path)?;
            attributes::set_times(Object::File(directory.as_fd()), &meta)
                .with_context(|| format!("cannot set the times of {}", path.display()))?;
        }
        Ok(())
    }

    fn target(&self, path: &Path) -> PathBuf {
        match &self.to {
            Where::InPlace => path.to_owned(),
            Where::Below(directory) => way::moved(path, directory),
        }
    }

    /// The place of a target, whose directory is made if it is not there.
    fn place(&mut self, path: &Path, target: &Path, moment: &Moment) -> Result<Place> {
        let place = match Place::of(target) {
            Err(Astray::Missing(_)) => {
                let parents = path.parent().zip(target.parent()).context("it lies in no directory")?;
                self.make_directory(parents.0, parents.1, moment)?;
                Place::of(target)?
            }
            place => place?,
        };
        let directory = target.parent().unwrap_or(target);
        if self.swept.insert(directory.to_owned()) {
            self.sweep(&place.parent, directory)?;
        }
        Ok(place)
    }

    /// Makes a directory as it was, which nobody destroyed by itself; below another directory those above the tree too.
    fn make_directory(&mut self, path: &Path, target: &Path, moment: &Moment) -> Result<()> {
        let place = self.place(path, target, moment)?;
        let kept = self.shelf.as_of(path, moment)?;
        let kept = kept.filter(|kept| matches!(kept.what, What::Directory(_)));
        match kept {
            Some(kept) => {
                self.add(&place, &kept)?;
                if let What::Directory(meta) = kept.what {
                    self.directories.push((target.to_owned(), meta));
                }
            }
            None if self.to != Where::InPlace => mkdirat(&place.parent, &place.name, Mode::from(0o755))
                .with_context(|| format!("cannot make {}", target.display()))?,
            None => bail!("its directory {} is gone, and was not kept: make it", path.display()),
        }
        self.unsynced.extend(target.parent().map(Path::to_owned));
        Ok(())
    }

    /// Where nothing is.
    fn add(&self, place: &Place, kept: &Version) -> Result<()> {
        let new = self.make(place, kept)?;
        let moved = renameat_with(&place.parent, &new, &place.parent, &place.name, RenameFlags::NOREPLACE);
        moved.inspect_err(|_| remove(&place.parent, &new)).map_err(|error| match error {
            Errno::EXIST => anyhow::anyhow!("something is there now, which is left alone"),
            error => anyhow::Error::from(error).context("cannot give it its name"),
        })
    }

    /// Where something is, which is kept.
    fn replace(&mut self, place: &Place, kept: &Version, expected: &What) -> Result<()> {
        let parent = &place.parent;
        let new = self.make(place, kept)?;
        let old = temporary(OLD);
        renameat_with(parent, &new, parent, &old, RenameFlags::NOREPLACE)
            .inspect_err(|_| remove(parent, &new))
            .context("cannot rename it")?;
        let exchange = || renameat_with(parent, &old, parent, &place.name, RenameFlags::EXCHANGE);
        exchange().inspect_err(|_| remove(parent, &old)).context("cannot exchange it with what is there")?;
        match self.keep_old(place, &old, kept, expected) {
            Ok(()) => Ok(()),
            Err(why) => {
                // Whatever is at the name now is what we have made, and comes from the shelf.
                exchange().context("cannot exchange it back")?;
                remove(parent, &old);
                Err(why)
            }
        }
    }

    /// What was replaced is kept, and goes.
    fn keep_old(&mut self, place: &Place, old: &OsStr, kept: &Version, expected: &What) -> Result<()> {
        let at = At { parent: place.parent.as_fd(), name: old, path: &kept.path, tree: &kept.tree };
        let was = self.shelf.keep(at, Limits::MOST).context("what is there now cannot be kept, and stays")?;
        if let What::Left { why, .. } = was.what {
            bail!("what is there now cannot be kept, and stays: {}", super::NotKept::from(why).meaning());
        }
        ensure!(was.what.is_same(expected), "it has changed while this ran, and stays: run this again");
        let flags =
            if matches!(was.what, What::Directory(_)) { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        unlinkat(&place.parent, old, flags).context("cannot remove what was there, so it stays")
    }

    /// A directory stays, with what is in it: only what is said of it changes.
    fn change_directory(
        &mut self,
        place: &Place,
        planned: &Planned,
        kept: &Version,
        meta: &Meta,
    ) -> Result<()> {
        let at =
            At { parent: place.parent.as_fd(), name: &place.name, path: &planned.path, tree: &kept.tree };
        let was = self.shelf.keep(at, Limits::MOST).context("what is there now cannot be kept, and stays")?;
        ensure!(!matches!(was.what, What::Left { .. }), "what is there now cannot be kept, and stays");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(&place.parent, &place.name, flags, Mode::empty()).context("cannot open it")?;
        attributes::set(Object::File(directory.as_fd()), meta, self.is_elsewhere())?;
        fsync(&directory).context("cannot write it to the disk")
    }

    /// Makes what was kept under a temporary name, whole and on the disk.
    fn make(&self, place: &Place, kept: &Version) -> Result<OsString> {
        let new = temporary(NEW);
        let made = match &kept.what {
            What::File { meta, size, content } => self.make_file(&place.parent, &new, meta, *size, content),
            What::Directory(meta) => self.make_empty(&place.parent, &new, meta),
            What::Link { meta, target } => self.make_link(&place.parent, &new, meta, target),
            What::Gone | What::Left { .. } => bail!("nothing was kept of it"),
        };
        made.inspect_err(|_| remove(&place.parent, &new)).map(|()| new)
    }

    fn make_file(&self, parent: &OwnedFd, new: &OsStr, meta: &Meta, size: u64, content: &Hash) -> Result<()> {
        let from = self.shelf.content(content)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(
            openat(parent, new, flags, Mode::from(0o600)).context("cannot make a file beside it")?,
        );
        let (hash, copied) = copy(from, &mut file).map_err(|side| match side {
            Side::Reading(error) => anyhow::Error::from(error).context("cannot read what was kept"),
            Side::Writing(error) => anyhow::Error::from(error).context("cannot write it"),
        })?;
        ensure!(
            hash == *content && copied == size,
            "the keeper's content {content} is not what it was, and is not put back: the disk under it may be failing"
        );
        attributes::set(Object::File(file.as_fd()), meta, self.is_elsewhere())?;
        attributes::set_times(Object::File(file.as_fd()), meta)?;
        fsync(&file).context("cannot write it to the disk")
    }

    fn make_empty(&self, parent: &OwnedFd, new: &OsStr, meta: &Meta) -> Result<()> {
        mkdirat(parent, new, Mode::from(0o700)).context("cannot make a directory beside it")?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(parent, new, flags, Mode::empty()).context("cannot open it")?;
        attributes::set(Object::File(directory.as_fd()), meta, self.is_elsewhere())?;
        fsync(&directory).context("cannot write it to the disk")
    }

    fn make_link(&self, parent: &OwnedFd, new: &OsStr, meta: &Meta, target: &[u8]) -> Result<()> {
        symlinkat(OsStr::from_bytes(target), parent, new).context("cannot make a link beside it")?;
        attributes::set(Object::Link(parent.as_fd(), new), meta, self.is_elsewhere())?;
        attributes::set_times(Object::Link(parent.as_fd(), new), meta)?;
        Ok(())
    }

    fn is_elsewhere(&self) -> bool {
        self.to != Where::InPlace
    }

    /// Removes what a restore that was killed has left in a directory.
    fn sweep(&mut self, directory: &OwnedFd, path: &Path) -> Result<()> {
        let names = Dir::read_from(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for entry in names.with_context(|| format!("cannot read {}", path.display()))? {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if starts_with(name, NEW) {
                remove(directory, name);
            } else if starts_with(name, OLD) {
                let at = At { parent: directory.as_fd(), name, path: &path.join(name), tree: "" };
                let kept = self.shelf.keep(at, Limits::MOST)?;
                let is_kept = matches!(kept.what, What::File { .. } | What::Link { .. } | What::Directory(_));
                if is_kept {
                    remove(directory, name);
                }
                let what =
                    if is_kept { "is kept, and removed" } else { "cannot be kept, and stays: look at it" };
                self.found
                    .push(format!("{} was left by a restore that was killed: it {what}", at.path.display()));
            }
        }
        Ok(())
    }
}

fn starts_with(name: &OsStr, prefix: &str) -> bool {
    name.as_bytes().starts_with(prefix.as_bytes())
}

/// One at a time in a directory: only one restore runs.
fn temporary(prefix: &str) -> OsString {
    format!("{prefix}{}", std::process::id()).into()
}

/// Removes what we have made; what cannot be removed is found by the next restore.
fn remove(parent: &OwnedFd, name: &OsStr) {
    let kind = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
    let is_directory = kind.is_ok_and(|found| FileType::from_raw_mode(found.st_mode).is_dir());
    let _ = unlinkat(parent, name, if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() });
}

#[cfg(test)]
mod tests;
