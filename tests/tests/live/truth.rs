//! What fails is no operation: it neither counts nor trips, in either tier.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};
use serde_json::Value;
use tests::{Crowd, Ground, Party, Policy, Tier, Tmpfs, ask_json};

use crate::cost;
use crate::holding::{FILES, each_row, is_stopped};

/// The one step that would be over any of these budgets ends the test.
fn nothing_is_free(policy: Policy, tier: Tier) -> Policy {
    let kinds = ["deletes", "replaces", "truncates", "recreates"];
    kinds.iter().fold(policy.in_tier(tier), |policy, kind| policy.budget(kind, "0/1h"))
}

/// Steps, each of which has to fail, and with which error.
const FAILING: &[(&str, i32)] = &[
    ("unlink nothing", libc::ENOENT),
    ("unlink none/nothing", libc::ENOENT),
    ("rmdir nothing", libc::ENOENT),
    ("rename nothing f0000", libc::ENOENT),
    ("truncate nothing 0", libc::ENOENT),
    ("unlink f0000/below", libc::ENOTDIR),
    ("rmdir f0000", libc::ENOTDIR),
    ("unlink full", libc::EISDIR),
    ("truncate full 0", libc::EISDIR),
    ("creat full", libc::EISDIR),
    ("rename f0000 full", libc::EISDIR),
    ("rmdir full", libc::ENOTEMPTY),
    ("rename empty full", libc::ENOTEMPTY),
    ("rename full full/below", libc::EINVAL),
    ("rename-new f0000 f0001", libc::EEXIST),
    ("exchange f0000 nothing", libc::ENOENT),
    // Root's directory: the account may not remove what is in it.
    ("unlink locked/f0000", libc::EACCES),
    ("rename locked/f0000 f0000", libc::EACCES),
    ("rename f0000 locked/f0000", libc::EACCES),
    ("rmdir locked/full", libc::EACCES),
    ("create-new locked/new", libc::EACCES),
    // Root's file in the account's directory: it may not be emptied.
    ("truncate roots 0", libc::EACCES),
    ("creat roots", libc::EACCES),
    ("unlink readonly/f0000", libc::EROFS),
    ("rename readonly/f0000 readonly/other", libc::EROFS),
    ("truncate readonly/f0000 0", libc::EROFS),
    ("creat readonly/f0000", libc::EROFS),
    ("rmdir mounted", libc::EBUSY),
    ("rename f0000 mounted/f0000", libc::EXDEV),
    ("unlink sticky/roots", libc::EPERM),
];

/// A mount below a tree, which is taken away again.
struct ReadOnly(PathBuf);

impl ReadOnly {
    fn of(directory: &Path) -> Result<Self> {
        mount_bind(directory, directory).with_context(|| format!("cannot bind {}", directory.display()))?;
        let bound = Self(directory.to_owned());
        mount_remount(directory, MountFlags::BIND | MountFlags::RDONLY, c"")
            .with_context(|| format!("cannot make {} read-only", directory.display()))?;
        Ok(bound)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.0, UnmountFlags::DETACH) {
            eprintln!("{} stays mounted: {error}", self.0.display());
        }
    }
}

/// All that the steps fail at. The mounts go before the directories that they are in.
fn arrange(ground: &Ground) -> Result<(ReadOnly, Tmpfs)> {
    let tree = ground.tree();
    for name in ["full", "full/inside", "empty", "readonly", "mounted", "sticky"] {
        ground.make_directory(&tree.join(name))?;
    }
    for name in ["locked", "locked/full"] {
        fs::create_dir(tree.join(name))?; // root's
    }
    ground.fill(&tree.join("locked"), 1)?;
    ground.fill(&tree.join("readonly"), 1)?;
    for name in ["roots", "sticky/roots"] {
        fs::write(tree.join(name), "root's\n")?;
    }
    rustix::fs::chown(tree.join("sticky"), Some(rustix::fs::Uid::ROOT), None)?;
    fs::set_permissions(tree.join("sticky"), std::os::unix::fs::PermissionsExt::from_mode(0o1777))?;
    Ok((ReadOnly::of(&tree.join("readonly"))?, Tmpfs::mount(&tree.join("mounted"))?))
}

