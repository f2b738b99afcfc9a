//! Mounts by an account, and file systems on which the number of an inode is no identity.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rustix::mount::{UnmountFlags, unmount};
use tests::{Account, Crowd, Ground, Party, SudoRule, Tmpfs, say};

use crate::holding::{BUDGET, FILES, each_row, holds};

/// What a tool of the system does, without which there is no test.
fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(arguments);
    let said = say(command)?;
    ensure!(said.exit == Some(0), "{program} {arguments:?}: {}", said.complaint);
    Ok(())
}

/// Mounted by us or by an account, and taken away again.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        // Whether it was mounted at all is the test's question.
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

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

/// The budget is spent exactly, by every kind of call, and what waits completes.
fn is_exact(parties: Vec<(String, Party)>) -> Result<()> {
    let (names, parties): (Vec<_>, Vec<_>) = parties.into_iter().unzip();
    let mut crowd = Crowd::watched(parties, holds)?;
    let rows = names.into_iter().enumerate().map(|(at, name)| (name.clone(), (at, name)));
    each_row(rows, |(at, name)| {
        let step = name.split_once(": ").context("FILE SYSTEM: STEP")?.1;
        let party = &crowd.parties[at];
        let job = party.each(FILES, &[step])?;
        job.until_stopped()?;
        let held = crowd.daemon.held_by(job.pid())?;
        ensure!(party.destroyed(FILES) == BUDGET, "{} are destroyed", party.destroyed(FILES));
        let done = held.incident.until_waiting(1)?["done"].clone();
        ensure!(done == BUDGET, "{done} are counted");
        held.incident.approve(&[])?;
        job.until_done()?;
        ensure!(party.destroyed(FILES) == FILES, "{} are destroyed in the end", party.destroyed(FILES));
        Ok(())
    })?;
    crowd.end().map(drop)
}

const STEPS: [&str; 4] = ["unlink {}", "rename {} {outside}/{}", "truncate {} 0", "rename {} {}.bak"];

/// What is mounted at the home of an account, whose tree is in it.
fn mounted_party(mount: impl Fn(&Ground) -> Result<Mounted>) -> Result<(Mounted, Party)> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    let mounted = mount(&ground)?;
    for directory in [ground.tree(), ground.outside()] {
        if !directory.exists() {
            ground.make_directory(&directory)?;
        }
    }
    ground.give(&ground.home())?;
    if !ground.tree().join("f0000").exists() {
        ground.fill(&ground.tree(), FILES)?;
    }
    Ok((mounted, Party { ground, account }))
}

fn on_each(system: &str, steps: &[&str], mount: impl Fn(&Ground) -> Result<Mounted>) -> Result<()> {
    let mut mounts = Vec::new();
    let mut parties = Vec::new();
    for step in steps {
        let (mounted, party) = mounted_party(&mount)?;
        mounts.push(mounted);
        parties.push((format!("{system}: {step}"), party));
    }
    let outcome = is_exact(parties);
    drop(mounts);
    outcome
}

/// The kernel calls its own functions for the layers, in the middle of the one call.
#[test]
fn on_an_overlay_an_operation_counts_once() -> Result<()> {
    on_each("overlay", &STEPS, |ground| {
        let [lower, upper, work] = ["lower", "upper", "work"].map(|name| ground.base().join(name));
        [&lower, &upper, &work].into_iter().try_for_each(|directory| ground.make_directory(directory))?;
        ground.make_directory(&lower.join("tree"))?;
        ground.fill(&lower.join("tree"), FILES)?;
        let options =
            format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
        let home = ground.home();
        run("mount", &["-t", "overlay", "overlay", "-o", &options, &home.to_string_lossy()])?;
        Ok(Mounted(home))
    })
}

#[test]
fn on_a_tmpfs_too() -> Result<()> {
    on_each("tmpfs", &STEPS, |ground| {
        let home = ground.home();
        run("mount", &["-t", "tmpfs", "tmpfs", &home.to_string_lossy()])?;
        Ok(Mounted(home))
    })
}

/// Every subvolume's root has one and the same inode number, and a device that nobody else knows. Nothing is renamed from one
/// to another.
#[test]
fn on_a_subvolume_of_btrfs_too() -> Result<()> {
    on_each("btrfs", &["unlink {}", "truncate {} 0", "rename {} {}.bak"], |ground| {
        let (image, home) = (ground.base().join("image"), ground.home());
        fs::File::create(&image)?.set_len(256 << 20)?;
        run("mkfs.btrfs", &["--quiet", &image.to_string_lossy()])?;
        run("modprobe", &["--all", "loop", "btrfs"])?;
        run("mount", &["-o", "loop", &image.to_string_lossy(), &home.to_string_lossy()])?;
        let mounted = Mounted(home);
        run("btrfs", &["--quiet", "subvolume", "create", &ground.tree().to_string_lossy()])?;
        ground.give(&ground.tree())?;
        Ok(mounted)
    })
}
