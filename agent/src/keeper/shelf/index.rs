//! The index: which versions there are.
//!
//! ```text
//!   version   what was taken of a name in a directory; `superseded` is when something else came, NULL of what is there now
//!   held      which contents a tree's versions have, how many have each, and how many of those nothing has superseded
//!   tree      `bytes`: what its contents take, each once, and its versions; `now`: the same of what nothing has superseded
//! ```
//!
//! Times on the wall are microseconds since 1970.

use std::{
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, named_params, params};

use super::super::{Hash, Meta, Moment, Version, What, Why, seen::Stamp};

/// Of what is in the file.
pub(super) const VERSION: i32 = 1;
const MAKE: &str = "
    CREATE TABLE boot (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE tree (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
        bytes INTEGER NOT NULL DEFAULT 0, now INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE TABLE directory (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE) STRICT;
    CREATE TABLE version (
        number INTEGER PRIMARY KEY AUTOINCREMENT, tree INTEGER NOT NULL, directory INTEGER NOT NULL, name BLOB NOT NULL,
        boot INTEGER NOT NULL, at INTEGER NOT NULL, wall INTEGER NOT NULL, superseded INTEGER,
        kind INTEGER NOT NULL, stamp BLOB, meta BLOB, size INTEGER, content BLOB, target BLOB, why INTEGER) STRICT;
    CREATE INDEX names ON version (directory, name, number);
    CREATE INDEX newest ON version (directory, name, stamp, kind, tree) WHERE superseded IS NULL;
    CREATE INDEX old ON version (tree, superseded, number) WHERE superseded IS NOT NULL;
    CREATE TABLE held (content BLOB NOT NULL, tree INTEGER NOT NULL, size INTEGER NOT NULL, versions INTEGER NOT NULL,
        newest INTEGER NOT NULL, PRIMARY KEY (content, tree)) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;";
/// A version with all that it names.
const SELECT: &str = "SELECT v.number, t.name, d.path, v.name, b.name, v.at, v.wall, v.kind, v.meta, v.size, v.content, v.target, v.why
    FROM version v JOIN directory d ON d.id = v.directory JOIN tree t ON t.id = v.tree JOIN boot b ON b.id = v.boot";
/// Whether a version was taken by a moment.
const BY_THEN: &str = "(CASE WHEN b.name = :boot THEN v.at <= :at ELSE v.wall <= :wall END)";

/// What is in the column `kind`.
pub(in super::super) mod kind {
    pub(crate) const FILE: i64 = 0;
    pub(crate) const DIRECTORY: i64 = 1;
    pub(crate) const LINK: i64 = 2;
    pub(crate) const GONE: i64 = 3;
    pub(crate) const LEFT: i64 = 4;
}

pub(super) fn version(db: &Connection) -> Result<i32> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Makes the tables in a file that has none.
pub(super) fn make(db: &mut Connection) -> Result<()> {
    // Whoever opens it at the same time waits.
    let all = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let tables: i64 = all.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        all.execute_batch(MAKE)?;
    }
    all.commit()
}

/// The directory that a path lies in and its name there. `/` lies in none.
pub(in super::super) fn split(path: &Path) -> (&[u8], &[u8]) {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => (parent.as_os_str().as_bytes(), name.as_bytes()),
        _ => (b"", b""),
    }
}

/// The way back.
fn join(directory: Vec<u8>, name: &[u8]) -> PathBuf {
    let mut path = directory;
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    whole(path)
}

pub(super) fn as_of(db: &Connection, path: &Path, moment: &Moment) -> Result<Option<Version>> {
    let (directory, name) = split(path);
    let sql = format!(
        "{SELECT} WHERE d.path = :directory AND v.name = :name AND {BY_THEN} ORDER BY v.number DESC LIMIT 1"
    );
    let wall = moment.wall.as_microsecond();
    let values = named_params! {":directory": directory, ":name": name, ":boot": moment.boot, ":at": signed(moment.at), ":wall": wall};
    db.prepare_cached(&sql)?.query_row(values, read).optional()
}

pub(super) fn below(db: &Connection, path: &Path, moment: &Moment) -> Result<Vec<Version>> {
    let gone = |version: &Version| version.what == What::Gone;
    let mut found: Vec<Version> =
        as_of(db, path, moment)?.into_iter().filter(|version| !gone(version)).collect();
    let newest = format!(
        "{SELECT} WHERE v.number IN (SELECT max(v.number) FROM version v JOIN boot b ON b.id = v.boot
            WHERE v.directory = :directory AND v.name != x'' AND {BY_THEN} GROUP BY v.name) ORDER BY v.name"
    );
    let mut newest = db.prepare(&newest)?;
    for directory in directories(db, path)? {
        let wall = moment.wall.as_microsecond();
        let values = named_params! {":directory": directory, ":boot": moment.boot, ":at": signed(moment.at), ":wall": wall};
        for version in newest.query_map(values, read)? {
            found.extend(Some(version?).filter(|version| !gone(version)));
        }
    }
    Ok(found)
}

