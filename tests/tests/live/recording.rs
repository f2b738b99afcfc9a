//! What accounts do is recorded, and a policy tried on that comes to what the kernel came to.

mod drill;
mod lsm;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{Said, ask, ask_json, truth, wait};

use crate::commands::decide;
use crate::restart::Stage;

/// Where the agent of this ground records.
fn recording(base: &Path) -> PathBuf {
    base.join("state/recording")
}

/// A policy, tried on what was recorded there.
pub(super) fn replay(base: &Path, policy: &Path) -> Result<Value> {
    let recording = recording(base);
    let words = [&["replay", "--policy"], &[text(policy)?, text(&recording)?][..]].concat();
    ask_json(&words)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path of ours")
}

/// Whether all was judged here as it was there, and how many acts that were.
pub(super) fn same(replay: &Value) -> Result<u64> {
    ensure!(replay["different"] == 0, "{replay}");
    ensure!(replay["compared"] == replay["operations"], "{replay}");
    ensure!(replay["unknown"]["others"] == 0 && replay["torn"] == json!([]), "{replay}");
    replay["compared"].as_u64().context("a number")
}

/// How many came to this, and would.
fn counts<'a>(replay: &'a Value, what: &str) -> (&'a Value, &'a Value) {
    let account = &replay["accounts"][0];
    (&account["was"][what], &account["would"][what])
}

/// The same policy with another text in it.
fn changed(stage: &Stage, from: &str, to: &str) -> Result<PathBuf> {
    let text = fs::read_to_string(stage.ground.base().join("policy.toml"))?;
    ensure!(text.contains(from), "{text}");
    let path = stage.ground.base().join("other.toml");
    fs::write(&path, text.replace(from, to))?;
    Ok(path)
}

#[test]
fn a_policy_is_tried_on_what_was_done() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let job = stage.shell("exec rm -f *")?;
    job.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    let id = crate::store::open()?.0.to_string();
    decide(&["thaw", &id])?;
    job.until_stopped()?; // with a whole budget once more
    assert_eq!(stage.missing(), 22);
    drop(job);
    daemon.end()?;
    let base = stage.ground.base();

    let own = replay(base, &base.join("policy.toml"))?;
    assert_eq!((same(&own)?, &own["unknown"]["unrecorded"]), (22, &json!(0)));
    assert_eq!(counts(&own, "within"), (&json!(20), &json!(20)));
    assert_eq!(counts(&own, "stopped"), (&json!(2), &json!(2)));
    assert_eq!(own["bursts"].as_array().map(Vec::len), Some(2));

    let larger = replay(base, &changed(&stage, "10/10s", "11/10s")?)?;
    assert_eq!((counts(&larger, "stopped"), &larger["compared"]), ((&json!(2), &json!(0)), &json!(0)));
    let smaller = replay(base, &changed(&stage, "10/10s", "4/10s")?)?;
    assert_eq!(counts(&smaller, "within"), (&json!(20), &json!(8)));
    let observed = replay(base, &changed(&stage, "enforce", "observe")?)?;
    assert_eq!(counts(&observed, "observed"), (&json!(0), &json!(2)));
    Ok(())
}

/// Several at once, who are told in another order than they are judged in.
#[test]
fn many_at_once_are_told_apart_by_their_numbers() -> Result<()> {
    let stage = Stage::with(400)?;
    let mut daemon = stage.start()?;
    let tree = stage.ground.tree().display().to_string();
    decide(&["lease", "grant", "--account", "a0", "--tree", &tree, "--budget", "300", "--for", "1m"])?;
    let job = stage.shell("ls | xargs -P 8 -n 10 rm -f")?;
    wait::until("the lease and the budget are used up", || {
        Ok((ask_json(&["accounts"])?[0]["standing"] == "tripped").then_some(()))
    })?;
    drop(job);
    let gone = truth::missing(&stage.ground.tree(), 400) as u64;
    daemon.end()?;
    let own = replay(stage.ground.base(), &stage.ground.base().join("policy.toml"))?;
    assert_eq!((same(&own)?, counts(&own, "granted").0), (gone, &json!(300)));
    Ok(())
}

