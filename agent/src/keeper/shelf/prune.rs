//! What goes: what was superseded too long ago, and contents that no version has.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rusqlite::params;

use super::{
    Shelf,
    index::{self, Table, signed},
};

/// How many versions go in one batch, during which nobody else can write.
const BATCH: usize = 256;

impl Shelf {
    /// Throws away some of what was superseded before then, or leaves its tree no room. Whether there may be more.
    pub(in super::super) fn prune(
        &mut self,
        tree: &str,
        before: jiff::Timestamp,
        total: u64,
    ) -> Result<bool> {
        let mut keeping = self.begin()?;
        let tree = index::number(keeping.tx(), Table::Tree, &tree)?;
        let old = "SELECT number FROM version WHERE tree = ?1 AND superseded < ?2 ORDER BY superseded, number LIMIT ?3";
        let old: Vec<i64> = keeping
            .tx()
            .prepare_cached(old)?
            .query_map(params![tree, before.as_microsecond(), signed(BATCH as u64)], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let more = old.len() == BATCH;
        for number in old {
            keeping.forget(number)?;
        }
        keeping.fit(tree, total)?;
        keeping.commit()?;
        Ok(more)
    }

    /// Removes what writers that were killed have left of a 256th of all contents, and directories of which nothing is kept any more.
    pub(in super::super) fn sweep(&mut self, first: u8) -> Result<()> {
        let mut keeping = self.begin()?;
        if first == 0 {
            index::forget_directories(keeping.tx()).context("cannot write to the keeper's index")?;
        }
        keeping.sweep(first)?;
        keeping.commit()
    }
}

/// When what was superseded has been so for so long.
pub(in super::super) fn before(now: jiff::Timestamp, age: Duration) -> jiff::Timestamp {
    now.checked_sub(age).unwrap_or(jiff::Timestamp::MIN)
}
