//! What this tier does not see or cannot do, as the README says. When one of these fails, the limit is gone: say so.

use std::os::unix::fs::symlink;

use anyhow::Result;
use tests::{Event, Outcome, Scene, truth};

use crate::check::{FILES, each, each_of, filled, filled_below, hold_with, stops};

fn blind(scene: &mut Scene) -> Result<Vec<String>> {
    let seen = scene.daemon.seen()?.iter().filter_map(|event| match event {
        Event::Blind { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    Ok(seen.collect())
}

/// All files go, and the agent takes none of it for an operation; what it says instead.
fn unseen(scene: &mut Scene, steps: &[&str]) -> Result<Vec<String>> {
    each(scene, steps)?.until_done()?;
    scene.catch_up()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), FILES, "{steps:?}");
    assert_eq!(scene.daemon.operations()?, [], "{steps:?}");
    blind(scene)
}

#[test]
fn calls_of_the_32_bit_kind_are_not_seen() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["int80-unlink {}"])?;
    match job.until_ended()? {
        Outcome::Exited(0) => {
            scene.catch_up()?;
            assert_eq!(truth::missing(&scene.tree(), FILES), FILES);
            assert_eq!(scene.daemon.operations()?, []);
        }
        // A kernel without them, or another architecture: then there is nothing to miss.
        outcome => {
            let no_such_call = matches!(outcome, Outcome::Killed(signal) if signal == libc::SIGSEGV);
            assert!(no_such_call || cfg!(not(target_arch = "x86_64")), "{outcome:?}");
            assert_eq!(truth::missing(&scene.tree(), FILES), 0);
        }
    }
    drop(job);
    scene.end().map(drop)
}

#[test]
fn a_path_through_a_symbolic_link_is_not_seen() -> Result<()> {
    let mut scene = filled()?;
    symlink(scene.tree(), scene.ground.outside().join("link"))?;
    assert_eq!(unseen(&mut scene, &["unlink {outside}/link/{}"])?, Vec::<String>::new());
    scene.end().map(drop)
}

#[test]
fn a_path_with_dots_inside_is_not_judged_and_reported() -> Result<()> {
    let mut scene = filled()?;
    let reasons = unseen(&mut scene, &["unlink ../tree/{}"])?;
    assert_eq!(reasons, vec!["unresolved_path"; FILES]);
    assert_eq!(scene.end()?.get("unresolved_path"), FILES as u64);
    Ok(())
}

#[test]
fn a_path_that_leads_back_up_into_the_tree_is_reported_too() -> Result<()> {
    let mut scene = filled()?;
    let reasons = unseen(&mut scene, &["chdir {outside}", "unlink ../tree/{}"])?;
    assert_eq!(reasons, vec!["unresolved_path"; FILES]);
    scene.end().map(drop)
}

#[test]
fn what_a_ring_does_is_not_seen_but_the_ring_is() -> Result<()> {
    let mut scene = filled()?;
    let job = each_of(&scene, 1, &["io-uring"])?;
    if let Err(refused) = job.until_done() {
        let words = format!("{refused:#}");
        let known = words.contains("Operation not permitted") || words.contains("Function not implemented");
        assert!(known, "{words}");
        return Ok(());
    }
    let reasons = unseen(&mut scene, &["io-uring-unlink {}"])?;
    assert_eq!(reasons, vec!["io_uring"; FILES + 1]);
    scene.end().map(drop)
}

#[test]
fn a_second_name_outside_of_the_tree_is_not_protected() -> Result<()> {
    let mut scene = filled()?;
    each(&scene, &["link {} {outside}/{}", "truncate {outside}/{} 0"])?.until_done()?;
    scene.catch_up()?;
    assert_eq!(scene.destroyed(FILES), FILES);
    assert_eq!(scene.daemon.operations()?, []);
    scene.end().map(drop)
}

#[test]
fn a_directory_that_is_renamed_takes_its_files_along_as_one_delete() -> Result<()> {
    let mut scene = filled_below()?;
    each_of(&scene, 1, &["rename sub {outside}/sub"])?.until_done()?;
    each(&scene, &["unlink {outside}/sub/{}"])?.until_done()?;
    scene.catch_up()?;
    let operations = scene.daemon.operations()?;
    assert_eq!(operations.len(), 1, "{operations:?}");
    assert_eq!(operations[0].kinds, ["delete"]);
    scene.end().map(drop)
}

#[test]
fn someone_who_continues_the_process_lets_it_do_one_more() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["unlink {}"])?;
    job.until_stopped()?;
    for more in 1..=3 {
        job.continue_it()?;
        job.until_stopped()?;
        assert_eq!(scene.destroyed(FILES), 11 + more);
    }
    scene.daemon.burst()?;
    drop(job);
    scene.end().map(drop)
}

#[test]
fn some_calls_that_lose_nothing_are_counted() -> Result<()> {
    let rows = [
        // Growing by path: the file cannot be reached from the text.
        stops(&["truncate {} 4096"], 11, "truncate"),
        // Emptying what is empty, for the same reason.
        stops(&["creat f0000"], 1, "truncate"),
        // A rename to a name that was free: whether it was cannot be told.
        stops(&["create-new new", "rename new new-{}"], 0, "replace"),
    ];
    hold_with(&rows, |policy| policy.budget("replaces", "10/1h"))
}
