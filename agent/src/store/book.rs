//! The record while it is open: entries are added at its end, read, and removed at its beginning.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, params};

use super::{
    chain::{Hash, Head, Row},
    entry::{Entry, PRUNED, Says, pruned_through},
    fault::Fault,
    file::{self, Opened},
    left::Left,
    prune::{Bounds, Plan},
};
use crate::{
    api::{IncidentDetail, IncidentSummary},
    clock::boot_id,
};

/// The record, open for writing. Only one is at a time: the daemon is locked.
#[derive(Debug)]
pub(super) struct Book {
    db: Connection,
    file: PathBuf,
    /// Device and inode: a file that is removed while it is open takes what is written, and nobody will ever read it.
    is: (u64, u64),
    head: Head,
    boot: Option<String>,
}

const ALL: &str = "seq, at_ns, wall_us, kind, incident, body, hash";
/// The last entry of each incident, which says all that is known of it.
const LAST_OF_EACH: &str = "seq IN (SELECT max(seq) FROM entry WHERE incident IS NOT NULL GROUP BY incident)";

impl Book {
    /// Opens the record in a directory, or begins one.
    pub(super) fn open(directory: &Path, now: Timestamp, at_ns: u64) -> Result<Self, Fault> {
        let Opened { db, file, begun } = file::open(directory, now)?;
        let is = inode(&file)?;
        let head = last(&db).map_err(|error| Fault::sql("read the last entry of", &file, &error))?;
        let mut book = Self { db, file, is, head: head.unwrap_or(Head::NONE), boot: boot_id() };
        let begun = begun.or_else(|| head.is_none().then(|| "it was empty".to_owned()));
        if let Some(why) = begun {
            book.append(&[Entry { at: at_ns, wall: now, says: Says::Begun { why }, carry: None }])?;
        }
        Ok(book)
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// The highest number that an incident has had.
    pub(super) fn last_incident(&self) -> Result<u64, Fault> {
        let last =
            self.db.query_row("SELECT max(incident) FROM entry WHERE incident IS NOT NULL", [], |row| {
                row.get::<_, Option<i64>>(0)
            });
        let last = last.map_err(|error| Fault::sql("read", &self.file, &error))?;
        Ok(last.and_then(|last| last.try_into().ok()).unwrap_or(0))
    }

    /// Adds entries, all or none of them; when it returns they are on the disk.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<Head, Fault> {
        if inode(&self.file)? != self.is {
            return Err(Fault::Other(format!("{} was replaced by another file", self.file.display())));
        }
        let mut head = self.head;
        let mut add = || {
            let transaction = self.db.transaction()?;
            for entry in entries {
                let row = row(entry, self.boot.as_deref())?.behind(head);
                head = row.head();
                insert(&transaction, &row)?;
            }
            transaction.commit()
        };
        add().map_err(|error| Fault::sql("write to", &self.file, &error))?;
        self.head = head;
        Ok(head)
    }

    /// The incidents, as the last entry of each has them, newest first.
    pub(super) fn incidents(&self, limit: usize) -> Result<Vec<IncidentSummary>, Fault> {
        incidents(&self.db, limit).map_err(|error| Fault::sql("read", &self.file, &error))
    }

    /// One of them.
    pub(super) fn incident(&self, id: u64) -> Result<Option<IncidentDetail>, Fault> {
        incident(&self.db, id).map_err(|error| Fault::sql("read", &self.file, &error))
    }

    /// What was not over when it was written down last.
    pub(super) fn left(&self) -> Result<Vec<Left>, Fault> {
        let fault = |error: rusqlite::Error| Fault::sql("read", &self.file, &error);
        let mut all = self
            .db
            .prepare(&format!("SELECT {ALL} FROM entry WHERE {LAST_OF_EACH} ORDER BY incident"))
            .map_err(fault)?;
        let rows = all.query_map([], read).map_err(fault)?;
        let left = rows.filter_map(|row| row.map(|row| Left::of(&row, self.boot.as_deref())).transpose());
        left.collect::<Result<_, _>>().map_err(fault)
    }

    /// In bytes, without what pruning has emptied.
    pub(super) fn size(&self) -> Result<u64, Fault> {
        size(&self.db).map_err(|error| Fault::sql("read", &self.file, &error))
    }

