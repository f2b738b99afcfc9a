//! The file and its directory: made, opened, held to be whole, or moved aside.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use rustix::process::geteuid;

use super::{
    fault::Fault,
    schema::{self, LATEST, Made},
};

/// In the state directory.
pub(crate) const FILE: &str = "incidents.db";
/// What SQLite keeps beside it.
const BESIDE: [&str; 2] = ["-wal", "-shm"];
/// How many files that were corrupt are kept.
const KEPT: usize = 2;
/// Who else may have it locked is a backup or a person's `sqlite3`: not for long.
const BUSY: Duration = Duration::from_millis(250);

/// An open file, and why it begins anew if it does.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) db: Connection,
    pub(super) file: PathBuf,
    pub(super) begun: Option<String>,
}

/// Opens the file in a directory for writing; makes both if they are not there. A file that is corrupt is moved aside, and
/// another one begun.
pub(super) fn open(directory: &Path, now: Timestamp) -> Result<Opened, Fault> {
    make_directory(directory)?;
    let file = directory.join(FILE);
    match open_file(&file) {
        Err(Fault::Corrupt(why)) => {
            let aside = move_aside(&file, now)?;
            log::error!("{why}; it is moved to {}, and a new record begins", aside.display());
            let (db, _) = open_file(&file)?;
            let begun = format!("the file before was corrupt and is now {}: {why}", aside.display());
            Ok(Opened { db, file, begun: Some(begun) })
        }
        opened => {
            let (db, new) = opened?;
            Ok(Opened { db, file, begun: new.then(|| "there was none".to_owned()) })
        }
    }
}

/// Opens a file to read what is in it; nothing is changed but what SQLite must write beside it to read at all.
pub(super) fn open_to_read(directory: &Path) -> Result<Connection, Fault> {
    let file = directory.join(FILE);
    fs::metadata(&file).map_err(|error| Fault::io("read", &file, &error))?;
    let fault = |error: rusqlite::Error| Fault::sql("read", &file, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&file, flags).map_err(fault)?;
    db.busy_timeout(BUSY).map_err(fault)?;
    match schema::made(&db) {
        // A copy in a directory that cannot be written to, as evidence is kept: nobody else writes to it.
        Err(_) if !beside(&file, BESIDE[0]).exists() => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            let db = Connection::open_with_flags(uri(&file)?, flags).map_err(fault)?;
            of_this_version(&file, schema::made(&db).map_err(fault)?)?;
            Ok(db)
        }
        made => of_this_version(&file, made.map_err(fault)?).map(|()| db),
    }
}

fn uri(file: &Path) -> Result<String, Fault> {
    let path = file.to_str().ok_or_else(|| Fault::Other(format!("{} is not UTF-8", file.display())))?;
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(format!("file:{path}?immutable=1"))
}

fn of_this_version(file: &Path, made: Made) -> Result<(), Fault> {
    match made {
        Made::Now => Ok(()),
        Made::New => Err(Fault::Absent(format!("nothing was ever written to {}", file.display()))),
        Made::Before(version) => Err(Fault::Other(format!(
            "{} is of version {version}: this burstguard reads {LATEST}, and brings it there when it runs",
            file.display()
        ))),
        Made::Later(version) => Err(later(file, version)),
        Made::Foreign => Err(Fault::Other(format!("{} was not made by burstguard", file.display()))),
    }
}

fn later(file: &Path, version: usize) -> Fault {
    Fault::Other(format!(
        "{} is of version {version}, and this burstguard knows {LATEST}: run the later burstguard that made it, or name another \
         directory (--state)",
        file.display()
    ))
}

/// Whether it was empty.
fn open_file(file: &Path) -> Result<(Connection, bool), Fault> {
    // Made here, and not by SQLite, so that nobody else may ever read it.
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file);
    drop(made.map_err(|error| Fault::io("open", file, &error))?);
    let fault = |error: rusqlite::Error| Fault::sql("open", file, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(file, flags).map_err(fault)?;
    db.busy_timeout(BUSY).map_err(fault)?;
    let made = schema::made(&db).map_err(fault)?;
    // Pages that pruning has emptied go back to the file system; has to be said before there is any page.
    if made == Made::New {
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(fault)?;
    }
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 256;
         PRAGMA journal_size_limit = 1048576; PRAGMA cache_size = -256; PRAGMA trusted_schema = OFF;",
    )
    .map_err(fault)?;
    match made {
        Made::New => {
            schema::migrate(&mut db, 0, LATEST).map_err(fault)?;
            sync_name(file)?;
        }
        Made::Before(version) => {
            whole(&db, file)?;
            schema::migrate(&mut db, version, LATEST).map_err(fault)?;
        }
        Made::Now => whole(&db, file)?,
        Made::Later(version) => return Err(later(file, version)),
        Made::Foreign => {
            return Err(Fault::Corrupt(format!("{} was not made by burstguard", file.display())));
        }
    }
    Ok((db, made == Made::New))
}

/// That there is such a file is on the disk too.
fn sync_name(file: &Path) -> Result<(), Fault> {
    let directory = file.parent().unwrap_or(file);
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| Fault::io("write", directory, &error))
}

/// What SQLite finds wrong with a file.
fn whole(db: &Connection, file: &Path) -> Result<(), Fault> {
    let found: String = db
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| Fault::sql("check", file, &error))?;
    match found.as_str() {
        "ok" => Ok(()),
        wrong => Err(Fault::Corrupt(format!("{} is corrupt: {wrong}", file.display()))),
    }
}

/// One that is there must be nobody else's to write to: what is in it decides where we write.
pub(crate) fn make_directory(directory: &Path) -> Result<(), Fault> {
    let fault = |error: io::Error| Fault::io("make the state directory", directory, &error);
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(fault)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map_err(fault),
    }
    let found = fs::metadata(directory).map_err(fault)?;
    let ours = found.uid() == 0 || found.uid() == geteuid().as_raw();
    if !found.is_dir() || !ours || found.mode() & 0o022 != 0 {
        return Err(Fault::Other(format!(
            "{} is no directory that only its owner, burstguard's user or root, can write to: chmod 700 it, or name another one \
             (--state)",
            directory.display()
        )));
    }
    Ok(())
}

/// Where it is now. Older ones go, so that a disk that corrupts each file is not filled with them.
fn move_aside(file: &Path, now: Timestamp) -> Result<PathBuf, Fault> {
    let aside = beside(file, &format!(".corrupt-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    fs::rename(file, &aside).map_err(|error| Fault::io("move aside", file, &error))?;
    for end in BESIDE {
        let _ = fs::rename(beside(file, end), beside(&aside, end)); // fails if there is none
    }
    let prefix = format!("{FILE}.corrupt-");
    let mut before: Vec<PathBuf> = fs::read_dir(file.parent().unwrap_or(file))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| {
                name.starts_with(&prefix) && !BESIDE.iter().any(|end| name.ends_with(end))
            })
        })
        .collect();
    before.sort();
    let surplus = before.len().saturating_sub(KEPT);
    for old in before.iter().take(surplus) {
        for path in [old.clone(), beside(old, BESIDE[0]), beside(old, BESIDE[1])] {
            let _ = fs::remove_file(path); // fails if there is none, and then nothing is to be done
        }
    }
    Ok(aside)
}

/// A path with more at its end.
fn beside(file: &Path, end: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(end);
    path.into()
}
