//! A look at one directory: what is in it, compared with what is known of it, and what has changed is kept.

use std::{
    collections::HashMap,
    ffi::{CStr, OsStr},
    hash::{BuildHasher as _, RandomState},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use rustix::fs::{Dir, FileType, Stat, fstatfs};

use super::{
    At,
    seen::{self, Stamp, open_directory},
    shelf::{Keeping, index},
    trees::{Kept, Trees},
};

/// What has changed within this is not kept yet, unless it must be: it may be about to change again.
const SETTLED: i128 = 1_000_000_000;
/// How many names are remembered at once; a directory of more is read more than once.
const REMEMBERED: u64 = 32_768;

/// Kinds of file systems that hold nothing to keep, or that may keep whoever reads them waiting for ever: proc, sysfs, both cgroups,
/// bpf, debugfs, tracefs, securityfs, devpts, configfs, pstore, efivarfs, binfmt_misc, mqueue, autofs, fuse, nfs, smb, cifs, smb2,
/// ceph, 9p, afs, coda.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/magic.h>
const NO_DISKS: [i64; 25] = [
    0x9fa0,
    0x6265_6572,
    0x0027_e0eb,
    0x6367_7270,
    0xcafe_4a11,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0x1cd1,
    0x6265_6570,
    0x6165_676c,
    0xde5e_81e4,
    0x4249_4e4d,
    0x1980_0202,
    0x0187,
    0x6573_5546,
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x00c3_6400,
    0x0102_1997,
    0x5346_414f,
    0x6b41_4653,
    0x7375_7245,
];

/// How a look is meant.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    /// Also what is changing right now.
    pub(super) young: bool,
    /// Every directory in it is looked at too, known or not.
    pub(super) deep: bool,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Looked {
    /// Something is too young to be kept.
    pub(super) young: bool,
    /// Something changed all the time.
    pub(super) changing: u64,
    /// Directories to be looked at.
    pub(super) below: Vec<i64>,
    /// It is there, and could not be watched.
    pub(super) unwatched: bool,
}

/// What is known of a name: a hash of its stamp and whether it leads to a directory; and whether it was found.
struct Known {
    stamp: u64,
    found: bool,
}

/// Looks at directories, within a batch.
pub(super) struct Looker<'l, 's> {
    pub(super) keeping: &'l mut Keeping<'s>,
    pub(super) trees: &'l Trees,
    pub(super) hasher: &'l RandomState,
    /// Arms the watch.
    pub(super) arm: &'l mut dyn FnMut(BorrowedFd<'_>, i64) -> bool,
    /// Called between two batches.
    pub(super) rest: &'l mut dyn FnMut(),
}

/// A directory under way.
struct Here<'h> {
    directory: BorrowedFd<'h>,
    path: &'h Path,
    id: i64,
    tree: &'h Kept,
    wish: Wish,
    now: i128,
}

impl Looker<'_, '_> {
    /// Looks at a directory by its number.
    pub(super) fn look(&mut self, id: i64, wish: Wish) -> Result<Looked> {
        let Some(path) = index::directory(self.keeping.tx(), id)? else { return Ok(Looked::default()) };
        let Some(tree) = self.trees.of(&path) else { return Ok(Looked::default()) };
        if let Some(parent) = path.parent().and_then(|parent| open_directory(parent).ok())
            && let Some(name) = path.file_name()
        {
            // The directory itself: nobody else tells of its mode and attributes.
            self.keeping
                .keep(At { parent: parent.as_fd(), name, path: &path, tree: &tree.name }, tree.limits)?;
        } else if path.parent().is_some() {
            self.keeping.gone(&path, &tree.name)?;
        }
        let Ok(directory) = open_directory(&path) else {
            // A root comes back without anybody telling.
            return Ok(Looked { unwatched: self.trees.root(&path).is_some(), ..Looked::default() });
        };
        if !is_on_disk(directory.as_fd()) {
            return Ok(Looked::default());
        }
        // First, so that whatever happens from now on is told.
        let mut looked = Looked { unwatched: !(self.arm)(directory.as_fd(), id), ..Looked::default() };
        let now = Timestamp::now().as_nanosecond();
        let here = Here { directory: directory.as_fd(), path: &path, id, tree, wish, now };
        let passes = index::count(self.keeping.tx(), id)?.div_ceil(REMEMBERED).max(1);
        for pass in 0..passes {
            self.read(&here, passes, pass, &mut looked)?;
        }
        Ok(looked)
    }