#[test]
fn it_goes_on_over_reloads_restarts_and_crashes() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let base = stage.ground.base();
    stage.shell("exec rm f000[0-2]")?.until_done()?;
    decide(&["reload"])?;
    stage.shell("exec rm f000[3-5]")?.until_done()?;
    daemon.end()?;
    let mut daemon = stage.start()?;
    stage.shell("exec rm f000[67]")?.until_done()?;
    until_recorded(base, 8)?;
    daemon.kill()?;
    // Half an entry, as a crash of the host leaves one.
    let files = || -> Result<Vec<PathBuf>> {
        let mut files: Vec<_> = fs::read_dir(recording(base))?.flatten().map(|entry| entry.path()).collect();
        files.sort();
        Ok(files)
    };
    let last = files()?.pop().context("a file")?;
    let length = fs::metadata(&last)?.len();
    fs::OpenOptions::new().write(true).open(&last)?.set_len(length - 7)?;
    let mut daemon = stage.start()?;
    stage.shell("exec rm f0008")?.until_done()?;
    daemon.end()?;
    let own = replay(base, &base.join("policy.toml"))?;
    assert_eq!((&own["different"], &own["operations"]), (&json!(0), &json!(8)));
    assert_eq!(own["torn"], json!([last]));
    let text = fs::read(&last)?;
    assert!(text.starts_with(b"burstguard recording 1\nWhat automation accounts destroyed"));
    Ok(())
}

/// Waits until so many operations are on the disk.
fn until_recorded(base: &Path, count: u64) -> Result<()> {
    wait::until(&format!("{count} operations are recorded"), || {
        let own = replay(base, &base.join("policy.toml"))?;
        Ok((own["operations"] == count).then_some(()))
    })
}

#[test]
fn budgets_are_proposed_as_a_drop_in() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    stage.hand(&["each", "7", "unlink {}"])?.until_done()?;
    daemon.end()?;
    let base = stage.ground.base();
    let (policy, recording) = (base.join("policy.toml"), recording(base));
    let words = ["learn", "--account", "a0", "--policy", text(&policy)?, text(&recording)?];
    let learn = ask_json(&words)?;
    assert_eq!(
        (&learn["proposals"][0]["most"], &learn["proposals"][0]["sure"]),
        (&json!(7), &json!("hardly"))
    );
    let Said { output, exit, .. } = ask(&words)?;
    assert_eq!(exit, Some(0));
    fs::create_dir(base.join("policy.d"))?;
    fs::write(base.join("policy.d/50-a0.toml"), &output)?;
    let said = ask(&["check", text(&policy)?, "--effective", "--json"])?;
    let effective: Value = serde_json::from_str(&said.output)?;
    assert_eq!(effective["effective"]["account"]["a0"]["budget"]["deletes"], "14/10s", "{output}");
    fs::remove_dir_all(base.join("policy.d"))?;
    Ok(())
}

#[test]
fn what_is_not_there_is_said() -> Result<()> {
    let stage = Stage::new()?;
    let policy = stage.policy().write(stage.ground.base())?;
    let empty = stage.ground.base().display().to_string();
    let said = ask(&["replay", "--policy", text(&policy)?, &empty])?;
    assert_eq!(said.exit, Some(5), "{said:?}");
    assert!(said.complaint.contains("there is no recording in"), "{said:?}");
    let said = ask(&["replay", "--policy", "/nonexistent/p.toml", "/etc/passwd"])?;
    assert_eq!(said.exit, Some(7), "{said:?}");
    let policy = text(&policy)?;
    let said = ask(&["replay", "--policy", policy, "/etc/hostname"])?;
    assert_eq!(said.exit, Some(1), "{said:?}");
    assert!(said.complaint.contains("is no recording"), "{said:?}");
    Ok(())
}
