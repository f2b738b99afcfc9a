//! What is kept of protected trees, whatever becomes of the daemon and its disk.

mod shares;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tests::{Account, Daemon, Ground, Policy, Tmpfs, ask_json, wait};

const FILES: usize = 3000;

struct Stage {
    account: Account,
    ground: Ground,
}

impl Stage {
    fn new() -> Result<Self> {
        let account = Account::new()?;
        let ground = Ground::new(&account)?;
        Ok(Self { account, ground })
    }

    fn daemon(&self) -> Result<Daemon> {
        Daemon::start(&Policy::new(self.account.name(), &self.ground.tree()).observe(), self.ground.base())
    }

    fn state(&self) -> PathBuf {
        self.ground.base().join("state")
    }

    fn fill(&self, files: usize) -> Result<()> {
        for number in 0..files {
            fs::write(self.ground.tree().join(number.to_string()), format!("this is {number}\n").repeat(50))?;
        }
        Ok(())
    }

    fn index(&self) -> Result<Connection> {
        let file = self.state().join("keeper/versions.db");
        Ok(Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
    }
}

fn standing() -> Result<Value> {
    Ok(ask_json(&["status"])?["keeper"].clone())
}

/// Waits until the keeper has looked at all: what the daemon has open and runs is then what it has at rest.
pub(crate) fn until_looked() -> Result<()> {
    wait::until("all is looked at", || Ok((!standing()?["looked_at"].is_null()).then_some(())))
}

/// Killed in the midst of the first look; the next daemon goes on, and all that the index names is whole.
#[test]
fn a_daemon_that_is_killed_leaves_nothing_that_is_half() -> Result<()> {
    let stage = Stage::new()?;
    stage.fill(FILES)?;
    let mut daemon = stage.daemon()?;
    let begun = stage.state().join("keeper/contents");
    wait::until("the first contents are there", || {
        Ok(fs::read_dir(&begun)
            .ok()
            .filter(|all| all.size_hint().0 > 0 || fs::read_dir(&begun).is_ok_and(|all| all.count() > 20))
            .map(drop))
    })?;
    daemon.kill()?;
    let mut daemon = stage.daemon()?;
    until_looked()?;
    let index = stage.index()?;
    let mut all = index.prepare("SELECT lower(hex(content)), size FROM version WHERE content IS NOT NULL")?;
    let all = all.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut kept = 0;
    for one in all {
        let (hash, size) = one?;
        let (first, rest) = hash.split_at(2);
        let found = fs::read(stage.state().join("keeper/contents").join(first).join(rest))?;
        ensure!(i64::try_from(found.len())? == size && found.starts_with(b"this is "), "{hash} is not whole");
        kept += 1;
    }
    ensure!(kept == FILES, "{kept} of {FILES} are kept");
    daemon.end()?;
    Ok(())
}

/// Nothing more is kept, which is said; the rest goes on, and it heals.
#[test]
fn a_full_disk_stops_nothing_else() -> Result<()> {
    let stage = Stage::new()?;
    // With room for a few files.
    fs::create_dir(stage.state())?;
    let small = Tmpfs::with(&stage.state(), c"size=24m,mode=0700")?;
    stage.fill(10)?;
    let mut daemon = stage.daemon()?;
    until_looked()?;
    let ballast = stage.state().join("ballast");
    fs::write(&ballast, vec![0; 10 << 20])?;
    fs::write(stage.ground.tree().join("more"), "more")?;
    let why = wait::until("it is said", || Ok(standing()?["degraded"].as_str().map(str::to_owned)))?;
    ensure!(why.contains("make room there"), "{why}");
    ensure!(ask_json(&["status"])?["store"]["degraded"].is_null(), "the record goes on");
    fs::remove_file(&ballast)?;
    wait::until("it heals", || Ok(standing()?["degraded"].is_null().then_some(())))?;
    wait::until("what came meanwhile is kept", || {
        let more = "SELECT 1 FROM version WHERE name = CAST('more' AS BLOB) AND content IS NOT NULL";
        Ok(stage.index()?.prepare(more)?.exists([])?.then_some(()))
    })?;
    daemon.end().context("it ends as ever")?;
    drop(daemon);
    drop(small);
    Ok(())
}
