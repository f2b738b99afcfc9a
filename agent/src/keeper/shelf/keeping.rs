//! A batch that is put on the shelf: several names, and one sync for all of them.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use rustix::fs::FileType;

use super::{
    super::{
        At, Hash, Meta, Moment, Version, What, Why,
        seen::{Seen, Stamp, changed_at},
    },
    Limits,
    contents::Contents,
    index::{self, Columns, Place, ROW, ROW_OF, Table, signed, unsigned},
};

/// How often a file is read that changes meanwhile.
const TRIES: usize = 3;
/// After so long, or so many bytes, somebody else may write too.
const LONG: Duration = Duration::from_millis(200);
const MUCH: u64 = 64 << 20;
const CANNOT: &str = "cannot write to the keeper's index";

/// What is put on the shelf together. Nothing of it is there until [`Self::commit`].
pub(in super::super) struct Keeping<'s> {
    tx: &'s Connection,
    contents: &'s mut Contents,
    boot: i64,
    /// When it was begun, and what it has read of files since.
    begun: Instant,
    read: u64,
    /// Of the trees that were touched.
    sums: BTreeMap<i64, Sums>,
    /// Contents that no version has any more.
    loose: Vec<Hash>,
}

/// What is kept of a tree, in bytes.
#[derive(Clone, Copy)]
struct Sums {
    all: i64,
    /// Of what nothing has superseded.
    now: i64,
}

impl<'s> Keeping<'s> {
    pub(super) fn begin(tx: &'s Connection, contents: &'s mut Contents) -> Result<Self> {
        tx.execute_batch("BEGIN IMMEDIATE").context(CANNOT)?;
        let begun = Instant::now();
        let mut keeping =
            Self { tx, contents, boot: 0, begun, read: 0, sums: BTreeMap::new(), loose: Vec::new() };
        keeping.boot = index::number(tx, Table::Boot, &Moment::now().boot)?;
        Ok(keeping)
    }

    /// All of it is on the disk.
    pub(in super::super) fn commit(mut self) -> Result<()> {
        self.finish()
    }

    /// What was put on the shelf is on the disk, and somebody else can write before it goes on, if that has not been so for long.
    pub(in super::super) fn breathe(&mut self) -> Result<bool> {
        if self.begun.elapsed() < LONG && self.read < MUCH {
            return Ok(false);
        }
        self.finish()?;
        self.tx.execute_batch("BEGIN IMMEDIATE").context(CANNOT)?;
        (self.begun, self.read) = (Instant::now(), 0);
        Ok(true)
    }

    fn finish(&mut self) -> Result<()> {
        self.contents.sync()?;
        for (tree, sums) in std::mem::take(&mut self.sums) {
            let all = params![tree, sums.all, sums.now];
            self.tx.execute("UPDATE tree SET bytes = ?2, now = ?3 WHERE id = ?1", all).context(CANNOT)?;
        }
        self.tx.execute_batch("COMMIT").context(CANNOT)?;
        self.remove_loose()
    }

    /// Removes contents that no version has any more, unless somebody has begun to keep them again. Whoever is killed before leaves
    /// them to be swept away.
    fn remove_loose(&mut self) -> Result<()> {
        let loose = std::mem::take(&mut self.loose);
        if loose.is_empty() {
            return Ok(());
        }
        self.tx.execute_batch("BEGIN IMMEDIATE").context(CANNOT)?;
        for hash in loose {
            if !is_held(self.tx, &hash)? {
                self.contents.remove(&hash)?;
            }
        }
        self.tx.execute_batch("COMMIT").context(CANNOT)
    }

