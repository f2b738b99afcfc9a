//! What waits to be delivered to one webhook: `webhook/NAME.db` in the state directory, an SQLite file.
//!
//! ```text
//!   waiting (seq INTEGER PRIMARY KEY AUTOINCREMENT,   the order in which it happened
//!            at INTEGER,                              when it did, in ms since 1970
//!            id TEXT,                                 by which the receiver tells what it has seen already
//!            body TEXT)                               what is sent
//! ```
//!
//! A row is written in a transaction that is on the disk before it counts as done, and removed once it is delivered: after a kill or
//! a torn write it is whole or not there, and what was delivered may be delivered once more. Past its bounds the oldest go. A file that
//! cannot be written does not keep anything from being delivered: until it can, events wait in memory, within the same bounds. A file
//! that is broken is removed: it holds nothing that the record and the journal have not.

use std::{collections::VecDeque, fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Row, params};

use super::message::Message;
use crate::store::make_directory;

/// How much may wait, in bytes, whatever the count.
const BYTES: u64 = 64 << 20;
/// The version of what is in the file.
const VERSION: i32 = 1;
const MAKE: &str =
    "CREATE TABLE waiting (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, id TEXT NOT NULL,
                    body TEXT NOT NULL) STRICT; PRAGMA user_version = 1;";
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 256;
                        PRAGMA journal_size_limit = 1048576; PRAGMA cache_size = -256; PRAGMA trusted_schema = OFF;";

/// What waits.
pub(super) struct Queue {
    file: PathBuf,
    db: Option<Connection>,
    /// What is not on the disk; newer than all that is.
    memory: VecDeque<Message>,
    /// What is, as far as it could be read.
    there: Depth,
    degraded: Option<String>,
}

/// Where a message waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Disk(i64),
    Memory,
}

#[derive(Clone, Copy, Default)]
struct Depth {
    count: u64,
    bytes: u64,
    oldest: Option<Timestamp>,
}

impl Queue {
    /// Nothing is opened yet.
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, db: None, memory: VecDeque::new(), there: Depth::default(), degraded: None }
    }

    /// Opens the file, and moves into it what waits in memory.
    pub(super) fn open(&mut self) {
        self.flush();
    }

    /// Adds messages; how many of the oldest had to go for them.
    pub(super) fn append(&mut self, messages: Vec<Message>, most: u32) -> u64 {
        self.memory.extend(messages);
        self.flush();
        self.bound(most.into())
    }

    /// The oldest that waits.
    pub(super) fn next(&mut self) -> Option<(Place, Message)> {
        if self.db.is_none() || !self.memory.is_empty() {
            self.flush();
        }
        let found = self.on_disk(|db| {
            let first = "SELECT seq, at, id, body FROM waiting ORDER BY seq LIMIT 1";
            db.query_row(first, [], |row| Ok((Place::Disk(row.get(0)?), message(row)?))).optional()
        });
        found.flatten().or_else(|| Some((Place::Memory, self.memory.front()?.clone())))
    }

    /// It need not wait any more; it is the oldest, unless that has been dropped meanwhile. False if it cannot be removed: then it is the
    /// next one again.
    pub(super) fn remove(&mut self, place: Place, message: &Message) -> bool {
        // What was in memory may have come to the disk meanwhile, so its id says which it is.
        if self.memory.front().is_some_and(|first| first.id == message.id) {
            self.memory.pop_front();
            return true;
        }
        let gone = self.on_disk(|db| match place {
            // Of a file that was begun anew the number may be another's.
            Place::Disk(seq) => {
                db.execute("DELETE FROM waiting WHERE seq = ?1 AND id = ?2", params![seq, message.id])
            }
            Place::Memory => db.execute("DELETE FROM waiting WHERE id = ?1", [&message.id]),
        });
        let Some(gone) = gone else { return false };
        if gone > 0 {
            self.there.count = self.there.count.saturating_sub(1);
            self.there.bytes = self.there.bytes.saturating_sub(size(message));
            let oldest = "SELECT at FROM waiting ORDER BY seq LIMIT 1";
            let at = self.on_disk(|db| db.query_row(oldest, [], |row| row.get(0)).optional()).flatten();
            self.there.oldest = at.and_then(|at| Timestamp::from_millisecond(at).ok());
        }
        true
    }

    pub(super) fn waiting(&self) -> u64 {
        self.there.count + self.memory.len() as u64
    }

    /// When what has waited longest happened.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.there.oldest.or_else(|| self.memory.front().map(|message| message.at))
    }

    /// Why what waits is not on the disk, if it is not.
    pub(super) fn degraded(&self) -> Option<String> {
        self.degraded.clone()
    }

    /// From memory to the disk.
    fn flush(&mut self) {
        if self.db.is_none() {
            match open(&self.file) {
                Ok(db) => self.db = Some(db),
                Err(why) => return self.degrade(why),
            }
            self.measure();
        }
        let waiting = self.memory.make_contiguous().to_vec();
        let size: u64 = waiting.iter().map(size).sum();
        let written = self.on_disk(|db| {
            let all = db.transaction()?;
            for Message { at, id, body } in &waiting {
                let values = params![at.as_millisecond(), id, body];
                all.execute("INSERT INTO waiting (at, id, body) VALUES (?1, ?2, ?3)", values)?;
            }
            all.commit()
        });
        if written.is_some() {
            self.memory.clear();
            self.there.count += waiting.len() as u64;
            self.there.bytes += size;
            self.there.oldest = self.there.oldest.or_else(|| waiting.first().map(|message| message.at));
            if self.degraded.take().is_some() {
                log::info!("{} is written again", self.file.display());
            }
        }
    }

    /// Drops the oldest past the bounds; how many.
    fn bound(&mut self, most: u64) -> u64 {
        let mut dropped = 0;
        while self.waiting() > most || self.bytes() > BYTES {
            let gone = if self.there.count > 0 {
                let surplus = self.waiting().saturating_sub(most).clamp(1, self.there.count);
                let oldest =
                    "DELETE FROM waiting WHERE seq IN (SELECT seq FROM waiting ORDER BY seq LIMIT ?1)";
                let gone = self.on_disk(|db| db.execute(oldest, [surplus as i64]));
                self.measure();
                match gone {
                    Some(gone) => gone as u64,
                    // From a disk that takes nothing nothing can be removed either.
                    None => u64::from(self.memory.pop_front().is_some()),
                }
            } else {
                u64::from(self.memory.pop_front().is_some())
            };
            if gone == 0 {
                break;
            }
            dropped += gone;
        }
        dropped
    }

    fn bytes(&self) -> u64 {
        self.there.bytes + self.memory.iter().map(size).sum::<u64>()
    }

    fn measure(&mut self) {
        let depth = self.on_disk(|db| {
            let all = "SELECT count(*), ifnull(sum(octet_length(body)), 0), min(at) FROM waiting";
            db.query_row(all, [], |row| {
                let at: Option<i64> = row.get(2)?;
                Ok(Depth {
                    count: row.get::<_, i64>(0)?.unsigned_abs(),
                    bytes: row.get::<_, i64>(1)?.unsigned_abs(),
                    oldest: at.and_then(|at| Timestamp::from_millisecond(at).ok()),
                })
            })
        });
        self.there = depth.unwrap_or_default();
    }

    /// Does something with the file; it is opened anew after a failure.
    fn on_disk<T>(&mut self, what: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Option<T> {
        match what(self.db.as_mut()?) {
            Ok(done) => Some(done),
            Err(error) => {
                // Of a disk that is full what is on it can be read.
                if error.sqlite_error_code() != Some(ErrorCode::DiskFull) {
                    self.db = None;
                    self.there = Depth::default();
                }
                self.degrade(format!("cannot write {}: {error}", self.file.display()));
                None
            }
        }
    }

    fn degrade(&mut self, why: String) {
        if self.degraded.is_none() {
            log::error!("{why}; events for the webhook wait in memory");
        }
        self.degraded = Some(why);
    }
}

