//! The agent answers while the host is busy and the account is, too.

use std::time::{Duration, Instant};

use anyhow::Result;
use tests::{Account, Job, Scene, Socket, wait};

use crate::check::{FILES, filled_with};

/// As much as a responder would call at once.
const AT_ONCE: Duration = Duration::from_millis(100);

#[test]
fn a_request_is_answered_at_once_while_everybody_is_busy() -> Result<()> {
    const TIMES: usize = 200;
    // Every operation is counted and reported; none stops what makes them.
    let mut scene = filled_with(|policy| policy.observe().budget("deletes", "1024/1s"))?;
    let others = [Account::unlisted()?, Account::unlisted()?];
    let _spinning: Vec<_> =
        others.iter().map(|other| Job::start(other.shell("while :; do :; done"))).collect::<Result<_>>()?;
    let busy = |scene: &Scene, name: &str| {
        let steps = format!("each 500 unlink\\ {name} create-new\\ {name}");
        scene.shell(&format!("while :; do {} {steps}; done", scene.ground.hand()?.display()))
    };
    let jobs = [busy(&scene, "f0000")?, busy(&scene, "f0001")?];
    wait::until("they are at work", || Ok((scene.daemon.operations()?.len() > 1000).then_some(())))?;
    let mut socket = Socket::connect()?;
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let asked = Instant::now();
        let (status, _) = socket.get("/v1/status")?;
        took.push(asked.elapsed());
        assert_eq!(status, 200);
        // No more than a user may ask in the long run.
        wait::keep_distance(Duration::from_millis(20))?;
    }
    took.sort_unstable();
    let operations = scene.daemon.operations()?.len();
    let [min, median, p99, max] = [0, TIMES / 2, TIMES * 99 / 100, TIMES - 1].map(|at| took[at]);
    println!(
        "status under load: min {min:?} median {median:?} p99 {p99:?} max {max:?}; {operations} operations of {FILES} files"
    );
    assert!(median <= AT_ONCE && p99 <= AT_ONCE, "median {median:?} p99 {p99:?}");
    drop(jobs);
    scene.account.end_processes();
    scene.daemon.end().map(drop)
}
