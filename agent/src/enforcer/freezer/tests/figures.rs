//! How long a freeze takes. `cargo test --release -p burstguard -- --ignored --nocapture freezer::tests::figures`

use std::{
    fs::File,
    thread,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, poll};

use super::ground::{Ground, freezer, id, until};
use crate::{enforcer::freezer::Group, processes::proc::ProcessId};

const PROCESSES: usize = 1000;
const RUNS: usize = 30;

/// What one run took.
struct Run {
    /// From the call until nothing runs: the group is frozen, or the leaf with everybody in it.
    still: Duration,
    /// Until the call returned.
    call: Duration,
    thaw: Duration,
}

#[test]
#[ignore = "measures"]
fn a_thousand_processes() {
    println!("{PROCESSES} processes, {RUNS} runs: ms                     min   median      p99      max");
    figure("they alone are in their group", false);
    figure("another process is in it too", true);
}

fn figure(name: &str, bystander: bool) {
    let ground = Ground::new();
    let bystanders: Vec<_> = bystander.then(|| ground.sleeper(&ground.group)).into_iter().collect();
    let start =
        format!("i=0; while [ $i -lt {PROCESSES} ]; do sleep 600 & i=$((i + 1)); done; exec sleep 600");
    ground.start(&ground.group, "sh", &["-c", &start]);
    until("all are there", || ground.members(&bystanders).len() > PROCESSES);
    let runs: Vec<Run> = (0..RUNS).map(|_| run(&ground, &bystanders)).collect();
    for (what, value) in [
        ("nothing runs any more", (|run: &Run| run.still) as fn(&Run) -> Duration),
        ("the call has returned", |run| run.call),
        ("thawed", |run| run.thaw),
    ] {
        row(&format!("{name}: {what}"), runs.iter().map(value).collect());
    }
}

fn run(ground: &Ground, bystanders: &[ProcessId]) -> Run {
    let (mut freezer, id) = (freezer(ground), id());
    // The kernel programs list them for free; a look through /proc is not what is measured.
    let mut first = Some(ground.members(bystanders));
    let braked = bystanders.is_empty();
    let (leaf, group) = (ground.group.leaf(id), ground.group.clone());
    let watcher = braked.then(|| {
        thread::spawn(move || {
            wait(&group);
            Instant::now()
        })
    });
    let begun = Instant::now();
    let outcome = freezer.freeze(id, &mut || first.take().unwrap_or_else(|| outside(ground, bystanders)));
    let call = begun.elapsed();
    wait(&leaf);
    let still = watcher.map_or_else(|| begun.elapsed(), |watcher| watcher.join().expect("a moment") - begun);
    assert!(outcome.settled && outcome.held > PROCESSES, "{outcome:?}");
    let begun = Instant::now();
    assert!(freezer.thaw(id).kept.is_empty());
    Run { still, call, thaw: begun.elapsed() }
}

fn outside(ground: &Ground, bystanders: &[ProcessId]) -> Vec<ProcessId> {
    let pids = ground.group.pids().expect("pids").into_iter();
    let ids = pids.filter_map(|pid| crate::processes::proc::process(pid).map(|process| process.id()));
    ids.filter(|id| !bystanders.contains(id)).collect()
}

fn wait(group: &Group) {
    let events = File::open(group.path().join("cgroup.events")).expect("a group");
    while !group.events().expect("events").frozen {
        poll(&mut [PollFd::new(&events, PollFlags::PRI)], None).expect("a change");
        // Reading through this descriptor is what takes the note of the change away.
        std::io::read_to_string(&mut &events).expect("events");
        std::io::Seek::rewind(&mut &events).expect("the start");
    }
}

fn row(name: &str, mut values: Vec<Duration>) {
    values.sort();
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    println!("{name:<56} {:>8.2} {:>8.2} {:>8.2} {:>8.2}", at(0.0), at(0.5), at(0.99), at(1.0));
}