    pub(in super::super) fn tx(&self) -> &'s Connection {
        self.tx
    }

    pub(super) fn sweep(&mut self, first: u8) -> Result<()> {
        let tx = self.tx;
        self.contents.sweep(first, |hash| is_held(tx, hash))
    }

    /// Keeps what is at a name now.
    pub(in super::super) fn keep(&mut self, at: At<'_>, limits: Limits) -> Result<Version> {
        let mut last = None;
        for _ in 0..TRIES {
            let seen = match Seen::open(at) {
                Ok(Some(seen)) => seen,
                Ok(None) => return self.gone(at.path, at.tree),
                Err(_) => {
                    let what = What::Left { meta: Meta::default(), size: 0, why: Why::Unreadable };
                    return self.put(at, Moment::now(), what, None, limits);
                }
            };
            let taken = Moment::now();
            let what = self.read(&seen, at, limits)?;
            if !seen.has_changed().unwrap_or(true) {
                // What could be kept another time is looked at again whenever its directory is.
                let again = matches!(what, What::Left { why: Why::Full | Why::Unreadable, .. });
                let stamp = (!again && is_settled(&seen, &taken)).then(|| Stamp::of(&seen.stat));
                return self.put(at, taken, what, stamp, limits);
            }
            last = Some((seen, taken));
        }
        // What there was before stays the newest: it is better than nothing.
        let (seen, taken) = last.context("no try at all")?;
        let meta = seen.meta().unwrap_or_else(|(_, meta)| meta);
        Ok(version(at, taken, left(meta, &seen, Why::Changing)))
    }

    fn read(&mut self, seen: &Seen, at: At<'_>, limits: Limits) -> Result<What> {
        let meta = match seen.meta() {
            Ok(meta) => meta,
            Err((why, meta)) => return Ok(left(meta, seen, why)),
        };
        let size = unsigned(seen.stat.st_size);
        match seen.kind {
            FileType::Directory => Ok(What::Directory(meta)),
            FileType::Symlink => Ok(match seen.target() {
                Ok(target) => What::Link { meta, target },
                Err(_) => left(meta, seen, Why::Unreadable),
            }),
            FileType::RegularFile if size > limits.size => Ok(left(meta, seen, Why::TooLarge)),
            FileType::RegularFile => {
                // Not even read, if there is no room for it.
                if !self.has_room(at, signed(size) + ROW, limits)? {
                    return Ok(left(meta, seen, Why::Full));
                }
                let tx = self.tx;
                self.read += signed(size).unsigned_abs();
                Ok(match self.contents.take(seen, |hash| is_held(tx, hash))? {
                    Ok(taken) => What::File { meta, size: taken.size, content: taken.hash },
                    Err(why) => left(meta, seen, why),
                })
            }
            _ => Ok(left(meta, seen, Why::Special)),
        }
    }

    /// Puts it on the shelf, if it is something else than what was there.
    fn put(
        &mut self,
        at: At<'_>,
        taken: Moment,
        what: What,
        stamp: Option<Stamp>,
        limits: Limits,
    ) -> Result<Version> {
        let (directory, name) = index::split(at.path);
        let directory = index::number(self.tx, Table::Directory, &directory)?;
        let tree = index::number(self.tx, Table::Tree, &at.tree)?;
        let current = index::current(self.tx, directory, name)?;
        if let Some((current, before)) = &current
            && current.tree == at.tree
            && current.what.is_same(&what)
        {
            let stamp = stamp.map(|stamp| stamp.bytes());
            if before.as_deref() != stamp.as_ref().map(|stamp| &stamp[..]) {
                let again = "UPDATE version SET stamp = ?2 WHERE number = ?1";
                self.tx.prepare_cached(again)?.execute(params![signed(current.number), stamp])?;
            }
            return Ok(current.clone());
        }
        let columns = Columns::of(&what);
        if !self.has_room(at, columns.row() + columns.content.and(columns.size).unwrap_or(0), limits)? {
            let full = full(&what, at, taken.clone());
            // Names alone could be too many.
            let is_left = matches!(what, What::Left { .. }) || !self.has_room(at, ROW, limits)?;
            return if is_left { Ok(full) } else { self.put(at, taken, full.what, None, limits) };
        }
        if let Some((current, _)) = &current {
            self.supersede(current.number, taken.wall.as_microsecond())?;
            if matches!(current.what, What::Directory(_)) && !matches!(what, What::Directory(_)) {
                self.emptied(at.path, &taken)?;
            }
        }
        self.enter(tree, &columns)?;
        let place = Place { tree, directory, name, boot: self.boot, taken: &taken };
        let number = index::insert(self.tx, &place, &columns, stamp)?;
        self.fit(tree, limits.total)?;
        Ok(Version { number, ..version(at, taken, what) })
    }

    /// Whether so much more of a tree can be kept, once all that is superseded has gone.
    fn has_room(&mut self, at: At<'_>, more: i64, limits: Limits) -> Result<bool> {
        let (directory, name) = index::split(at.path);
        let replaced = "SELECT v.size FROM version v JOIN directory d ON d.id = v.directory
                        WHERE d.path = ?1 AND v.name = ?2 AND v.superseded IS NULL AND v.content IS NOT NULL";
        let replaced: i64 = self
            .tx
            .prepare_cached(replaced)?
            .query_map(params![directory, name], |row| row.get::<_, i64>(0))?
            .sum::<Result<_, _>>()?;
        let tree = index::number(self.tx, Table::Tree, &at.tree)?;
        let sums = self.sums(tree)?;
        Ok(sums.now + more - replaced <= signed(limits.total))
    }

    fn sums(&mut self, tree: i64) -> Result<&mut Sums> {
        use std::collections::btree_map::Entry;
        Ok(match self.sums.entry(tree) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(none) => {
                let mut sums = self.tx.prepare_cached("SELECT bytes, now FROM tree WHERE id = ?1")?;
                none.insert(sums.query_row([tree], |row| Ok(Sums { all: row.get(0)?, now: row.get(1)? }))?)
            }
        })
    }

    fn add(&mut self, tree: i64, all: i64, now: i64) -> Result<()> {
        let sums = self.sums(tree)?;
        sums.all += all;
        sums.now += now;
        Ok(())
    }

    /// Counts a version that is there now, or the end of something.
    fn enter(&mut self, tree: i64, columns: &Columns<'_>) -> Result<()> {
        let is_there = columns.kind != index::kind::GONE;
        self.add(tree, columns.row(), if is_there { columns.row() } else { 0 })?;
        let Some((content, size)) = columns.content.zip(columns.size) else { return Ok(()) };
        let counted = "INSERT INTO held VALUES (?1, ?2, ?3, 1, 1)
            ON CONFLICT (content, tree) DO UPDATE SET versions = versions + 1, newest = newest + 1 RETURNING versions, newest";
        let (versions, newest): (i64, i64) = self
            .tx
            .prepare_cached(counted)?
            .query_row(params![content.0, tree, size], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.add(tree, if versions == 1 { size } else { 0 }, if newest == 1 { size } else { 0 })
    }

    /// Something else has come, or nothing is there any more.
    fn supersede(&mut self, number: u64, wall: i64) -> Result<()> {
        let end = format!(
            "UPDATE version SET superseded = ?2 WHERE number = ?1 AND superseded IS NULL RETURNING tree, content, {ROW_OF}"
        );
        let (tree, content, row): (i64, Option<[u8; 32]>, i64) = self
            .tx
            .prepare_cached(&end)?
            .query_row(params![signed(number), wall], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        self.add(tree, 0, -row)?;
        let Some(content) = content else { return Ok(()) };
        let less =
            "UPDATE held SET newest = newest - 1 WHERE content = ?1 AND tree = ?2 RETURNING newest, size";
        let (newest, size): (i64, i64) = self
            .tx
            .prepare_cached(less)?
            .query_row(params![content, tree], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.add(tree, 0, if newest == 0 { -size } else { 0 })
    }

    /// Throws a superseded version away.
    pub(super) fn forget(&mut self, number: i64) -> Result<()> {
        let gone = format!("DELETE FROM version WHERE number = ?1 RETURNING tree, content, {ROW_OF}");
        let (tree, content, row): (i64, Option<[u8; 32]>, i64) = self
            .tx
            .prepare_cached(&gone)?
            .query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        self.add(tree, -row, 0)?;
        let Some(content) = content else { return Ok(()) };
        let less = "UPDATE held SET versions = versions - 1 WHERE content = ?1 AND tree = ?2 RETURNING versions, size";
        let (versions, size): (i64, i64) = self
            .tx
            .prepare_cached(less)?
            .query_row(params![content, tree], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if versions == 0 {
            self.add(tree, -size, 0)?;
            let none = "DELETE FROM held WHERE content = ?1 AND tree = ?2";
            self.tx.prepare_cached(none)?.execute(params![content, tree])?;
            if !is_held(self.tx, &Hash(content))? {
                self.loose.push(Hash(content));
            }
        }
        Ok(())
    }

    /// Throws away what was superseded first, until a tree is within its total.
    pub(super) fn fit(&mut self, tree: i64, total: u64) -> Result<()> {
        while self.sums(tree)?.all > signed(total) {
            let oldest = "SELECT number FROM version WHERE tree = ?1 AND superseded IS NOT NULL
                          ORDER BY superseded, number LIMIT 64";
            let oldest: Vec<i64> = self
                .tx
                .prepare_cached(oldest)?
                .query_map([tree], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            if oldest.is_empty() {
                return Ok(());
            }
            for number in oldest {
                if self.sums(tree)?.all <= signed(total) {
                    return Ok(());
                }
                self.forget(number)?;
            }
        }
        Ok(())
    }

    /// Nothing is at a name any more, nor below it. Its number is 0 if nothing was there before.
    pub(in super::super) fn gone(&mut self, path: &Path, tree: &str) -> Result<Version> {
        // The time is that of the look, so it is later than whatever has made it go.
        let taken = Moment::now();
        let (directory, name) = index::split(path);
        let directory = index::number(self.tx, Table::Directory, &directory)?;
        let number = match index::current(self.tx, directory, name)? {
            Some((current, _)) => {
                let tree = index::number(self.tx, Table::Tree, &current.tree)?;
                self.ends(signed(current.number), tree, directory, name, &taken)?
            }
            None => 0,
        };
        self.emptied(path, &taken)?;
        Ok(Version { number, tree: tree.to_owned(), path: path.to_owned(), taken, what: What::Gone })
    }

    /// Nothing is below a name any more.
    fn emptied(&mut self, path: &Path, taken: &Moment) -> Result<()> {
        for directory in index::directories(self.tx, path)? {
            for (number, tree, name) in index::there(self.tx, directory)? {
                self.ends(number, tree, directory, &name, taken)?;
            }
        }
        Ok(())
    }

    fn ends(&mut self, number: i64, tree: i64, directory: i64, name: &[u8], taken: &Moment) -> Result<u64> {
        self.supersede(unsigned(number), taken.wall.as_microsecond())?;
        let columns = Columns::of(&What::Gone);
        self.enter(tree, &columns)?;
        let place = Place { tree, directory, name, boot: self.boot, taken };
        Ok(index::insert(self.tx, &place, &columns, None)?)
    }

    /// A name is not to be kept any more, whatever is there: what is kept of it, and below it, ages.
    pub(in super::super) fn let_age(&mut self, path: &Path) -> Result<()> {
        let wall = Moment::now().wall.as_microsecond();
        let (directory, name) = index::split(path);
        let directory = index::number(self.tx, Table::Directory, &directory)?;
        if let Some((current, _)) = index::current(self.tx, directory, name)? {
            self.supersede(current.number, wall)?;
        }
        for directory in index::directories(self.tx, path)? {
            for (number, ..) in index::there(self.tx, directory)? {
                self.supersede(unsigned(number), wall)?;
            }
        }
        Ok(())
    }
}

/// Whether a change that came right after would show in its stamp: the kernel's file times stand still for up to 10 ms.
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/time/timekeeping.c#L2367>
fn is_settled(seen: &Seen, taken: &Moment) -> bool {
    const TICK: i128 = 20_000_000;
    (taken.wall.as_nanosecond() - changed_at(&seen.stat)).abs() > TICK
}

impl Drop for Keeping<'_> {
    fn drop(&mut self) {
        if !self.tx.is_autocommit() {
            let _ = self.tx.execute_batch("ROLLBACK"); // what is not committed is not there, whether that can be said or not
        }
    }
}

/// Whether any version has a content.
pub(super) fn is_held(tx: &Connection, hash: &Hash) -> Result<bool> {
    Ok(tx.prepare_cached("SELECT 1 FROM held WHERE content = ?1")?.exists([hash.0])?)
}

fn left(meta: Meta, seen: &Seen, why: Why) -> What {
    What::Left { meta, size: unsigned(seen.stat.st_size), why }
}

fn full(what: &What, at: At<'_>, taken: Moment) -> Version {
    let size = match what {
        What::File { size, .. } | What::Left { size, .. } => *size,
        _ => 0,
    };
    // Without its attributes: they may be what there is no room for.
    let meta = Meta { xattrs: Vec::new(), ..what.meta().cloned().unwrap_or_default() };
    version(at, taken, What::Left { meta, size, why: Why::Full })
}

fn version(at: At<'_>, taken: Moment, what: What) -> Version {
    Version { number: 0, tree: at.tree.to_owned(), path: at.path.to_owned(), taken, what }
}
