//! How much of the record is kept.

use std::time::Duration;

use agent_common::rules::BootNs;
use jiff::Timestamp;
use rusqlite::Connection;

use super::book::{signed, size};

/// How long, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) keep: Duration,
    /// In bytes, of the file; SQLite's log beside it is a mebibyte more.
    pub(crate) size: u64,
}

/// The clock on the wall, and since when it has gone along with the kernel's. One that was set may be wrong by years for a moment,
/// and nothing is thrown away by such a one: by age only once it has gone so for a day. Whoever restarts the daemon more often
/// than that has the record bounded by its size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// How far it is ahead of the kernel's, in nanoseconds.
    ahead: i128,
    since: BootNs,
}

/// How long it must have gone so.
const STEADY: BootNs = 86_400_000_000_000;
/// By how much it may be set from one look to the next and still count as the same: what NTP does without a step.
const SLEW: u128 = 60_000_000_000;

impl Clock {
    pub(crate) fn new(wall: Timestamp, boot: BootNs) -> Self {
        Self { ahead: ahead(wall, boot), since: boot }
    }

    /// Looks at both; whether ages can be told by it.
    pub(crate) fn is_steady(&mut self, wall: Timestamp, boot: BootNs) -> bool {
        let now = ahead(wall, boot);
        if now.abs_diff(self.ahead) > SLEW {
            self.since = boot;
        }
        self.ahead = now;
        boot.saturating_sub(self.since) >= STEADY
    }
}

fn ahead(wall: Timestamp, boot: BootNs) -> i128 {
    wall.as_nanosecond() - i128::from(boot)
}

/// Which entries go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// All up to this one.
    pub(super) through: u64,
    pub(super) why: &'static str,
}

impl Bounds {
    /// Those of the recording, if nothing is said: at 100 bytes an operation, some 2.7 million.
    pub(crate) const RECORDING: Self = Self { keep: Duration::from_hours(30 * 24), size: 256 << 20 };
}

impl Default for Bounds {
    fn default() -> Self {
        Self { keep: Duration::from_hours(90 * 24), size: 64 << 20 }
    }
}

impl Bounds {
    /// None if nothing is past them; `now` is none while nobody can tell by the clock what is old. The last entry stays in any
    /// case: the chain goes on from it.
    pub(super) fn plan(
        self,
        db: &Connection,
        last: u64,
        now: Option<Timestamp>,
    ) -> rusqlite::Result<Option<Plan>> {
        let old = now.map(|now| self.too_old(db, last, now)).transpose()?.flatten();
        let old = old.map(|through| Plan { through, why: "age" });
        let large = self.too_large(db, last)?.map(|through| Plan { through, why: "size" });
        let plan = [old, large].into_iter().flatten().max_by_key(|plan| plan.through);
        Ok(plan
            .map(|plan| Plan { through: plan.through.min(last.saturating_sub(1)), ..plan })
            .filter(|plan| plan.through > 0))
    }

    /// Up to the first entry that is young enough: a clock that was set back and forth leaves old ones among young ones.
    fn too_old(self, db: &Connection, last: u64, now: Timestamp) -> rusqlite::Result<Option<u64>> {
        let since = now.checked_sub(self.keep).unwrap_or(Timestamp::MIN).as_microsecond();
        let first = |sql, values: &[i64]| {
            db.query_row(sql, rusqlite::params_from_iter(values), |row| row.get::<_, Option<i64>>(0))
        };
        let Some(oldest) = first("SELECT min(seq) FROM entry", &[])? else { return Ok(None) };
        let young = first("SELECT seq FROM entry WHERE wall_us >= ?1 ORDER BY seq LIMIT 1", &[since]);
        let young = match young {
            Err(rusqlite::Error::QueryReturnedNoRows) => Some(signed(last)),
            young => young?,
        };
        Ok(young.filter(|young| *young > oldest).and_then(|young| u64::try_from(young - 1).ok()))
    }

    /// So many of the oldest that an eighth is free again, or each entry would prune.
    fn too_large(self, db: &Connection, last: u64) -> rusqlite::Result<Option<u64>> {
        let is = size(db)?;
        if is <= self.size {
            return Ok(None);
        }
        let free = is - self.size / 8 * 7;
        let mut rows = db.prepare("SELECT seq, length(body) FROM entry WHERE seq < ?1 ORDER BY seq")?;
        let mut rows = rows.query([signed(last)])?;
        let (mut freed, mut through) = (0, None);
        while let Some(row) = rows.next()?.filter(|_| freed < free) {
            through = u64::try_from(row.get::<_, i64>(0)?).ok();
            freed += u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        }
        Ok(through)
    }
}
