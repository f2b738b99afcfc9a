//! What this tier cannot do, as docs/limits.md says; what it does not see is in `bypass`. When one of these fails, the limit is
//! gone: say so.

use anyhow::Result;

use crate::check::{FILES, each, filled, hold_with, stops};

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
