//! Names that come back after the same account made them go.

use std::fs;

use anyhow::Result;
use tests::{Scene, truth};

use crate::check::{FILES, each, fill_below, filled, hold, is_protected, passes, stops};

#[test]
fn a_name_that_comes_back_is_a_recreate_however_it_is_made() -> Result<()> {
    hold(&[
        stops(&["unlink {}", "create {}"], 4, "recreate"),
        stops(&["unlink {}", "create-new {}"], 4, "recreate"),
        stops(&["unlink {}", "creat {}"], 4, "recreate"),
        stops(&["unlink {}", "mkdir {}"], 4, "recreate"),
        stops(&["unlink {}", "symlink nothing {}"], 4, "recreate"),
        stops(&["unlink {}", "create-new new-{}", "link new-{} {}", "unlink new-{}"], 4, "recreate"),
        stops(&["unlink {}", "create-new new", "rename new {}"], 4, "recreate"),
    ])
}

#[test]
fn a_name_that_is_renamed_away_and_back_is_a_recreate() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["rename {} {outside}/{}", "rename {outside}/{} {}"])?;
    job.until_stopped()?;
    assert_eq!(scene.daemon.burst()?.kinds, ["recreate"]);
    assert_eq!(scene.daemon.burst()?.path, "f0003");
    assert_eq!(scene.destroyed(FILES), 0);
    scene.end().map(drop)
}

#[test]
fn names_are_known_again_below_a_directory_that_was_made_again() -> Result<()> {
    let mut scene = Scene::with(|policy, ground| {
        fill_below(ground)?;
        Ok(policy.budget("deletes", "100/1h").budget("recreates", "3/1h"))
    })?;
    scene.shell("exec rm -r sub")?.until_done()?;
    // The directory is the first to come back, then two of its files; the third is one too many.
    let job = scene.shell("mkdir sub; for f in f0000 f0001 f0002 f0003; do echo new > sub/$f; done")?;
    job.until_stopped()?;
    assert_eq!(FILES - truth::missing(&scene.file("sub"), FILES), 3);
    assert_eq!(scene.daemon.burst()?.kinds, ["recreate"]);
    scene.end().map(drop)
}

#[test]
fn a_root_that_was_removed_and_made_again_is_still_protected() -> Result<()> {
    let scene = filled()?;
    fs::remove_dir_all(scene.tree())?;
    scene.ground.make_directory(&scene.tree())?;
    scene.fill(FILES)?;
    is_protected(scene)
}

#[test]
fn a_name_that_someone_else_made_go_is_no_recreate() -> Result<()> {
    let mut scene = filled()?;
    for number in 0..FILES {
        fs::remove_file(scene.file(truth::file_name(number)))?;
    }
    passes(&mut scene, &["create-new {}"])?;
    assert_eq!(scene.daemon.operations()?, []);
    scene.end().map(drop)
}
