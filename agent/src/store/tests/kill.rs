//! A process that is killed: nothing of it closes the file.

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use super::*;

/// Where the process that is killed writes, and what it says when the decision is on the disk.
const STATE: &str = "BURSTGUARD_TEST_STATE";
const WRITTEN: &str = "the decision is written";

#[test]
fn what_was_decided_outlives_whoever_is_killed_before_carrying_it_out() {
    let ground = Ground::new();
    let mut killed = Command::new(env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "--nocapture", "store::tests::kill::the_one_that_is_killed"])
        .env(STATE, ground.directory())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let said = BufReader::new(killed.stdout.take().expect("piped just above"));
    let is_written = said.lines().map_while(Result::ok).any(|line| line.contains(WRITTEN));
    killed.kill().expect("a signal");
    killed.wait().expect("its status");
    assert!(is_written, "it ended before that");
    // Whoever only reads finds all of it, though SQLite has not brought it together.
    let reader = file::open_to_read(&ground.directory()).expect("a reader");
    assert_eq!(book::rows(&reader, 0).expect("rows").len(), 3);
    drop(reader);
    let mut next = ground.start();
    assert_eq!(next.last, 1);
    let shown = next.shown(1);
    assert_eq!((shown.decisions[0].reason.as_str(), shown.decisions[0].outcome.as_str()), ("CHG-1", UNKNOWN));
    next.end();
    assert!(proven(&ground.book()));
}

#[test]
#[ignore = "is killed by another test"]
fn the_one_that_is_killed() {
    let Some(directory) = env::var_os(STATE) else { return };
    let (store, opening) = Store::open(directory.into(), Bounds::default());
    let Opened { last_incident: last, left } = opening.wait(Duration::from_secs(10)).expect("a record");
    let mut scene = Scene { store, last, left, ticket: 0 };
    scene.write(opened(1)).expect("written");
    scene.write(decided(1, "")).expect("written");
    println!("{WRITTEN}");
    // Here it would be carried out.
    std::thread::park_timeout(Duration::from_secs(60));
}