    /// Removes the oldest entries as far as they are past the bounds. An entry says up to which one, and is on the disk before
    /// they go. `by_age` is whether it can be told by the clock what is old.
    pub(super) fn prune(
        &mut self,
        bounds: Bounds,
        now: Timestamp,
        at: u64,
        by_age: bool,
    ) -> Result<(), Fault> {
        let fault = |error: rusqlite::Error| Fault::sql("prune", &self.file, &error);
        let Some(Plan { through, why }) =
            bounds.plan(&self.db, self.head.seq, by_age.then_some(now)).map_err(fault)?
        else {
            return Ok(());
        };
        let (through, entries) = before(&self.db, through).map_err(fault)?;
        self.append(&[Entry { at, wall: now, says: Says::Pruned { through, entries, why }, carry: None }])?;
        let fault = |error: rusqlite::Error| Fault::sql("prune", &self.file, &error);
        self.db.execute("DELETE FROM entry WHERE seq <= ?1", [signed(through.seq)]).map_err(fault)?;
        let mut vacuum = self.db.prepare("PRAGMA incremental_vacuum").map_err(fault)?;
        let mut pages = vacuum.query([]).map_err(fault)?;
        while pages.next().map_err(fault)?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
impl Book {
    pub(super) fn all(&self) -> rusqlite::Result<Vec<Row>> {
        let mut all: Vec<Row> = Vec::new();
        loop {
            let some = rows(&self.db, all.last().map_or(0, |last| last.seq + 1))?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some);
        }
    }

    pub(super) fn checkpoints(&self) -> Vec<Head> {
        checkpoints(&self.db).unwrap_or_default()
    }
}

/// Entries from this number on, in their order, as many as fit memory well.
pub(super) fn rows(db: &Connection, from: u64) -> rusqlite::Result<Vec<Row>> {
    const MANY: i64 = 256;
    let mut some = db.prepare(&format!("SELECT {ALL} FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT ?2"))?;
    some.query_map([signed(from), MANY], read)?.collect()
}

/// What the record itself says of where it was pruned.
pub(super) fn checkpoints(db: &Connection) -> rusqlite::Result<Vec<Head>> {
    let mut all = db.prepare("SELECT body FROM entry WHERE kind = ?1")?;
    let bodies = all.query_map([PRUNED], |row| row.get::<_, Vec<u8>>(0))?;
    Ok(bodies.collect::<Result<Vec<_>, _>>()?.iter().filter_map(|body| pruned_through(body)).collect())
}

/// The newest incidents, each by its last entry; from one to the next is a look into the index, however many there are.
pub(super) fn incidents(db: &Connection, limit: usize) -> rusqlite::Result<Vec<IncidentSummary>> {
    const NEWEST: &str = "WITH RECURSIVE newest (id) AS (
            SELECT max(incident) FROM entry WHERE incident IS NOT NULL
            UNION ALL SELECT (SELECT max(incident) FROM entry WHERE incident < id) FROM newest WHERE id IS NOT NULL
        )
        SELECT (SELECT body FROM entry WHERE incident = id ORDER BY seq DESC LIMIT 1)
        FROM newest WHERE id IS NOT NULL LIMIT ?1";
    let mut all = db.prepare(NEWEST)?;
    let bodies = all.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| row.get::<_, Vec<u8>>(0))?;
    // One that a later version has written, or somebody else, is proven like the others, and not shown.
    let shown = |body: Vec<u8>| serde_json::from_slice(&body).ok();
    Ok(bodies.collect::<Result<Vec<_>, _>>()?.into_iter().filter_map(shown).collect())
}

pub(super) fn incident(db: &Connection, id: u64) -> rusqlite::Result<Option<IncidentDetail>> {
    let sql = "SELECT body FROM entry WHERE incident = ?1 ORDER BY seq DESC LIMIT 1";
    let body = db.query_row(sql, [signed(id)], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(body.and_then(|body| serde_json::from_slice(&body).ok()))
}

pub(super) fn size(db: &Connection) -> rusqlite::Result<u64> {
    let number = |name| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok(u64::try_from(pages * number("page_size")?).unwrap_or(0))
}

/// SQLite's numbers have a sign; none of ours is that large.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn last(db: &Connection) -> rusqlite::Result<Option<Head>> {
    let sql = format!("SELECT {ALL} FROM entry ORDER BY seq DESC LIMIT 1");
    Ok(db.query_row(&sql, [], read).optional()?.map(|row| row.head()))
}

/// The entry of this number as a head, and how many there are up to it.
fn before(db: &Connection, seq: u64) -> rusqlite::Result<(Head, u64)> {
    let sql = "SELECT hash, (SELECT count(*) FROM entry WHERE seq <= ?1) FROM entry WHERE seq = ?1";
    db.query_row(sql, [signed(seq)], |row| {
        Ok((Head { seq, hash: Hash(row.get(0)?) }, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
    })
}

fn row(entry: &Entry, boot: Option<&str>) -> rusqlite::Result<Row> {
    let body = entry.body(boot).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(Row {
        seq: 0,
        at_ns: entry.at,
        wall_us: entry.wall.as_microsecond(),
        kind: entry.kind().to_owned(),
        incident: entry.incident(),
        body,
        hash: Head::NONE.hash,
    })
}

fn insert(db: &Connection, row: &Row) -> rusqlite::Result<()> {
    let Row { seq, at_ns, wall_us, kind, incident, body, hash } = row;
    let mut insert = db.prepare(&format!("INSERT INTO entry ({ALL}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"))?;
    let values = params![signed(*seq), signed(*at_ns), wall_us, kind, incident.map(signed), body, hash.0];
    insert.execute(values).map(drop)
}

fn read(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
    Ok(Row {
        seq: row.get(0).map(unsigned)?,
        at_ns: row.get(1).map(unsigned)?,
        wall_us: row.get(2)?,
        kind: row.get(3)?,
        incident: row.get::<_, Option<i64>>(4)?.map(unsigned),
        body: row.get(5)?,
        hash: Hash(row.get(6)?),
    })
}

fn inode(file: &Path) -> Result<(u64, u64), Fault> {
    let found = fs::metadata(file).map_err(|error| Fault::io("find", file, &error))?;
    Ok((found.dev(), found.ino()))
}
