//! Contents that go.

use anyhow::Result;

use crate::check::{costs_nothing, filled_with, hold, passes, stops};

#[test]
fn each_way_to_shorten_a_file_is_one_operation() -> Result<()> {
    hold(&[
        stops(&["create {}"], 11, "truncate"),
        stops(&["creat {}"], 11, "truncate"),
        stops(&["truncate {} 0"], 11, "truncate"),
        stops(&["ftruncate {} 0"], 11, "truncate"),
        stops(&["ftruncate {} 13"], 11, "truncate"),
    ])
}

#[test]
fn what_loses_no_content_costs_nothing() -> Result<()> {
    hold(&[
        // Each file is 14 bytes long.
        costs_nothing(&["ftruncate {} 14", "ftruncate {} 4096"]),
        costs_nothing(&["create new-{}", "creat newer-{}"]),
        costs_nothing(&["open-path-truncate {}"]),
    ])
}

/// With `RESOLVE_IN_ROOT` an absolute path is not what it seems: it begins at the directory.
#[test]
fn a_directory_that_stands_for_the_root_is_where_the_path_begins() -> Result<()> {
    hold(&[
        stops(&["empty-in-root {tree} /{}"], 11, "truncate"),
        stops(&["empty-in-root {home} /tree/{}"], 11, "truncate"),
        costs_nothing(&[
            "mkdirs {outside}{tree}",
            "create {outside}{tree}/{}",
            "empty-in-root {outside} {tree}/{}",
        ]),
    ])
}

#[test]
fn truncates_that_fail_are_no_operations() -> Result<()> {
    let mut scene = filled_with(|policy| policy.budget("truncates", "0/1h"))?;
    passes(&mut scene, &["!truncate none 0", "!truncate {} -1", "!create none/{}", "!truncate . 0"])?;
    assert_eq!(scene.daemon.operations()?, []);
    scene.end().map(drop)
}
