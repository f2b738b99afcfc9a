//! What an account made itself costs nothing, and nothing else can be passed off as that.

use anyhow::Result;

use crate::check::{FILES, costs_nothing, each_of, filled, hold, stops};

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
