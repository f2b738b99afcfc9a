//! Mounts by an account.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tests::{Account, Crowd, Ground, Party, SudoRule, Tmpfs};

use crate::holding::{FILES, each_row, holds};

/// As root through sudo, each a burst by itself: nothing of it happens.
const BY_SUDO: &[&str] = &[
    "mount -t tmpfs none {tree}",
    "mount --bind {outside} {tree}",
    "mount -t tmpfs none {home}",
    "mount --move {base}/mounted {tree}",
    "mount -t tmpfs none {tree}/sub",
    "umount {tree}/mounted",
];

#[test]
fn a_mount_over_a_tree_above_it_or_in_it_is_a_burst_by_itself() -> Result<()> {
    let parties = BY_SUDO.iter().map(|_| mounting_party()).collect::<Result<Vec<_>>>()?;
    let mounts: Vec<_> = parties.iter().map(|party| mounted_in(&party.ground)).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, holds)?;
    let rows = BY_SUDO.iter().enumerate().map(|(at, line)| ((*line).to_owned(), (at, *line)));
    let outcome = each_row(rows, |(at, line)| {
        let party = &crowd.parties[at];
        let programs = [Path::new("/usr/bin/mount"), Path::new("/usr/bin/umount")];
        let _rule = SudoRule::allow(&party.account, &programs)?.context("there is no sudo")?;
        let before = fs::read_to_string("/proc/self/mounts")?;
        let job = party.shell(&format!("exec sudo -n {line}"))?;
        let held = crowd.daemon.held_of(&format!("a{at}"))?;
        crate::holding::until_stopped(held.pid)?;
        ensure!(fs::read_to_string("/proc/self/mounts")? == before, "it happened");
        ensure!(party.missing(FILES) == 0, "{} are missing", party.missing(FILES));
        held.incident.decide("deny", &[])?;
        let outcome = job.until_ended_at_last()?;
        ensure!(outcome != tests::Outcome::Exited(0), "it was denied and succeeded");
        ensure!(fs::read_to_string("/proc/self/mounts")? == before, "it happened in the end");
        Ok(())
    });
    drop(mounts);
    outcome?;
    crowd.end().map(drop)
}

fn mounting_party() -> Result<Party> {
    let party = Party::of(Account::new()?, FILES)?;
    for directory in [party.file("sub"), party.file("mounted"), party.ground.base().join("mounted")] {
        party.ground.make_directory(&directory)?;
    }
    Ok(party)
}

fn mounted_in(ground: &Ground) -> Result<[Tmpfs; 2]> {
    Ok([Tmpfs::mount(&ground.tree().join("mounted"))?, Tmpfs::mount(&ground.base().join("mounted"))?])
}
