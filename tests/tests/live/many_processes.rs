//! However many processes there have been or are, each is told apart, and none is forgotten or kept.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use tests::{Account, Job, wait};

use crate::check::{FILES, filled};
use crate::maps::Loaded;

#[test]
fn ids_that_are_given_out_again_are_those_of_others() -> Result<()> {
    const ROUNDS: usize = 20; // of 25,000 processes each: a million in all, of ids that begin anew after some 30,000
    let mut scene = filled()?;
    let loaded = Loaded::by(&scene.daemon)?;
    let other = Account::unlisted()?;
    for _ in 0..ROUNDS {
        let own = scene.hand(&["spawn", "25000"])?;
        let others = Job::start(scene.ground.hand_command(&other, &["spawn", "25000"])?)?;
        others.until_done()?;
        own.until_done()?;
    }
    // Ids that were members' a moment ago are now those of processes that may do what they like.
    fs::set_permissions(scene.tree(), Permissions::from_mode(0o777))?;
    let mut command = other.shell("for f in *; do env rm -f $f; done");
    command.current_dir(scene.tree());
    Job::start(command)?.until_done()?;
    assert_eq!(scene.destroyed(FILES), FILES);
    scene.catch_up()?;
    assert_eq!(scene.daemon.operations()?, []);
    wait::until("no entry is left", || Ok(loaded.members()?.is_empty().then_some(())))?;
    assert_eq!(loaded.taken()?, 0);
    scene.end().map(drop)
}

#[test]
fn past_as_many_as_can_be_told_a_parent_stops_and_its_child_is_a_member() -> Result<()> {
    let mut scene = filled()?;
    let loaded = Loaded::by(&scene.daemon)?;
    loaded.leave_room(4)?;
    let job = scene.hand(&["brood", "9"])?;
    job.until_stopped()?;
    // Itself, three that there was a place for, and the one that it stopped for.
    assert_eq!((loaded.members()?.len(), loaded.taken()?), (5, 5));
    drop(job);
    scene.account.end_processes();
    wait::until("nobody is left", || Ok((loaded.taken()? == 0).then_some(())))?;
    assert_eq!(scene.daemon.end()?.get("lineage_full"), 1);
    Ok(())
}
