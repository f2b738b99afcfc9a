//! Names that move.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use anyhow::Result;
use tests::{Scene, truth};

use crate::check::{
    FILES, costs_nothing, each, each_of, fill_below, filled, filled_with, hold, hold_with, is_protected,
    passes, stops,
};

#[test]
fn renaming_a_name_away_is_a_delete_wherever_it_goes() -> Result<()> {
    hold(&[
        stops(&["rename {} {outside}/{}"], 11, "delete"),
        // Whether the new name was free cannot be told, so it counts as well.
        stops(&["rename {} {}.bak"], 11, "delete+replace"),
        stops(&["rename {} ../outside/{}"], 11, "delete"),
        stops(&["rename-new {} {}.bak"], 11, "delete"),
        stops(&["rename-from-nowhere {tree}/{} {outside}/{}"], 11, "delete"),
    ])
}

#[test]
fn mv_of_many_files_is_stopped() -> Result<()> {
    let mut scene = filled()?;
    let job = scene.shell("exec mv * ../outside/")?;
    job.until_stopped()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), 11);
    assert_eq!(scene.daemon.burst()?.comm, "mv");
    scene.end().map(drop)
}

#[test]
fn renaming_over_a_name_is_a_replace_wherever_it_comes_from() -> Result<()> {
    let rows = [
        stops(&["create-new new", "rename new {}"], 11, "replace"),
        stops(&["create-new {outside}/new", "rename {outside}/new {}"], 11, "replace"),
        stops(&["create-new {outside}/{}", "exchange {outside}/{} {}"], 11, "replace"),
        stops(&["create-new new-{}", "exchange new-{} {}"], 11, "replace"),
        stops(&["create-new {outside}/{}", "rename-from-nowhere {outside}/{} {tree}/{}"], 11, "replace"),
        stops(&["create-new {outside}/{}", "exchange-from-nowhere {outside}/{} {tree}/{}"], 11, "replace"),
        stops(&["create-new {outside}/{}", "exchange-from-nowhere {tree}/{} {outside}/{}"], 11, "replace"),
    ];
    hold_with(&rows, |policy| policy.budget("replaces", "10/1h"))
}

/// What the names lead to: two files with the same text are still two files.
fn inodes(scene: &Scene) -> Result<Vec<u64>> {
    let inode = |number| Ok(fs::symlink_metadata(scene.file(truth::file_name(number)))?.ino());
    (0..FILES).map(inode).collect()
}

#[test]
fn each_end_of_an_exchange_is_a_replace() -> Result<()> {
    let mut scene = Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), FILES)?;
        fill_below(ground)?;
        Ok(policy.budget("replaces", "10/1h"))
    })?;
    let before = inodes(&scene)?;
    let job = each(&scene, &["exchange {} sub/{}"])?;
    job.until_stopped()?;
    assert_eq!(scene.daemon.burst()?.kinds, ["replace"]);
    // The sixth exchange is the eleventh and twelfth replace.
    let exchanged = before.iter().zip(inodes(&scene)?).filter(|&(&before, now)| before != now).count();
    assert_eq!(exchanged, 6);
    scene.end().map(drop)
}

#[test]
fn a_rename_that_destroys_nothing_costs_nothing() -> Result<()> {
    hold(&[
        costs_nothing(&["rename {} {}"]),
        costs_nothing(&["create-new {outside}/new", "rename-new {outside}/new new-{}"]),
    ])
}

#[test]
fn renames_that_fail_are_no_operations() -> Result<()> {
    let mut scene = filled_with(|policy| policy.budget("deletes", "0/1h").budget("replaces", "0/1h"))?;
    passes(
        &mut scene,
        &["!rename none {}", "!rename-new {} f0000", "!rename {} none/{}", "!exchange {} none"],
    )?;
    assert_eq!(scene.daemon.operations()?, []);
    assert_eq!(scene.destroyed(FILES), 0);
    scene.end().map(drop)
}

#[test]
fn a_root_or_a_directory_above_it_is_a_burst_by_itself() -> Result<()> {
    for step in ["rename {tree} {outside}/gone", "rename {home} {base}/gone", "exchange {tree} {outside}"] {
        let mut scene = filled()?;
        scene.ground.give(scene.ground.base())?; // so that the account may rename what is in it
        let job = each_of(&scene, 1, &[step, "unlink {base}/not-reached"])?;
        job.until_stopped()?;
        assert!(scene.daemon.burst()?.whole, "{step}");
        drop(job);
        scene.end()?;
    }
    Ok(())
}

#[test]
fn removing_an_empty_root_is_a_burst_by_itself() -> Result<()> {
    let mut scene = Scene::new()?;
    let job = each_of(&scene, 1, &["rmdir {tree}", "unlink not-reached"])?;
    job.until_stopped()?;
    assert!(scene.daemon.burst()?.whole);
    scene.end().map(drop)
}

#[test]
fn a_tree_that_someone_else_replaced_is_protected_at_once() -> Result<()> {
    let scene = filled()?;
    fs::rename(scene.tree(), scene.ground.outside().join("old"))?;
    scene.ground.make_directory(&scene.tree())?;
    scene.fill(FILES)?;
    is_protected(scene)
}
