//! Which tree a name lies in: trees within trees, and trees that show up elsewhere.

use std::process::Command;

use anyhow::Result;
use tests::{Account, Job, Scene, truth};

use crate::check::{FILES, each, fill_below, filled, filled_below, is_protected, passes};

/// A tree of another account's own, inside of the account's.
fn nested() -> Result<Scene> {
    let other = Account::unlisted()?;
    Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), FILES)?;
        fill_below(ground)?;
        Ok(policy.and(other.name(), &ground.tree().join("sub")))
    })
}

#[test]
fn a_tree_inside_of_a_tree_belongs_to_both() -> Result<()> {
    for steps in [&["unlink sub/{}"], &["unlinkat sub {}"], &["unlink {tree}/sub/{}"]] {
        let mut scene = nested()?;
        let job = each(&scene, steps)?;
        job.until_stopped()?;
        assert_eq!(truth::missing(&scene.file("sub"), FILES), 11, "{steps:?}");
        assert_eq!(scene.daemon.burst()?.kinds, ["delete"], "{steps:?}");
        scene.end()?;
    }
    Ok(())
}

#[test]
fn what_goes_in_both_trees_comes_out_of_one_budget() -> Result<()> {
    let mut scene = nested()?;
    let job = each(&scene, &["unlink {}", "unlink sub/{}"])?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES) + truth::missing(&scene.file("sub"), FILES), 11);
    scene.daemon.burst()?;
    scene.end().map(drop)
}

#[test]
fn an_account_of_the_inner_tree_is_not_one_of_the_tree_around_it() -> Result<()> {
    let other = Account::unlisted()?;
    let mut scene = Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), FILES)?;
        ground.fill(&ground.outside(), FILES)?;
        Ok(policy.and(other.name(), &ground.home()))
    })?;
    passes(&mut scene, &["unlink {outside}/{}"])?;
    assert_eq!(scene.daemon.operations()?, []);
    is_protected(scene)
}

/// `rm` by the account in the outside directory, where `what` is mounted, in a mount namespace that ends with it.
fn rm_where_it_is_mounted(scene: &Scene, what: &str) -> Result<Job> {
    let script = format!(
        "mount --bind {what} {{outside}} && cd {{outside}} && \
         exec setpriv --reuid $1 --regid $2 --clear-groups -- rm -f f0000 $(ls)"
    );
    let (uid, gid) = (scene.account.uid().to_string(), scene.account.gid().to_string());
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--", "sh", "-c"]);
    command.args([&scene.ground.expand(&script), "sh", &uid, &gid]);
    Job::start(command)
}

#[test]
fn a_bind_mount_in_a_namespace_of_its_own_is_the_same_tree() -> Result<()> {
    let mut scene = filled()?;
    let job = rm_where_it_is_mounted(&scene, "{tree}")?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 11);
    assert_eq!(scene.daemon.burst()?.pid, job.pid());
    scene.end().map(drop)
}

#[test]
fn so_is_a_bind_mount_of_a_directory_in_it() -> Result<()> {
    let mut scene = filled_below()?;
    let job = rm_where_it_is_mounted(&scene, "{tree}/sub")?;
    job.until_stopped()?;
    assert_eq!(truth::missing(&scene.file("sub"), FILES), 11);
    assert_eq!(scene.daemon.burst()?.pid, job.pid());
    scene.end().map(drop)
}
