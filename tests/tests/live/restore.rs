//! What got through comes back, bit for bit and with its metadata, and it is on the record who had it put back.

mod faults;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, XattrFlags, setxattr, utimensat};
use serde_json::Value;
use tests::{Daemon, Incident, Job, Likeness, Said, ask, keeper};

use crate::restart::Stage;
use crate::store::{open, state};

/// Files in the tree, of all kinds.
const FILES: usize = 30;

/// An account with a tree of which all is kept.
pub(crate) struct Kept {
    // Dropped in this order.
    _daemon: Daemon,
    pub(crate) stage: Stage,
    pub(crate) before: Likeness,
}

impl Kept {
    pub(crate) fn new() -> Result<Self> {
        Self::with(|_| Ok(()))
    }

    /// With more in the tree.
    pub(crate) fn with(more: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let stage = Stage::with(FILES)?;
        let tree = stage.ground.tree();
        furnish(&stage, &tree)?;
        more(&tree)?;
        let daemon = stage.start()?;
        let before = Likeness::of(&tree)?;
        keeper::until_settled(before.0.len() as u64)?;
        Ok(Self { _daemon: daemon, stage, before })
    }

    fn tree(&self) -> PathBuf {
        self.stage.ground.tree()
    }

    /// The versions of a path, newest first.
    pub(crate) fn history(&self, path: &Path) -> Result<Vec<Value>> {
        let said = self.ask(&["history", text(path)?, "--json"])?;
        Ok(said.json("history")?.as_array().cloned().unwrap_or_default())
    }

    fn ask(&self, words: &[&str]) -> Result<Said> {
        ask(&[words, &["--state", text(&state(&self.stage))?]].concat())
    }

    /// Lets the account burst; its incident.
    pub(crate) fn burst(&self, script: &str) -> Result<(Job, Incident)> {
        let job = self.stage.shell(script)?;
        job.until_stopped()?;
        Ok((job, open()?))
    }

    pub(crate) fn restore(&self, incident: Incident, more: &[&str]) -> Result<Said> {
        let id = incident.0.to_string();
        self.ask(&[&["restore", &id, "--reason", "CHG-123, a test"], more].concat())
    }

    /// All that was there before is as it was.
    pub(crate) fn is_whole(&self) -> Result<()> {
        let missed = self.before.missed_by(&Likeness::of(&self.tree())?);
        ensure!(missed.is_empty(), "not as it was: {missed:#?}");
        Ok(())
    }
}

pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path of ours")
}

/// Names of all kinds, with all that a name can have.
fn furnish(stage: &Stage, tree: &Path) -> Result<()> {
    let deep = tree.join("d/e");
    fs::create_dir_all(&deep)?;
    for number in 0..5 {
        fs::write(deep.join(format!("n{number}")), format!("line {number}\n"))?;
        fs::write(tree.join(format!("d/with\na line {number}")), [0xff, 0, number])?;
    }
    symlink("/nowhere/at all", tree.join("d/link"))?;
    for directory in ["d", "d/e"] {
        stage.ground.give(&tree.join(directory))?;
    }
    let (first, second) = (tree.join("f0001"), tree.join("d/e/n1"));
    chown(&second, Some(12345), Some(23456))?;
    fs::set_permissions(&first, Permissions::from_mode(0o4640))?;
    setxattr(&first, "user.note", b"kept too", XattrFlags::empty())?;
    setxattr(&second, "system.posix_acl_access", &access_list(), XattrFlags::empty())?;
    let time = Timespec { tv_sec: 1_000_000_000, tv_nsec: 987_654_321 };
    let times = Timestamps { last_access: time, last_modification: time };
    for path in [first, second, tree.join("d/link")] {
        utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

/// An access list that lets user 7 read, as the kernel takes it: version 2, and entries of a tag, rights and an id each.
fn access_list() -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, u32::MAX), (2, 4, 7), (4, 4, u32::MAX), (0x10, 4, u32::MAX), (0x20, 4, u32::MAX)];
    let entry = |(tag, rights, id): (u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    [2_u32.to_le_bytes().to_vec()].into_iter().chain(entries.map(entry)).flatten().collect()
}

fn comes_back(script: &str) -> Result<()> {
    let kept = Kept::new()?;
    let (_job, incident) = kept.burst(&kept.stage.ground.expand(script))?;
    ensure!(kept.is_whole().is_err(), "nothing was destroyed by {script}");
    let dry = kept.restore(incident, &["--dry-run"])?;
    ensure!(dry.exit == Some(0) && kept.is_whole().is_err(), "{dry:?}");
    let said = kept.restore(incident, &[])?;
    ensure!(said.exit == Some(0), "{said:?}");
    kept.is_whole()?;
    let decisions = incident.show()?["decisions"].clone();
    let decided =
        decisions.as_array().and_then(|all| all.iter().find(|one| one["verb"] == "restore").cloned());
    let decided = decided.with_context(|| format!("no restore among {decisions}"))?;
    ensure!(decided["reason"] == "CHG-123, a test" && decided["outcome"] != "", "{decided}");
    // It is still to be decided, and once more nothing is to be done.
    ensure!(incident.show()?["closed_at"].is_null());
    let again = kept.restore(incident, &["--json"])?.json("restore")?;
    ensure!(again["done"].is_null(), "{again}");
    Ok(())
}

#[test]
fn what_rm_took_comes_back() -> Result<()> {
    comes_back("exec rm -rf d f*")
}

#[test]
fn what_was_replaced_by_renames_comes_back() -> Result<()> {
    comes_back(
        "mkdir {outside}/new; for f in f*; do echo new > {outside}/new/$f; done; sleep 0; \
         rm f0020 f0021 f0022 f0023 f0024 f0025 f0026 f0027 f0028; \
         for f in f000*; do mv -f {outside}/new/$f $f; done; exec rm f0010 f0011 f0012",
    )
}

#[test]
fn what_was_emptied_comes_back() -> Result<()> {
    comes_back("for f in f*; do : > $f; done; exec true")
}

#[test]
fn a_directory_that_was_moved_away_comes_back_with_all_in_it() -> Result<()> {
    comes_back("mv d {outside}/away; exec rm -f f*")
}

#[test]
fn what_was_made_again_is_replaced_and_kept_as_a_version() -> Result<()> {
    let kept = Kept::new()?;
    let (_job, incident) = kept.burst("rm f0001; echo own > f0001; exec rm -f f001*")?;
    let file = kept.tree().join("f0001");
    let said = kept.restore(incident, &[])?;
    ensure!(said.exit == Some(0), "{said:?}");
    kept.is_whole()?;
    let versions = kept.history(&file)?;
    ensure!(versions.len() >= 2, "{versions:?}");
    let by = &kept.history(&kept.tree().join("f0010"))?;
    ensure!(
        by.iter().any(|row| row["by"][0]["did"] == "removed" && row["by"][0]["program"] == "rm")
            || by.len() < 2,
        "{by:?}"
    );
    Ok(())
}
