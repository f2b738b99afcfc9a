//! What the file looks like, and how an older one is brought there. Only forward: what a later version has made is left alone.

use rusqlite::{Connection, Transaction};

/// "brec": tells our files from those of others.
const APPLICATION: i32 = 0x6272_6563;

/// What each version adds to the one before; the first to an empty file. What is there is never changed: entries are hashed.
const STEPS: [&str; 1] = ["
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY,   -- from 1, without gaps
    at_ns INTEGER NOT NULL,    -- CLOCK_BOOTTIME
    wall_us INTEGER NOT NULL,  -- microseconds since 1970
    kind TEXT NOT NULL,
    incident INTEGER,
    hash BLOB NOT NULL,        -- SHA-256 over the hash before and all other columns
    body BLOB NOT NULL         -- JSON
) STRICT;
CREATE INDEX entry_by_incident ON entry (incident, seq) WHERE incident IS NOT NULL;
"];

/// The version that this program writes.
pub(super) const LATEST: usize = STEPS.len();

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// Empty.
    New,
    Before(usize),
    Now,
    /// By a later version of burstguard.
    Later(usize),
    /// By something else.
    Foreign,
}

pub(super) fn made(db: &Connection) -> rusqlite::Result<Made> {
    let number = |name| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0));
    let things: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (number("application_id")?, usize::try_from(number("user_version")?)) {
        (0, Ok(0)) if things == 0 => Made::New,
        (APPLICATION, Ok(version)) if version > LATEST => Made::Later(version),
        (APPLICATION, Ok(LATEST)) => Made::Now,
        (APPLICATION, Ok(version)) if version > 0 => Made::Before(version),
        _ => Made::Foreign,
    })
}

/// Brings a file to a version, all of it or nothing.
pub(super) fn migrate(db: &mut Connection, from: usize, to: usize) -> rusqlite::Result<()> {
    let transaction: Transaction<'_> = db.transaction()?;
    for step in STEPS.iter().take(to).skip(from) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", i32::try_from(to).unwrap_or(i32::MAX))?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(db: &Connection) -> Vec<String> {
        let mut all = db.prepare("SELECT sql FROM sqlite_schema ORDER BY name").expect("a query");
        let rows = all.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("texts")
    }

    #[test]
    fn every_older_version_is_brought_to_the_same() {
        let mut fresh = Connection::open_in_memory().expect("a database");
        migrate(&mut fresh, 0, LATEST).expect("made");
        for version in 0..LATEST {
            let mut old = Connection::open_in_memory().expect("a database");
            if version > 0 {
                migrate(&mut old, 0, version).expect("made");
                assert_eq!(made(&old), Ok(Made::Before(version)));
            } else {
                assert_eq!(made(&old), Ok(Made::New));
            }
            migrate(&mut old, version, LATEST).expect("brought there");
            assert_eq!(schema(&old), schema(&fresh), "from version {version}");
            assert_eq!(made(&old), Ok(Made::Now));
        }
    }

    #[test]
    fn what_others_have_made_is_told() {
        let mut db = Connection::open_in_memory().expect("a database");
        db.execute_batch("CREATE TABLE theirs (x)").expect("a table");
        assert_eq!(made(&db), Ok(Made::Foreign));
        migrate(&mut db, 0, LATEST).expect("made");
        db.pragma_update(None, "user_version", 99).expect("a number");
        assert_eq!(made(&db), Ok(Made::Later(99)));
    }
}