/// A directory and all below it of which there is anything, each before those in it.
pub(super) fn directories(db: &Connection, path: &Path) -> Result<Vec<i64>> {
    let path = path.as_os_str().as_bytes();
    // All that begins with it and a slash comes before what begins with it and the byte that follows the slash.
    let base = if path == b"/" { &[][..] } else { path };
    let [first, end] = [b'/', b'/' + 1].map(|last| [base, &[last]].concat());
    let mut all = db.prepare_cached(
        "SELECT id FROM directory WHERE path = ?1 OR path >= ?2 AND path < ?3 ORDER BY path",
    )?;
    all.query_map(params![path, first, end], |row| row.get(0))?.collect()
}

pub(super) fn history(db: &Connection, path: &Path) -> Result<Vec<Version>> {
    let (directory, name) = split(path);
    let sql = format!("{SELECT} WHERE d.path = ?1 AND v.name = ?2 ORDER BY v.number DESC");
    db.prepare_cached(&sql)?.query_map(params![directory, name], read)?.collect()
}

/// What is there now, as far as is known, and its stamp.
pub(super) fn current(
    db: &Connection,
    directory: i64,
    name: &[u8],
) -> Result<Option<(Version, Option<Vec<u8>>)>> {
    let sql = format!(
        "SELECT v.*, w.stamp FROM ({SELECT} WHERE v.directory = ?1 AND v.name = ?2 AND v.superseded IS NULL) v
         JOIN version w ON w.number = v.number"
    );
    db.prepare_cached(&sql)?
        .query_row(params![directory, name], |row| Ok((read(row)?, row.get(13)?)))
        .optional()
}

/// All that is in a directory now, as far as is known: number, tree and name.
pub(in super::super) fn there(db: &Connection, directory: i64) -> Result<Vec<(i64, i64, Vec<u8>)>> {
    let mut there = db.prepare_cached(
        "SELECT number, tree, name FROM version WHERE directory = ?1 AND superseded IS NULL",
    )?;
    there.query_map([directory], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}

/// The path of a directory; none if there is nothing of it any more.
pub(in super::super) fn directory(db: &Connection, id: i64) -> Result<Option<PathBuf>> {
    let mut path = db.prepare_cached("SELECT path FROM directory WHERE id = ?1")?;
    let path = path.query_row([id], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(path.map(whole))
}

/// A path as it lies in the table.
fn whole(path: Vec<u8>) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(path))
}

/// Takes off those of which nothing is kept any more. One that is empty stays as long as it is there: by its number is told that there is
/// something in it.
pub(super) fn forget_directories(db: &Connection) -> Result<()> {
    let empty = "SELECT id, path FROM directory WHERE id NOT IN (SELECT directory FROM version)";
    let empty: Vec<(i64, Vec<u8>)> =
        db.prepare(empty)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_>>()?;
    let mut is_there = db.prepare(
        "SELECT 1 FROM version v JOIN directory d ON d.id = v.directory
         WHERE d.path = ?1 AND v.name = ?2 AND v.superseded IS NULL AND v.kind = ?3",
    )?;
    let mut forget = db.prepare("DELETE FROM directory WHERE id = ?1")?;
    for (id, path) in empty {
        let path = whole(path);
        let (directory, name) = split(&path);
        if !is_there.exists(params![directory, name, kind::DIRECTORY])? {
            forget.execute([id])?;
        }
    }
    Ok(())
}

/// Its number; it gets one if it has none.
pub(in super::super) fn directory_number(db: &Connection, path: &Path) -> Result<i64> {
    number(db, Table::Directory, &path.as_os_str().as_bytes())
}

/// Calls `each` with the name and stamp of all of a tree's that is in a directory now, as far as is known.
pub(in super::super) fn known(
    db: &Connection,
    directory: i64,
    tree: &str,
    mut each: impl FnMut(&[u8], &[u8]),
) -> Result<()> {
    let mut known = db.prepare_cached(
        "SELECT name, stamp FROM version INDEXED BY newest
         WHERE directory = ?1 AND superseded IS NULL AND tree = (SELECT id FROM tree WHERE name = ?2)",
    )?;
    let mut rows = known.query(params![directory, tree])?;
    while let Some(row) = rows.next()? {
        let stamp = row.get_ref(1)?.as_blob_or_null()?.unwrap_or_default();
        each(row.get_ref(0)?.as_blob()?, stamp);
    }
    Ok(())
}

