//! What a command that restores asks of the shelf: which names there are or were, and what came behind a moment.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rusqlite::params;

use super::{
    super::{Moment, Version},
    Shelf, index,
};

impl Shelf {
    /// A path and all that was ever kept below it, whatever has become of it.
    pub(crate) fn names(&self, path: &Path) -> Result<Vec<PathBuf>> {
        self.all_names(path).with_context(|| super::cannot_look(path))
    }

    fn all_names(&self, path: &Path) -> rusqlite::Result<Vec<PathBuf>> {
        let db = self.index();
        let (directory, name) = index::split(path);
        let itself = "SELECT 1 FROM version v JOIN directory d ON d.id = v.directory WHERE d.path = ?1 AND v.name = ?2";
        let is_kept = db.prepare_cached(itself)?.exists(params![directory, name])?;
        let mut found: Vec<PathBuf> = is_kept.then(|| path.to_owned()).into_iter().collect();
        let mut below = db.prepare_cached(
            "SELECT DISTINCT d.path, v.name FROM version v JOIN directory d ON d.id = v.directory
             WHERE v.directory = ?1 AND v.name != x''",
        )?;
        let text = |bytes: Vec<u8>| PathBuf::from(OsString::from_vec(bytes));
        for directory in index::directories(db, path)? {
            let names = below.query_map([directory], |row| Ok(text(row.get(0)?).join(text(row.get(1)?))))?;
            for name in names {
                found.push(name?);
            }
        }
        Ok(found)
    }

    /// The oldest version of a name that was taken behind a moment.
    pub(crate) fn first_after(&self, path: &Path, moment: &Moment) -> Result<Option<Version>> {
        let is_later = |version: &Version| match version.taken.boot == moment.boot {
            true => version.taken.at > moment.at,
            false => version.taken.wall > moment.wall,
        };
        Ok(self.history(path)?.into_iter().rev().find(is_later))
    }
}

#[cfg(test)]
impl Shelf {
    /// Keeps what is at each of these names of a directory, all at once.
    pub(crate) fn keep_all(&mut self, directory: &Path, names: &[OsString]) -> Result<Vec<Version>> {
        use std::os::fd::AsFd as _;
        let parent = std::fs::File::open(directory)?;
        let mut keeping = self.begin()?;
        let keep = |name: &OsString| {
            let path = directory.join(name);
            let at = super::At { parent: parent.as_fd(), name, path: &path, tree: "t" };
            keeping.keep(at, super::Limits::MOST)
        };
        let kept = names.iter().map(keep).collect::<Result<_>>()?;
        keeping.commit()?;
        Ok(kept)
    }
}
