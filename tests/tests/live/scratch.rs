//! What an account made itself costs nothing, and nothing else can be passed off as that.

use std::fs;
use std::os::fd::AsRawFd as _;

use anyhow::Result;
use tests::truth;

use crate::check::{FILES, costs_nothing, each, each_of, filled, filled_below, hold, stops};

#[test]
fn own_files_cost_nothing() -> Result<()> {
    hold(&[
        costs_nothing(&["create-new s", "create s", "truncate s 0", "unlink s"]),
        costs_nothing(&["create-new s", "rename-new s t", "unlink t"]),
        costs_nothing(&["mkdir s", "create-new s/s", "unlink s/s", "rmdir s"]),
        costs_nothing(&["symlink {} s", "unlink s"]),
    ])
}

#[test]
fn a_lock_file_may_come_and_go_a_thousand_times() -> Result<()> {
    let mut scene = filled()?;
    each_of(&scene, 1000, &["create-new lock", "unlink lock"])?.until_done()?;
    scene.catch_up()?;
    assert_eq!(scene.daemon.operations()?, []);
    scene.end().map(drop)
}

#[test]
fn nothing_precious_becomes_an_own_file() -> Result<()> {
    hold(&[
        // Renamed, it stays precious: two deletes for each file, so that the eleventh is the renaming of the sixth.
        // (A replace as well, since whether the new name was free cannot be told; if it was an own file, it was not.)
        stops(&["rename {} s-{}", "unlink s-{}"], 6, "delete+replace"),
        stops(&["create-new s-{}", "rename {} s-{}", "unlink s-{}"], 6, "delete"),
        stops(&["create-new s-{}", "unlink s-{}", "rename {} s-{}", "unlink s-{}"], 6, "delete+replace"),
        // Nor does a second name help.
        stops(&["link {} s-{}", "unlink {}", "unlink s-{}"], 6, "delete"),
        stops(
            &["create-new s-{}", "unlink s-{}", "link {} s-{}", "truncate s-{} 0", "unlink s-{}"],
            11,
            "truncate",
        ),
        // What took the place of a precious file is precious.
        stops(&["create-new s-{}", "rename s-{} {}", "unlink {}"], 11, "delete"),
        stops(&["create-new s-{}", "exchange s-{} {}", "unlink s-{}"], 11, "delete"),
    ])
}

#[test]
fn a_destroyed_name_that_was_made_again_is_no_own_file() -> Result<()> {
    let mut scene = filled()?;
    let steps = ["unlink f0000", "create-new f0000", "unlink f0000", "create-new f0000", "unlink f0000"];
    each_of(&scene, 1, &steps)?.until_done()?;
    scene.catch_up()?;
    let kinds: Vec<_> =
        scene.daemon.operations()?.into_iter().flat_map(|operation| operation.kinds).collect();
    assert_eq!(kinds, ["delete", "recreate", "delete", "recreate", "delete"]);
    assert_eq!(scene.destroyed(FILES), 1);
    scene.end().map(drop)
}

/// The account's own directory has files of the precious ones' names in it. Then the precious directory takes its place,
/// by these steps, and the account deletes those names.
fn in_the_place_of_its_own(steps: &[&str], files_gone: usize) -> Result<()> {
    let mut scene = filled_below()?;
    each_of(&scene, 1, &["mkdir own"])?.until_done()?;
    each(&scene, &["create-new own/{}"])?.until_done()?;
    scene.catch_up()?;
    assert_eq!(scene.daemon.operations()?, [], "its own files cost something");
    let precious = fs::File::open(scene.file("sub"))?;
    each_of(&scene, 1, steps)?.until_done()?;
    each(&scene, &["unlink own/{}"])?.until_stopped()?;
    // By the descriptor, wherever the directory is now.
    let now = format!("/proc/self/fd/{}", precious.as_raw_fd());
    assert_eq!(truth::missing(now.as_ref(), FILES), files_gone, "{steps:?}");
    assert_eq!(scene.daemon.burst()?.kinds, ["delete"], "{steps:?}");
    scene.end().map(drop)
}

#[test]
fn a_directory_that_takes_the_place_of_its_own_is_not_its_own() -> Result<()> {
    in_the_place_of_its_own(&["exchange own sub"], 11)?;
    // The precious directory's own name is the first to go.
    in_the_place_of_its_own(&["rename own {outside}/own", "rename sub own"], 10)?;
    in_the_place_of_its_own(&["rename own {outside}/own", "rename-new sub own"], 10)
}

#[test]
fn a_link_that_takes_the_place_of_its_own_is_not_its_own() -> Result<()> {
    in_the_place_of_its_own(&["rename own {outside}/own", "symlink sub own"], 11)?;
    in_the_place_of_its_own(&["rename own {outside}/own", "symlink sub link", "rename link own"], 11)?;
    in_the_place_of_its_own(&["symlink {tree}/sub {outside}/link", "exchange {outside}/link own"], 11)
}
