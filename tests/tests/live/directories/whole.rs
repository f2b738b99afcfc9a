//! A directory that goes takes everything along, so it is a burst by itself.

use std::fs;

use anyhow::{Result, ensure};
use tests::{Crowd, Party, truth};

use crate::check::fill_below;
use crate::holding::{BUDGET, FILES, each_row, holds};

/// One step, which is held at once, and what must still be there.
const WHOLE: &[(&str, &str)] = &[
    ("rename sub {outside}/sub", "sub/f0000"),
    ("rename sub {tree}/other", "sub/f0000"),
    ("exchange sub {outside}", "sub/f0000"),
    ("rename {tree} {outside}/gone", "f0000"),
    ("rename {home} {base}/gone", "f0000"),
    ("exchange {tree} {outside}", "f0000"),
];

fn party() -> Result<Party> {
    let party = Party::new(FILES)?;
    fill_below(&party.ground)?;
    party.ground.give(party.ground.base())?; // so that the account may rename what is in it
    Ok(party)
}

#[test]
fn a_directory_or_what_is_above_a_tree_is_a_burst_by_itself() -> Result<()> {
    let parties = WHOLE.iter().map(|_| party()).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, holds)?;
    let rows = WHOLE.iter().enumerate().map(|(at, row)| (row.0.to_owned(), (at, row)));
    each_row(rows, |(at, (step, there))| {
        let party = &crowd.parties[at];
        let job = party.each(1, &[step])?;
        job.until_stopped()?;
        let held = crowd.daemon.held_by(job.pid())?;
        ensure!(crowd.daemon.burst_by(job.pid())?.whole, "not a whole tree");
        ensure!(party.file(there).exists(), "{there} is not there any more");
        held.incident.approve(&[])?;
        job.until_done()?;
        ensure!(!party.file(there).exists() || step.starts_with("exchange"), "it did not complete");
        Ok(())
    })?;
    crowd.end().map(drop)
}

#[test]
fn what_is_in_a_directory_that_was_moved_out_stays_protected() -> Result<()> {
    let mut crowd = Crowd::watched(vec![party()?], holds)?;
    let party = &crowd.parties[0];
    let moving = party.each(1, &["rename sub {outside}/sub"])?;
    let held = crowd.daemon.held_by(moving.pid())?;
    held.incident.approve(&[])?;
    moving.until_done_in_the_end()?;
    let moved = party.ground.outside().join("sub");
    assert_eq!(truth::missing(&moved, FILES), 0);
    let job = party.each(FILES, &["unlink {outside}/sub/{}"])?;
    job.until_stopped()?;
    crowd.daemon.held_by(job.pid())?;
    assert_eq!(truth::missing(&moved, FILES), BUDGET);
    drop(job);
    crowd.end().map(drop)
}

#[test]
fn an_empty_root_is_held_and_not_removed() -> Result<()> {
    let mut crowd = Crowd::watched(vec![Party::new(0)?], holds)?;
    let party = &crowd.parties[0];
    let job = party.each(1, &["rmdir {tree}"])?;
    job.until_stopped()?;
    let held = crowd.daemon.held_by(job.pid())?;
    assert!(party.ground.tree().exists() && crowd.daemon.burst_by(job.pid())?.whole);
    held.incident.approve(&[])?;
    job.until_done()?;
    assert!(!party.ground.tree().exists());
    crowd.end().map(drop)
}

/// What comes into the tree now is.
fn is_protected(mut crowd: Crowd) -> Result<()> {
    let party = &crowd.parties[0];
    party.ground.fill(&party.ground.tree(), FILES)?;
    let job = party.each(FILES, &["unlink {}"])?;
    job.until_stopped()?;
    crowd.daemon.held_by(job.pid())?;
    assert_eq!(party.missing(FILES), BUDGET);
    drop(job);
    crowd.end().map(drop)
}

/// Nobody has time to look between the two: it is made by one process, the same that removes it.
#[test]
fn a_root_that_its_account_removed_and_made_again_is_protected() -> Result<()> {
    let mut crowd = Crowd::watched(vec![Party::new(0)?], holds)?;
    let party = &crowd.parties[0];
    let job = party.each(1, &["rmdir {tree}", "mkdir {tree}", "chdir {tree}", "mkdir sub"])?;
    let held = crowd.daemon.held_by(job.pid())?;
    held.incident.approve(&["--tree", &party.ground.tree().to_string_lossy()])?;
    job.until_done_in_the_end()?;
    is_protected(crowd)
}

#[test]
fn a_tree_that_someone_else_replaced_is_protected_at_once() -> Result<()> {
    let crowd = Crowd::watched(vec![party()?], holds)?;
    let party = &crowd.parties[0];
    fs::rename(party.ground.tree(), party.ground.outside().join("old"))?;
    party.ground.make_directory(&party.ground.tree())?;
    is_protected(crowd)
}
