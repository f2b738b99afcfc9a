//! The budget is exact whatever the file system: what it calls an inode, and which functions it is made of, differs.

use std::process::Command;

use anyhow::{Result, ensure};
use tests::{Party, Tier, say};

use super::are_true;
use super::row::{By, Row, each, row};

const UNLINK: &str = each!("unlink {}");
const AWAY: &str = each!("rename {} {outside}/{}");
const WITHIN: &str = each!("rename {} {}.bak");
const TRUNCATE: &str = each!("truncate {} 0");

pub(super) const ROWS: &[Row] = &[
    row("ext4", UNLINK).arranged(ext4),
    alone("ext4", AWAY).arranged(ext4),
    alone("ext4", TRUNCATE).arranged(ext4),
    row("xfs", UNLINK).arranged(xfs),
    alone("xfs", AWAY).arranged(xfs),
    alone("xfs", WITHIN).arranged(xfs),
    alone("xfs", TRUNCATE).arranged(xfs),
    // Nothing is renamed from one subvolume to another.
    row("a subvolume of btrfs", UNLINK).arranged(btrfs),
    alone("a subvolume of btrfs", WITHIN).arranged(btrfs),
    alone("a subvolume of btrfs", TRUNCATE).arranged(btrfs),
    row("tmpfs", UNLINK).arranged(tmpfs),
    alone("tmpfs", AWAY).arranged(tmpfs),
    alone("tmpfs", WITHIN).arranged(tmpfs),
    alone("tmpfs", TRUNCATE).arranged(tmpfs),
    row("an overlay", UNLINK).arranged(overlay),
    alone("an overlay", AWAY).arranged(overlay),
    alone("an overlay", WITHIN).arranged(overlay),
    alone("an overlay", TRUNCATE).arranged(overlay),
];

const fn alone(name: &'static str, script: &'static str) -> Row {
    Row { completes: true, by: &[By::User], ..row(name, script) }
}

fn ext4(party: &mut Party, count: usize) -> Result<()> {
    party.ground.mount_new("mkfs.ext4", &["-q"])?;
    make(party, count)
}

fn xfs(party: &mut Party, count: usize) -> Result<()> {
    party.ground.mount_new("mkfs.xfs", &["-q"])?;
    make(party, count)
}

/// Every subvolume's root has one and the same inode number, and a device that nobody else knows.
fn btrfs(party: &mut Party, count: usize) -> Result<()> {
    party.ground.mount_new("mkfs.btrfs", &["-q"])?;
    let mut subvolume = Command::new("btrfs");
    subvolume.args(["--quiet", "subvolume", "create"]).arg(party.ground.tree());
    let said = say(subvolume)?;
    ensure!(said.exit == Some(0), "btrfs: {}", said.complaint);
    make(party, count)
}

fn tmpfs(party: &mut Party, count: usize) -> Result<()> {
    let home = party.ground.home();
    party.ground.mount(&["-t", "tmpfs", "tmpfs"], &home)?;
    make(party, count)
}

/// The files are in the layer below. The kernel calls its own functions for the layers, in the middle of the one call.
fn overlay(party: &mut Party, count: usize) -> Result<()> {
    let ground = &mut party.ground;
    let [lower, upper, work] = ["lower", "upper", "work"].map(|name| ground.base().join(name));
    let tree = lower.join("tree");
    [&lower, &upper, &work, &tree].into_iter().try_for_each(|directory| ground.make_directory(directory))?;
    ground.fill(&tree, count)?;
    let layers =
        format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
    let home = ground.home();
    ground.mount(&["-t", "overlay", "overlay", "-o", &layers], &home)?;
    ground.make_directory(&ground.outside())
}

fn make(party: &Party, count: usize) -> Result<()> {
    let ground = &party.ground;
    ground.give(&ground.home())?;
    for directory in [ground.tree(), ground.outside()] {
        if !directory.exists() {
            ground.make_directory(&directory)?;
        }
    }
    ground.give(&ground.tree())?;
    ground.fill(&ground.tree(), count)
}

/// By both, under one agent.
fn on_each(tier: Tier) -> Result<()> {
    let rows = ROWS.iter().flat_map(|row| row.by.iter().map(|by| (*by, *row)));
    are_true(tier, &rows.collect::<Vec<_>>())
}

#[test]
fn lsm() -> Result<()> {
    on_each(Tier::Lsm)
}

#[test]
fn tracepoint() -> Result<()> {
    on_each(Tier::Tracepoint)
}