fn size(message: &Message) -> u64 {
    message.body.len() as u64
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let at = Timestamp::from_millisecond(row.get(1)?).unwrap_or_default();
    Ok(Message { at, id: row.get(2)?, body: row.get(3)? })
}

/// Opens the file, or makes it; one that is broken is begun anew.
fn open(file: &PathBuf) -> Result<Connection, String> {
    let directories = file.ancestors().skip(1).take(2).collect::<Vec<_>>();
    // The state directory first, since nobody else may read what is in it, whoever makes it.
    for directory in directories.into_iter().rev() {
        make_directory(directory).map_err(|fault| fault.to_string())?;
    }
    let cannot = |error: &rusqlite::Error| format!("cannot open {}: {error}", file.display());
    match open_once(file) {
        Err(Trouble::Broken(why)) => {
            log::error!(
                "{} is removed, and what waited in it is lost for the webhook: {why}",
                file.display()
            );
            for end in ["", "-wal", "-shm"] {
                let mut name = file.clone().into_os_string();
                name.push(end);
                match std::fs::remove_file(&name) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(format!("cannot remove {}: {error}", file.display()));
                    }
                    _ => {}
                }
            }
            open_once(file).map_err(|trouble| match trouble {
                Trouble::Broken(why) => format!("cannot open {}: {why}", file.display()),
                Trouble::Sql(error) => cannot(&error),
            })
        }
        opened => opened.map_err(|trouble| match trouble {
            Trouble::Broken(why) => why,
            Trouble::Sql(error) => cannot(&error),
        }),
    }
}

enum Trouble {
    Broken(String),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Broken(error.to_string()),
            _ => Self::Sql(error),
        }
    }
}

fn open_once(file: &PathBuf) -> Result<Connection, Trouble> {
    // Made here, and not by SQLite, so that nobody else may ever read it; if it cannot be, SQLite says so.
    let _ = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    let version: i32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    db.execute_batch(SETTINGS)?;
    match (version, tables) {
        (0, 0) => db.execute_batch(&format!("BEGIN; {MAKE} COMMIT;"))?,
        (VERSION, _) => {}
        _ => {
            return Err(Trouble::Broken(format!(
                "it is of version {version}, which this burstguard does not know"
            )));
        }
    }
    let whole: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if whole != "ok" {
        return Err(Trouble::Broken(whole));
    }
    Ok(db)
}
