//! Names that go: by every call, from every place.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::Result;
use tests::{Scene, truth};

use crate::check::{
    FILES, each, each_of, filled, filled_below, filled_with, hold, passes, stopped_anywhere, stops,
};

#[test]
fn each_way_to_name_a_file_is_one_operation() -> Result<()> {
    hold(&[
        stops(&["unlink {}"], 11, "delete"),
        stops(&["unlink ./{}"], 11, "delete"),
        stops(&["unlink .//./{}"], 11, "delete"),
        stops(&["unlink {tree}/{}"], 11, "delete"),
        stops(&["unlink {home}//tree/./{}"], 11, "delete"),
        stops(&["chdir {home}", "unlink tree/{}"], 11, "delete"),
        stops(&["unlinkat . {}"], 11, "delete"),
        stops(&["unlinkat {tree} {}"], 11, "delete"),
        stops(&["unlinkat {home} tree/{}"], 11, "delete"),
        stops(&["unlinkat {outside} {tree}/{}"], 11, "delete"),
    ])
}

#[test]
fn a_directory_is_one_operation() -> Result<()> {
    let mut scene = Scene::with(|policy, ground| {
        (0..FILES)
            .try_for_each(|number| ground.make_directory(&ground.tree().join(truth::file_name(number))))?;
        Ok(policy)
    })?;
    let job = each(&scene, &["rmdir {}"])?;
    job.until_stopped()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), 11);
    assert_eq!(scene.daemon.burst()?.kinds, ["delete"]);
    scene.end().map(drop)
}

#[test]
fn rm_of_a_whole_tree_is_stopped_below_its_root() -> Result<()> {
    let mut scene = filled_below()?;
    let job = scene.shell("exec rm -rf {}".replace("{}", &scene.tree().to_string_lossy()).as_str())?;
    job.until_stopped()?;
    assert_eq!(truth::missing(&scene.file("sub"), FILES), 11);
    assert!(!scene.daemon.burst()?.whole);
    scene.end().map(drop)
}

#[test]
fn find_below_a_working_directory_that_was_entered_through_a_link() -> Result<()> {
    let mut scene = filled_below()?;
    symlink(scene.file("sub"), scene.ground.base().join("link"))?;
    let job = scene.shell("cd ../../link && exec find . -type f -delete")?;
    job.until_stopped()?;
    assert_eq!(truth::missing(&scene.file("sub"), FILES), 11);
    assert_eq!(scene.daemon.burst()?.comm, "find");
    scene.end().map(drop)
}

#[test]
fn calls_that_fail_are_no_operations() -> Result<()> {
    let mut scene = Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), FILES)?;
        let locked = ground.tree().join("locked");
        fs::create_dir(&locked)?; // root's: the account may not remove what is in it
        ground.fill(&locked, FILES)?;
        Ok(policy.budget("deletes", "2/1h"))
    })?;
    let failing =
        ["!unlink nothing", "!unlink locked/{}", "!rmdir locked", "!unlink locked", "!unlinkat . none/{}"];
    each(&scene, &failing)?.until_done()?;
    each_of(&scene, 2, &["unlink {}"])?.until_done()?;
    // Not even when the budget is used up.
    each(&scene, &failing)?.until_done()?;
    scene.catch_up()?;
    assert!(!scene.daemon.has_burst()?);
    assert_eq!(scene.daemon.operations()?.len(), 2);
    let job = each_of(&scene, 1, &["unlink f0002", "unlink f0003"])?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 3);
    assert_eq!(truth::missing(&scene.file("locked"), FILES), 0);
    scene.end().map(drop)
}

#[test]
fn what_is_not_in_a_tree_costs_nothing() -> Result<()> {
    let mut scene = filled()?;
    scene.ground.fill(&scene.ground.outside(), FILES)?;
    passes(&mut scene, &["unlink {outside}/{}"])?;
    assert_eq!(scene.daemon.operations()?, []);
    assert_eq!(truth::missing(&scene.ground.outside(), FILES), FILES);
    scene.end().map(drop)
}

#[test]
fn several_trees_share_the_accounts_budget() -> Result<()> {
    let mut scene = Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), 6)?;
        ground.fill(&ground.outside(), 20)?;
        Ok(policy.also(&ground.outside()))
    })?;
    let job = scene.shell("rm -f * && cd ../outside && exec rm -f *")?;
    job.until_stopped()?;
    let burst = stopped_anywhere(&mut scene)?;
    assert_eq!(burst.kinds, ["delete"]);
    assert_eq!(scene.destroyed(6) + truth::missing(&scene.ground.outside(), 20), 11);
    scene.end().map(drop)
}

#[test]
fn memory_that_is_not_there_yet_hides_no_path() -> Result<()> {
    // The path lies in a page of the program's file that was never touched: it is read when the call is done.
    let mut scene = filled_with(|policy| policy.budget("deletes", "0/1h"))?;
    let job = each_of(&scene, 1, &["unlink-unread f0000", "unlink f0001"])?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 1);
    assert_eq!(scene.daemon.burst()?.path, "f0000");
    scene.end().map(drop)
}

#[test]
fn a_path_that_is_none_is_no_operation_and_no_fault() -> Result<()> {
    let mut scene = filled_with(|policy| policy.budget("deletes", "0/1h").budget("replaces", "0/1h"))?;
    passes(&mut scene, &["!unlink-nothing", "!rename-to-nothing {}"])?;
    assert_eq!(scene.daemon.operations()?, []);
    assert_eq!(scene.destroyed(FILES), 0);
    scene.end().map(drop)
}

#[test]
fn a_path_may_be_as_long_as_the_kernel_takes_it() -> Result<()> {
    for slashes in [3000, 4000] {
        let scene = filled()?;
        let job = each(&scene, &[&format!("unlink .{}{{}}", "/".repeat(slashes))])?;
        job.until_stopped()?;
        assert_eq!(scene.destroyed(FILES), 11, "{slashes} slashes");
        scene.end()?;
    }
    Ok(())
}
