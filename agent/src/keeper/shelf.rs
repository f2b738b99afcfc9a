//! Where versions lie: `keeper/versions.db` in the state directory, an SQLite file, and `keeper/contents`, a file for each content.
//!
//! What is in the index is on the disk: a content is written aside, renamed and synced before a version that has it is committed.
//! Whoever writes to `contents` holds the index's lock for writing, so the daemon and a command never do so at once. A content that the
//! index does not name is none: it is what a writer has left that was killed, written anew if it is wanted and swept away if not.

mod contents;
pub(super) mod index;
mod keeping;
mod names;
pub(super) mod prune;
#[cfg(test)]
mod tests;

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, OpenFlags};

use super::{At, DIRECTORY, Hash, Moment, Version};
use crate::store::make_directory;
use contents::Contents;
pub(super) use keeping::Keeping;

const FILE: &str = "versions.db";
/// The daemon writes for a moment, and then syncs: a command waits for that, and the daemon for a command.
const BUSY: Duration = Duration::from_secs(10);
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000;
                        PRAGMA journal_size_limit = 1048576; PRAGMA cache_size = -512; PRAGMA trusted_schema = OFF;";

/// All versions there are.
pub(crate) struct Shelf {
    db: Connection,
    contents: Contents,
}

/// How much of a tree is kept, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Of one file.
    pub(crate) size: u64,
    /// Of all contents of the tree, each once, with what its versions take in the index.
    pub(crate) total: u64,
}

impl Limits {
    /// As much as any policy can say: what is about to be replaced is kept whatever else is.
    pub(crate) const MOST: Self = Self { size: 64 << 20, total: u64::MAX >> 1 };
}

impl Shelf {
    /// Opens it to read and write; makes it if it is not there.
    pub(crate) fn open(state: &Path) -> Result<Self> {
        let directory = state.join(DIRECTORY);
        for made in [state, &directory] {
            make_directory(made)?;
        }
        let file = directory.join(FILE);
        // Made here, and not by SQLite, so that nobody else may ever read it.
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file)
            .with_context(|| format!("cannot open {}", file.display()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = open(&file, flags)?;
        let opened = db.execute_batch(SETTINGS).and_then(|()| index::make(&mut db));
        opened.with_context(|| format!("cannot open {}", file.display()))?;
        of_this_version(&db, &file)?;
        Ok(Self { db, contents: Contents::open(&directory)? })
    }

    /// Opens it to read alone.
    pub(crate) fn look(state: &Path) -> Result<Self> {
        let directory = state.join(DIRECTORY);
        let file = directory.join(FILE);
        std::fs::metadata(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = open(&file, flags)?;
        of_this_version(&db, &file)?;
        Ok(Self { db, contents: Contents::of(&directory) })
    }

    /// Moves a broken index aside, so that another one begins. Where it is now.
    pub(super) fn move_aside(state: &Path) -> Result<PathBuf> {
        let file = state.join(DIRECTORY).join(FILE);
        let aside = file.with_extension("db.broken");
        for end in ["", "-wal", "-shm"] {
            let [from, to] = [&file, &aside].map(|path| {
                let mut name = path.clone().into_os_string();
                name.push(end);
                name
            });
            match std::fs::rename(&from, &to) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot move {} aside", file.display()));
                }
                _ => {}
            }
        }
        Ok(aside)
    }

    /// The newest version of a name that was taken by then.
    pub(crate) fn as_of(&self, path: &Path, moment: &Moment) -> Result<Option<Version>> {
        index::as_of(&self.db, path, moment).with_context(|| cannot_look(path))
    }

    /// The newest versions of a name and of all below it that were taken by then, without what was gone; each directory before what
    /// lies in it.
    pub(crate) fn below(&self, path: &Path, moment: &Moment) -> Result<Vec<Version>> {
        index::below(&self.db, path, moment).with_context(|| cannot_look(path))
    }

    /// All versions of a name, newest first.
    pub(crate) fn history(&self, path: &Path) -> Result<Vec<Version>> {
        index::history(&self.db, path).with_context(|| cannot_look(path))
    }

    /// The bytes of a file. Whoever copies them verifies that they have this hash.
    pub(crate) fn content(&self, hash: &Hash) -> Result<File> {
        self.contents.read(hash)
    }

    /// Keeps what is at a name now, and returns when that is on the disk. If nothing has changed it is the version that was there; its
    /// number is 0 if it could not be kept, which its [`What`](super::What) then says.
    pub(crate) fn keep(&mut self, at: At<'_>, limits: Limits) -> Result<Version> {
        let mut keeping = self.begin()?;
        let kept = keeping.keep(at, limits)?;
        keeping.commit()?;
        Ok(kept)
    }

    pub(super) fn index(&self) -> &Connection {
        &self.db
    }

    /// Begins to keep several: together they cost one sync. Nobody else can write meanwhile.
    pub(super) fn begin(&mut self) -> Result<Keeping<'_>> {
        Keeping::begin(&self.db, &mut self.contents)
    }
}

/// Whether an error is that of an index which is broken.
pub(super) fn is_broken(error: &anyhow::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<rusqlite::Error>())
        .any(|error| matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)))
}

fn open(file: &Path, flags: OpenFlags) -> Result<Connection> {
    let db = Connection::open_with_flags(file, flags);
    let db = db.and_then(|db| db.busy_timeout(BUSY).map(|()| db));
    db.with_context(|| format!("cannot open {}", file.display()))
}

fn of_this_version(db: &Connection, file: &Path) -> Result<()> {
    let version = index::version(db).with_context(|| format!("cannot read {}", file.display()))?;
    if version != index::VERSION {
        bail!(
            "{} is of version {version}, and this burstguard knows {}: run the burstguard that made it, or move it away and begin anew",
            file.display(),
            index::VERSION
        );
    }
    Ok(())
}

fn cannot_look(path: &Path) -> String {
    format!("cannot look for versions of {}", path.display())
}