/// How many names of a directory are known.
pub(in super::super) fn count(db: &Connection, directory: i64) -> Result<u64> {
    let mut count = db.prepare_cached(
        "SELECT count(*) FROM version INDEXED BY newest WHERE directory = ?1 AND superseded IS NULL",
    )?;
    count.query_row([directory], |row| row.get(0)).map(unsigned)
}

/// What was left is looked at again: another policy may keep it.
pub(in super::super) fn look_at_left_again(db: &Connection) -> Result<()> {
    let again =
        "UPDATE version SET stamp = NULL WHERE superseded IS NULL AND stamp IS NOT NULL AND kind = ?1";
    db.execute(again, [kind::LEFT]).map(drop)
}

/// Every directory of which there is anything.
pub(in super::super) fn all_directories(db: &Connection) -> Result<Vec<i64>> {
    db.prepare_cached("SELECT id FROM directory")?.query_map([], |row| row.get(0))?.collect()
}

/// The names of all trees of which there is anything.
pub(in super::super) fn trees(db: &Connection) -> Result<Vec<String>> {
    db.prepare_cached("SELECT name FROM tree")?.query_map([], |row| row.get(0))?.collect()
}

/// How much there is of everything: names, versions, bytes, and what is left by why.
pub(in super::super) fn sum(db: &Connection) -> Result<(u64, u64, u64, [u64; Why::ALL.len()])> {
    let one = |sql| db.query_row(sql, [], |row| row.get(0)).map(unsigned);
    let names = one("SELECT count(*) FROM version INDEXED BY newest WHERE superseded IS NULL AND kind != 4")?;
    let versions = one("SELECT count(*) FROM version")?;
    let bytes = one("SELECT ifnull(sum(bytes), 0) FROM tree")?;
    let mut left = [0; Why::ALL.len()];
    let mut by_why = db.prepare_cached(
        "SELECT why, count(*) FROM version WHERE superseded IS NULL AND kind = 4 GROUP BY why",
    )?;
    let mut rows = by_why.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(count) = usize::try_from(row.get::<_, i64>(0)?).ok().and_then(|why| left.get_mut(why)) {
            *count = unsigned(row.get(1)?);
        }
    }
    Ok((names, versions, bytes, left))
}

/// The number of a directory, of a tree or of a boot; it gets one if it has none.
pub(super) fn number(db: &Connection, table: Table, name: &dyn rusqlite::ToSql) -> Result<i64> {
    let (select, insert) = match table {
        Table::Directory => {
            ("SELECT id FROM directory WHERE path = ?1", "INSERT INTO directory (path) VALUES (?1)")
        }
        Table::Tree => ("SELECT id FROM tree WHERE name = ?1", "INSERT INTO tree (name) VALUES (?1)"),
        Table::Boot => ("SELECT id FROM boot WHERE name = ?1", "INSERT INTO boot (name) VALUES (?1)"),
    };
    match db.prepare_cached(select)?.query_row([name], |row| row.get(0)).optional()? {
        Some(number) => Ok(number),
        None => db.prepare_cached(insert)?.insert([name]),
    }
}

#[derive(Clone, Copy)]
pub(super) enum Table {
    Directory,
    Tree,
    Boot,
}

/// What a version is, as columns.
pub(super) struct Columns<'w> {
    pub(super) kind: i64,
    pub(super) meta: Option<Vec<u8>>,
    pub(super) size: Option<i64>,
    pub(super) content: Option<&'w Hash>,
    pub(super) target: Option<&'w [u8]>,
    why: Option<i64>,
}

impl<'w> Columns<'w> {
    pub(super) fn of(what: &'w What) -> Self {
        let none = Self { kind: kind::GONE, meta: None, size: None, content: None, target: None, why: None };
        let none = Self { meta: what.meta().map(pack), ..none };
        match what {
            What::File { size, content, .. } => {
                Self { kind: kind::FILE, size: Some(signed(*size)), content: Some(content), ..none }
            }
            What::Directory(_) => Self { kind: kind::DIRECTORY, ..none },
            What::Link { target, .. } => Self { kind: kind::LINK, target: Some(target), ..none },
            What::Gone => none,
            What::Left { size, why, .. } => {
                let why = (0..).zip(Why::ALL).find_map(|(number, one)| (one == *why).then_some(number));
                Self { kind: kind::LEFT, size: Some(signed(*size)), why, ..none }
            }
        }
    }

    /// What it takes of its tree's total, its content apart.
    pub(super) fn row(&self) -> i64 {
        let length = |bytes: Option<usize>| bytes.map_or(0, |length| signed(length as u64));
        ROW + length(self.meta.as_ref().map(Vec::len)) + length(self.target.map(<[u8]>::len))
    }
}