    /// Reads those names whose hash is of this pass.
    fn read(&mut self, here: &Here<'_>, passes: u64, pass: u64, looked: &mut Looked) -> Result<()> {
        let hasher = self.hasher;
        let of_pass = |name: &[u8]| Some(hasher.hash_one(name)).filter(|hash| hash % passes == pass);
        let mut known = HashMap::new();
        let db = self.keeping.tx();
        index::known(db, here.id, &here.tree.name, |name, stamp| {
            if let Some(hash) = of_pass(name) {
                known.insert(hash, Known { stamp: hasher.hash_one(stamp), found: false });
            }
        })?;
        let names =
            Dir::read_from(here.directory).with_context(|| format!("cannot read {}", here.path.display()));
        let Ok(mut names) = names else { return Ok(()) };
        while let Some(Ok(entry)) = names.read() {
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Some(hash) = of_pass(name.to_bytes()) else { continue };
            self.name(here, name, known.get_mut(&hash), looked)?;
            if self.keeping.breathe()? {
                (self.rest)();
            }
        }
        if known.values().any(|known| !known.found) {
            let is_missing = |name: &[u8]| {
                of_pass(name).is_some_and(|hash| known.get(&hash).is_none_or(|known| !known.found))
            };
            self.missing(here, is_missing)?;
        }
        Ok(())
    }

    /// Compares a name with what is known of it.
    fn name(
        &mut self,
        here: &Here<'_>,
        name: &CStr,
        known: Option<&mut Known>,
        looked: &mut Looked,
    ) -> Result<()> {
        let name = OsStr::from_bytes(name.to_bytes());
        let path = here.path.join(name);
        if self.trees.leaves_out(here.tree, &path) {
            return Ok(());
        }
        let Ok(Some(stat)) = seen::stat(here.directory, name.as_bytes()) else { return Ok(()) };
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let is_same = known.is_some_and(|known| {
            known.found = true;
            known.stamp == self.hasher.hash_one(&Stamp::of(&stat).bytes()[..])
        });
        if is_directory && (here.wish.deep || !is_same) {
            // One that has changed may be another one; which costs a look.
            looked.below.push(index::directory_number(self.keeping.tx(), &path)?);
        }
        if is_same {
            return Ok(());
        }
        if !is_directory && !here.wish.young && age(&stat, here.now) < SETTLED {
            looked.young = true;
            return Ok(());
        }
        let at = At { parent: here.directory, name, path: &path, tree: &here.tree.name };
        let kept = self.keeping.keep(at, here.tree.limits)?;
        if kept.number == 0 && is_changing(&kept) {
            looked.changing += 1;
            looked.young = true;
        }
        Ok(())
    }

    /// Of what was known and was not found, nothing is there any more; or it is not of the tree any more.
    fn missing(&mut self, here: &Here<'_>, is_missing: impl Fn(&[u8]) -> bool) -> Result<()> {
        for (_, _, name) in index::there(self.keeping.tx(), here.id)? {
            if !is_missing(&name) {
                continue;
            }
            let path = here.path.join(OsStr::from_bytes(&name));
            if self.trees.leaves_out(here.tree, &path) {
                if self.trees.root(&path).is_none() {
                    self.keeping.let_age(&path)?;
                }
            } else if matches!(seen::stat(here.directory, &name), Ok(None)) {
                self.keeping.gone(&path, &here.tree.name)?;
            }
            self.keeping.breathe()?;
        }
        Ok(())
    }
}

fn is_changing(kept: &super::Version) -> bool {
    matches!(kept.what, super::What::Left { why: super::Why::Changing, .. })
}

/// How long ago something changed, in nanoseconds. What is of the future has always been so.
fn age(stat: &Stat, now: i128) -> i128 {
    let changed = seen::changed_at(stat);
    if changed > now + SETTLED { SETTLED } else { now - changed }
}

fn is_on_disk(directory: BorrowedFd<'_>) -> bool {
    #[expect(clippy::unnecessary_cast, reason = "its type is another one on other architectures")]
    fstatfs(directory).is_ok_and(|found| !NO_DISKS.contains(&(found.f_type as i64)))
}

/// The paths of directories that calls are about to change.
pub(super) fn directories_of(paths: &[PathBuf]) -> impl Iterator<Item = &Path> {
    paths.iter().flat_map(|path| [Some(path.as_path()), path.parent()]).flatten()
}