fn costs_nothing(tier: Tier) -> Result<()> {
    let party = Party::new(FILES)?;
    let _mounts = arrange(&party.ground)?;
    let mut crowd = Crowd::watched(vec![party], |policy| nothing_is_free(policy, tier))?;
    let rows = FAILING.iter().map(|(step, error)| (format!("{step:?}"), (*step, *error)));
    let failed = each_row(rows, |(step, error)| {
        let job = crowd.parties[0].each(1, &[step])?;
        let outcome = job.next_change()?.outcome;
        if is_stopped(job.pid()) {
            let standing = ask_json(&["accounts"])?[0]["incident"].to_string();
            crate::commands::decide(&["thaw", &standing])?;
            anyhow::bail!("stopped, though it would fail with {error}");
        }
        let complaint = job.complaint()?;
        ensure!(complaint.contains(&format!("(os error {error})")), "{outcome:?}: {complaint}");
        Ok(())
    });
    let party = &crowd.parties[0];
    crowd.daemon.catch_up(&party.account)?;
    failed?;
    assert_eq!(crowd.daemon.operations()?, []);
    assert!(!crowd.daemon.has_burst()?);
    assert!(used(&ask_json(&["accounts"])?).iter().all(|used| *used == 0), "{}", ask_json(&["accounts"])?);
    assert_eq!(party.destroyed(FILES), 0);
    // To be sure that it would have been seen.
    let job = party.each(1, &["unlink f0002"])?;
    job.until_stopped()?;
    assert_eq!(party.missing(FILES), usize::from(tier == Tier::Tracepoint));
    drop(job);
    crowd.end().map(drop)
}

fn used(accounts: &Value) -> Vec<Value> {
    let budgets = accounts[0]["budgets"].as_array().into_iter().flatten();
    budgets.map(|budget| budget["used"].clone()).collect()
}

#[test]
fn what_fails_costs_nothing_where_calls_are_held() -> Result<()> {
    costs_nothing(Tier::Lsm)
}

#[test]
fn what_fails_costs_nothing_where_they_are_stopped_afterwards() -> Result<()> {
    costs_nothing(Tier::Tracepoint)
}

/// Where nothing is destroyed, nothing is counted: what only this tier can tell.
#[test]
fn what_succeeds_and_destroys_nothing_costs_nothing() -> Result<()> {
    const STEPS: &[&[&str]] = &[
        &["truncate f0000 4096"],
        &["ftruncate f0001 4096"],
        &["truncate f0002 14"],
        &["create-new empty", "creat empty", "truncate empty 0"],
        &["create-new own", "rename own own2", "unlink own2"],
        &["create-new {outside}/new", "rename {outside}/new new"],
        &["rename f0003 f0003"],
        &["link f0004 {outside}/link", "unlink {outside}/link"],
        &["mkdir made", "rmdir made"],
        &["open-path-truncate f0005"],
    ];
    let crowd = &mut Crowd::watched(vec![Party::new(FILES)?], |policy| nothing_is_free(policy, Tier::Lsm))?;
    each_row(STEPS.iter().map(|steps| (format!("{steps:?}"), *steps)), |steps| {
        let job = crowd.parties[0].each(1, steps)?;
        let outcome = job.next_change()?.outcome;
        if is_stopped(job.pid()) {
            let incident = ask_json(&["accounts"])?[0]["incident"].to_string();
            crate::commands::decide(&["thaw", &incident])?;
        }
        ensure!(outcome == tests::Outcome::Exited(0), "{outcome:?}: {}", job.complaint()?);
        Ok(())
    })?;
    let party = &crowd.parties[0];
    crowd.daemon.catch_up(&party.account)?;
    assert_eq!(crowd.daemon.operations()?, []);
    Ok(())
}

#[test]
fn each_step_costs_what_it_destroys() -> Result<()> {
    cost::of_the_table(Tier::Lsm)
}

#[test]
fn an_own_file_may_be_put_in_its_place_late() -> Result<()> {
    cost::of_own_files_some_time_later(Tier::Lsm)
}

#[test]
fn sizes_are_told() -> Result<()> {
    cost::sizes_of_the_table(Tier::Lsm)
}

#[test]
fn decoys() -> Result<()> {
    cost::decoys_hide_nothing(Tier::Lsm, 2_000)
}

#[test]
fn numbers_that_are_given_out_again() -> Result<()> {
    cost::a_number_that_is_given_out_again_says_nothing(Tier::Lsm)
}
