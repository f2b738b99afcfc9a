//! The contents: `contents/ab/cdef…`, a file for each, by its SHA-256. Only whoever holds the index's lock for writing is here to
//! write.

use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rustix::fs::{ioctl_ficlone, syncfs};
use sha2::{Digest as _, Sha256};

use super::super::{Hash, Side, Why, copy, seen::Seen};

const DIRECTORY: &str = "contents";
/// What is being written, and is no content yet.
const NEW: &str = "new";
/// So much is read at once. What is not larger, and cannot be shared, is hashed before anything is written.
const BUFFER: usize = 64 << 10;
/// Less takes no room that could be shared: file systems have blocks of this size, or put it beside the name.
const BLOCK: u64 = 4096;
/// With more new contents than this all of the file system is synced, instead of each.
const FEW: usize = 16;

pub(super) struct Contents {
    directory: PathBuf,
    buffer: Vec<u8>,
    /// What may not be on the disk yet.
    unsynced: Vec<PathBuf>,
    /// Devices of which nothing can be cloned here.
    no_clones: HashSet<u64>,
}

/// A content that lies where it belongs.
pub(super) struct Taken {
    pub(super) hash: Hash,
    pub(super) size: u64,
}

/// What was read of a file, or why it could not be.
type Read = Result<Taken, Why>;

impl Contents {
    pub(super) fn of(keeper: &Path) -> Self {
        let directory = keeper.join(DIRECTORY);
        Self { directory, buffer: Vec::new(), unsynced: Vec::new(), no_clones: HashSet::new() }
    }

    pub(super) fn open(keeper: &Path) -> Result<Self> {
        let contents = Self::of(keeper);
        make(&contents.directory)?;
        Ok(contents)
    }

    pub(super) fn read(&self, hash: &Hash) -> Result<File> {
        let path = self.path(hash);
        File::open(&path)
            .with_context(|| format!("the content {hash} is missing: cannot open {}", path.display()))
    }

    /// Puts what a file has here, unless it is `held` already; nothing is on the disk until [`Self::sync`]. The outer error is the
    /// shelf's, the inner one the file's.
    pub(super) fn take(&mut self, seen: &Seen, held: impl Fn(&Hash) -> Result<bool>) -> Result<Read> {
        let Ok(mut file) = seen.read() else { return Ok(Err(Why::Unreadable)) };
        let size = u64::try_from(seen.stat.st_size).unwrap_or_default();
        let is_small = size <= BLOCK || size <= BUFFER as u64 && self.no_clones.contains(&seen.stat.st_dev);
        if is_small {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            let read = (&mut file).take(BUFFER as u64 + 1).read_to_end(&mut buffer);
            let taken = match read {
                Err(_) => Ok(Err(Why::Unreadable)),
                Ok(read) if read as u64 != size => Ok(Err(Why::Changing)),
                Ok(_) => self.put(&buffer, held).map(Ok),
            };
            self.buffer = buffer;
            return taken;
        }
        let new = self.directory.join(NEW);
        let mut aside = Self::begin(&new)?;
        let hash = if self.clone(&file, seen.stat.st_dev, &aside) {
            // What was cloned changes no more, so its hash is that of what was there at one moment.
            hash(&mut aside, io::sink(), size)
        } else {
            hash(&mut file, &mut aside, size)
        };
        match hash {
            Ok((hash, read)) if read == size => {
                if !self.is_there(&hash, size, &held)? {
                    self.place(&new, &hash)?;
                }
                Ok(Ok(Taken { hash, size }))
            }
            Ok(_) => Ok(Err(Why::Changing)),
            Err(Side::Reading(_)) => Ok(Err(Why::Unreadable)),
            Err(Side::Writing(error)) => {
                Err(error).with_context(|| format!("cannot write {}", new.display()))
            }
        }
    }

    /// The same for bytes.
    fn put(&mut self, bytes: &[u8], held: impl Fn(&Hash) -> Result<bool>) -> Result<Taken> {
        let hash = Hash(Sha256::digest(bytes).into());
        let size = bytes.len() as u64;
        if !self.is_there(&hash, size, &held)? {
            let new = self.directory.join(NEW);
            let mut aside = Self::begin(&new)?;
            aside.write_all(bytes).with_context(|| format!("cannot write {}", new.display()))?;
            self.place(&new, &hash)?;
        }
        Ok(Taken { hash, size })
    }

    /// Whether the index has it and it really is there: what a killed writer has left is not.
    fn is_there(&self, hash: &Hash, size: u64, held: impl Fn(&Hash) -> Result<bool>) -> Result<bool> {
        Ok(held(hash)? && fs::symlink_metadata(self.path(hash)).is_ok_and(|found| found.len() == size))
    }

    fn begin(new: &Path) -> Result<File> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true).mode(0o600);
        options.open(new).with_context(|| format!("cannot write {}", new.display()))
    }

    /// Whether the bytes are shared with the file now; nothing is written if not.
    fn clone(&mut self, file: &File, device: u64, aside: &File) -> bool {
        if self.no_clones.contains(&device) {
            return false;
        }
        let is_here = aside.metadata().is_ok_and(|aside| aside.dev() == device);
        let cloned = is_here && ioctl_ficlone(aside, file).is_ok();
        if !cloned {
            self.no_clones.insert(device);
        }
        cloned
    }

    fn place(&mut self, new: &Path, hash: &Hash) -> Result<()> {
        let path = self.path(hash);
        let placed = match fs::rename(new, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(parent(&path))?;
                fs::rename(new, &path)
            }
            placed => placed,
        };
        placed.with_context(|| format!("cannot write {}", path.display()))?;
        self.unsynced.push(path);
        Ok(())
    }

    /// All that was taken is on the disk.
    pub(super) fn sync(&mut self) -> Result<()> {
        let unsynced = std::mem::take(&mut self.unsynced);
        let synced = if unsynced.is_empty() {
            Ok(())
        } else if unsynced.len() > FEW {
            File::open(&self.directory).and_then(|directory| Ok(syncfs(directory)?))
        } else {
            // With the file goes its name on ext4, XFS and btrfs. Elsewhere one may be missing after a power cut: it is written anew.
            unsynced.iter().try_for_each(|path| File::open(path)?.sync_all())
        };
        synced.with_context(|| format!("cannot write {}", self.directory.display()))
    }

    /// No version has it any more.
    pub(super) fn remove(&self, hash: &Hash) -> Result<()> {
        remove(&self.path(hash))
    }

    /// Removes those of a 256th of all that the index does not have.
    pub(super) fn sweep(&self, first: u8, held: impl Fn(&Hash) -> Result<bool>) -> Result<()> {
        let first = format!("{first:02x}");
        let entries = match fs::read_dir(self.directory.join(&first)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.with_context(|| format!("cannot read {}", self.directory.display()))?,
        };
        for entry in entries.filter_map(io::Result::ok) {
            let rest = entry.file_name();
            let hash = rest.to_str().and_then(|rest| format!("{first}{rest}").parse().ok());
            if hash.is_none_or(|hash| !held(&hash).unwrap_or(true)) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    fn path(&self, hash: &Hash) -> PathBuf {
        let digits = hash.to_string();
        let (first, rest) = digits.split_at(2);
        self.directory.join(first).join(rest)
    }
}

/// The hash of what a file has from its beginning on, which is written too, and how much it was; a byte more than `size` at most.
fn hash(from: &mut File, to: impl io::Write, size: u64) -> Result<(Hash, u64), Side> {
    from.rewind().map_err(Side::Reading)?;
    copy(from.take(size + 1), to)
}

fn make(directory: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot make {}", directory.display()))
        }
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
