//! Where a file system can have two files share their bytes, what is kept takes no room of its own. In a guest: there are the drivers and
//! tools of several.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use tests::{Account, Daemon, Ground, Policy, say};

use super::until_looked;

const FILES: usize = 5;
/// More than a file system would put beside its name.
const SIZE: usize = 64 << 10;

/// A tree and what is kept of it on one file system.
fn kept_on(mkfs: &str, shares: bool) -> Result<()> {
    let account = Account::new()?;
    let mut ground = Ground::new(&account)?;
    ground.mount_new(mkfs, &["-q"])?;
    ground.make_directory(&ground.tree())?;
    let bytes = |number: usize| vec![b'a' + u8::try_from(number).unwrap_or(0); SIZE];
    for number in 0..FILES {
        fs::write(ground.tree().join(number.to_string()), bytes(number))?;
    }
    let policy = Policy::new(account.name(), &ground.tree()).observe();
    let mut daemon = Daemon::start(&policy, &ground.home())?;
    until_looked()?;
    let kept = contents(&ground)?;
    ensure!(kept.len() == FILES, "{mkfs}: {kept:?}");
    for path in &kept {
        ensure!(has_shared_bytes(path)? == shares, "{mkfs}: whether {} shares its bytes", path.display());
    }
    // What is written to one of them afterwards is the other's no more.
    fs::write(ground.tree().join("0"), bytes(FILES))?;
    let mut all: Vec<_> = kept.iter().map(fs::read).collect::<Result<_, _>>()?;
    all.sort();
    ensure!(all == (0..FILES).map(bytes).collect::<Vec<_>>(), "{mkfs}: something else is kept");
    daemon.end()?;
    Ok(())
}

fn contents(ground: &Ground) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for first in fs::read_dir(ground.home().join("state/keeper/contents"))? {
        let first = first?.path();
        if first.is_dir() {
            for content in fs::read_dir(first)? {
                all.push(content?.path());
            }
        }
    }
    Ok(all)
}

fn has_shared_bytes(path: &std::path::Path) -> Result<bool> {
    let mut command = Command::new("filefrag");
    command.arg("-sv").arg(path);
    let said = say(command)?;
    ensure!(said.exit == Some(0) && said.output.contains("extent"), "filefrag: {said:?}");
    Ok(said.output.contains("shared"))
}

#[test]
fn on_xfs() -> Result<()> {
    kept_on("mkfs.xfs", true)
}

#[test]
fn on_btrfs() -> Result<()> {
    kept_on("mkfs.btrfs", true)
}

/// Nothing is shared there, and all is kept.
#[test]
fn on_ext4() -> Result<()> {
    kept_on("mkfs.ext4", false)
}