/// What a version takes of a tree's total at least: about what it takes in the index.
pub(super) const ROW: i64 = 512;
/// The same of one that is there.
pub(super) const ROW_OF: &str = "512 + ifnull(length(meta), 0) + ifnull(length(target), 0)";

/// Where a version is put, and when it was taken.
pub(super) struct Place<'p> {
    pub(super) tree: i64,
    pub(super) directory: i64,
    pub(super) name: &'p [u8],
    pub(super) boot: i64,
    pub(super) taken: &'p Moment,
}

/// Adds a version. What is gone is superseded from the start: nothing is there any more.
pub(super) fn insert(
    db: &Connection,
    place: &Place<'_>,
    columns: &Columns<'_>,
    stamp: Option<Stamp>,
) -> Result<u64> {
    let mut insert = db.prepare_cached(
        "INSERT INTO version (tree, directory, name, boot, at, wall, superseded, kind, stamp, meta, size, content, target, why)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let wall = place.taken.wall.as_microsecond();
    let superseded = (columns.kind == kind::GONE).then_some(wall);
    let number = insert.insert(params![
        place.tree,
        place.directory,
        place.name,
        place.boot,
        signed(place.taken.at),
        wall,
        superseded,
        columns.kind,
        stamp.map(|stamp| stamp.bytes()),
        columns.meta,
        columns.size,
        columns.content.map(|hash| hash.0),
        columns.target,
        columns.why,
    ])?;
    Ok(unsigned(number))
}

fn read(row: &Row<'_>) -> Result<Version> {
    let kind: i64 = row.get(7)?;
    let meta = || Ok::<_, rusqlite::Error>(unpack(&row.get::<_, Vec<u8>>(8)?));
    let size = || Ok::<_, rusqlite::Error>(unsigned(row.get(9)?));
    let what = match kind {
        kind::FILE => What::File { meta: meta()?, size: size()?, content: Hash(row.get(10)?) },
        kind::DIRECTORY => What::Directory(meta()?),
        kind::LINK => What::Link { meta: meta()?, target: row.get(11)? },
        kind::GONE => What::Gone,
        _ => {
            let why = usize::try_from(row.get::<_, i64>(12)?).ok().and_then(|why| Why::ALL.get(why).copied());
            What::Left { meta: meta()?, size: size()?, why: why.unwrap_or(Why::Unreadable) }
        }
    };
    let directory: Vec<u8> = row.get(2)?;
    let name: Vec<u8> = row.get(3)?;
    Ok(Version {
        number: unsigned(row.get(0)?),
        tree: row.get(1)?,
        path: join(directory, &name),
        taken: Moment {
            boot: row.get(4)?,
            at: unsigned(row.get(5)?),
            wall: Timestamp::from_microsecond(row.get(6)?).unwrap_or_default(),
        },
        what,
    })
}

/// As it lies in the index: numbers in little-endian order, and the lengths of attributes before them.
pub(super) fn pack(meta: &Meta) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(40);
    for number in [meta.mode, meta.uid, meta.gid, meta.mtime.1, meta.atime.1] {
        bytes.extend(number.to_le_bytes());
    }
    for seconds in [meta.mtime.0, meta.atime.0] {
        bytes.extend(seconds.to_le_bytes());
    }
    for part in meta.xattrs.iter().flat_map(|(name, value)| [name, value]) {
        // Both are at most 64 KiB.
        bytes.extend(u32::try_from(part.len()).unwrap_or_default().to_le_bytes());
        bytes.extend(part);
    }
    bytes
}

pub(super) fn unpack(bytes: &[u8]) -> Meta {
    let mut rest = bytes;
    let mut take = |length: usize| {
        let (taken, left) = rest.split_at_checked(length).unwrap_or((&[], &[]));
        rest = left;
        taken
    };
    let [mode, uid, gid, mtime_ns, atime_ns] = [(); 5].map(|()| small(take(4)));
    let [mtime, atime] = [(); 2].map(|()| take(8).try_into().map(i64::from_le_bytes).unwrap_or_default());
    let mut meta =
        Meta { mode, uid, gid, mtime: (mtime, mtime_ns), atime: (atime, atime_ns), xattrs: Vec::new() };
    loop {
        let name = small(take(4)) as usize;
        if name == 0 {
            return meta; // no attribute is without a name
        }
        let name = take(name).to_vec();
        let value = small(take(4)) as usize;
        meta.xattrs.push((name, take(value).to_vec()));
    }
}

fn small(bytes: &[u8]) -> u32 {
    bytes.try_into().map(u32::from_le_bytes).unwrap_or_default()
}

/// SQLite has no unsigned integers; none of ours is so large.
pub(super) fn signed(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    number.unsigned_abs()
}
