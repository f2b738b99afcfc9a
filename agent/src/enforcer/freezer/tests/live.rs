//! The way in.

use std::{fs, time::Duration};

use rustix::process::Signal;
use tokio::time::timeout;

use super::ground::{Ground, freezer, frozen, id, send, stopped, until};
use crate::{
    enforcer::{
        freezer::{FreezeOutcome, Freezer, Left, group_of},
        release::release,
    },
    processes::proc::ProcessId,
};

fn left(outcome: &FreezeOutcome, process: ProcessId) -> &Left {
    &outcome.left.iter().find(|(id, _)| *id == process).expect("it was left").1
}

#[test]
#[ignore = "needs root"]
fn a_process_is_frozen_in_its_own_group_and_comes_back() {
    let ground = Ground::new();
    let (mut freezer, id) = (freezer(&ground), id());
    let process = ground.sleeper(&ground.group);
    let outcome = freezer.freeze(id, &mut || vec![process]);
    assert!(outcome.settled && outcome.left.is_empty() && outcome.stopped.is_empty(), "{outcome:?}");
    assert_eq!(outcome.held, 1);
    let leaf = ground.group.leaf(id);
    assert_eq!(ground.place(process), leaf);
    until("frozen", || frozen(&leaf));
    assert!(!ground.group.shall_be_frozen(), "only the leaf");
    let outcome = freezer.thaw(id);
    assert_eq!((outcome.back, outcome.kept.len(), outcome.gone), (1, 0, 0));
    assert_eq!(ground.place(process), ground.group);
    assert!(!leaf.exists() && !frozen(&ground.group));
    assert_eq!(freezer.state(id), None);
}

#[test]
#[ignore = "needs root"]
fn a_storm_of_forks_is_caught_and_a_bystander_is_not() {
    for bystander in [false, true] {
        let ground = Ground::new();
        let (mut freezer, id) = (freezer(&ground), id());
        let bystanders: Vec<_> = bystander.then(|| ground.sleeper(&ground.group)).into_iter().collect();
        let storm = "while :; do (sleep 0.02; :) & done 2>/dev/null";
        (0..3).for_each(|_| {
            ground.start(&ground.group, "sh", &["-c", storm]);
        });
        until("a storm", || ground.members(&bystanders).len() > 20);
        let outcome = freezer.freeze(id, &mut || ground.members(&bystanders));
        assert!(outcome.settled && outcome.stopped.is_empty(), "{outcome:?}");
        let leaf = ground.group.leaf(id);
        until("frozen", || frozen(&leaf));
        let outside: Vec<_> = ground.group.pids().expect("pids");
        assert_eq!(outside, bystanders.iter().map(|id| id.pid).collect::<Vec<_>>());
        assert!(!ground.group.shall_be_frozen(), "the brake is off");
        let (held, all) = (leaf.pids().expect("pids").len(), outcome.held);
        assert!(held >= 3 && held <= all, "{held} of {all}");
        assert_eq!(freezer.thaw(id).kept.len(), 0);
        assert!(!leaf.exists());
        until("the storm goes on", || ground.members(&bystanders).len() > 5);
    }
}

#[test]
#[ignore = "needs root"]
fn one_freeze_of_several_groups_has_a_leaf_in_each() {
    let ground = Ground::new();
    let (mut freezer, id) = (freezer(&ground), id());
    let (first, second) = (ground.below(), ground.below());
    let groups = [&ground.group, &first, &second];
    let processes = groups.map(|group| ground.sleeper(group));
    assert_eq!(freezer.freeze(id, &mut || processes.to_vec()).held, 3);
    for (process, group) in processes.into_iter().zip(groups) {
        assert_eq!(ground.place(process), group.leaf(id));
        until("frozen", || frozen(&group.leaf(id)));
        assert!(!group.shall_be_frozen());
    }
    // Again, with one more: only that one is to be moved.
    let late = ground.sleeper(&first);
    let outcome = freezer.freeze(id, &mut || [&processes[..], &[late]].concat());
    assert_eq!((outcome.held, outcome.left.len()), (4, 0));
    assert_eq!(freezer.thaw(id).back, 4);
    assert!(processes.into_iter().zip(groups).all(|(process, group)| ground.place(process) == *group));
}

#[test]
#[ignore = "needs root"]
fn who_is_in_the_root_of_the_tree_gets_a_leaf_there() {
    let ground = Ground::new();
    let (mut freezer, id) = (freezer(&ground), id());
    let process = ground.sleeper(&ground.root);
    assert_eq!(freezer.freeze(id, &mut || vec![process]).held, 1);
    let leaf = ground.root.leaf(id);
    assert_eq!(ground.place(process), leaf);
    until("frozen", || frozen(&leaf));
    assert_eq!(freezer.thaw(id).back, 1);
    assert!(!leaf.exists() && ground.place(process) == ground.root);
}

#[test]
#[ignore = "needs root"]
fn nobody_else_is_ever_meant() {
    let ground = Ground::new();
    let (mut freezer, id) = (freezer(&ground), id());
    let (gone, other) = (ground.sleeper(&ground.group), ground.sleeper(&ground.group));
    ground.end(gone);
    let earlier = ProcessId { start: other.start - 1, ..other };
    let own = crate::processes::proc::process(std::process::id()).expect("this one").id();
    let outcome = freezer.freeze(id, &mut || vec![gone, earlier, own]);
    assert!(matches!(left(&outcome, gone), Left::Gone));
    assert!(matches!(left(&outcome, earlier), Left::Gone));
    assert!(matches!(left(&outcome, own), Left::Spared(_)));
    assert_eq!((outcome.held, outcome.settled), (0, true));
    assert_eq!(ground.place(other), ground.group);
    assert!(!ground.group.leaf(id).exists() && !ground.group.shall_be_frozen(), "no leaf for nobody");
}

#[test]
#[ignore = "needs root"]
fn a_container_s_init_is_frozen() {
    let ground = Ground::new();
    let (mut freezer, id) = (freezer(&ground), id());
    ground.start(&ground.group, "unshare", &["--pid", "--fork", "--kill-child", "sleep", "600"]);
    until("an init", || ground.members(&[]).len() == 2);
    let init = ground.members(&[]).into_iter().find(|id| {
        let status = fs::read_to_string(format!("/proc/{}/status", id.pid)).unwrap_or_default();
        status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"))
    });
    let init = init.expect("pid 1 of its namespace");
    assert_eq!(freezer.freeze(id, &mut || vec![init]).held, 1);
    until("frozen", || frozen(&ground.group.leaf(id)));
    assert_eq!(freezer.thaw(id).back, 1);
}

#[test]
#[ignore = "needs root"]
fn what_cannot_be_in_a_leaf_is_stopped_by_a_signal() {
    let ground = Ground::new();
    let threaded = ground.below();
    fs::write(threaded.path().join("cgroup.type"), "threaded").expect("a threaded group");
    let (process, before) = (ground.sleeper(&ground.group), ground.sleeper(&ground.group));
    [process, before].iter().for_each(|id| threaded.take(id.pid).expect("in the threaded group"));
    send(before, Signal::STOP);
    until("stopped", || stopped(before));
    for mut freezer in [freezer(&ground), Freezer::at(None)] {
        let id = id();
        let outcome = freezer.freeze(id, &mut || vec![process, before]);
        assert_eq!((outcome.held, outcome.stopped.len(), outcome.settled), (0, 1, true), "{outcome:?}");
        assert!(matches!(left(&outcome, before), Left::AlreadyStopped));
        until("stopped", || stopped(process));
        let state = freezer.state(id).expect("a freeze");
        assert!(state.frozen && state.processes == 1, "{state:?}");
        assert_eq!(threaded.children(), [], "no leaf is left there");
        assert_eq!(group_of(&ground.root, process.pid), Some(threaded.clone()));
        assert_eq!(release(&freezer.thaw(id).stopped), [process.pid]);
        until("it goes on", || !stopped(process));
        assert!(stopped(before), "not by us");
    }
}

#[tokio::test(flavor = "current_thread")]
#[ignore = "needs root"]
async fn every_change_is_told() {
    let ground = Ground::new();
    let (mut freezer, id) = (freezer(&ground), id());
    let process = ground.sleeper(&ground.group);
    let second = ground.sleeper(&ground.group);
    freezer.freeze(id, &mut || vec![process, second]);
    let leaf = ground.group.leaf(id);
    let state = next(&mut freezer, |state| state.frozen).await;
    assert_eq!((state.0, state.1), (id, 2));
    let quiet = timeout(Duration::from_millis(50), freezer.changed()).await;
    assert!(quiet.is_err(), "nothing has changed: {quiet:?}");
    leaf.freeze(false).expect("somebody else thaws it");
    next(&mut freezer, |state| !state.frozen).await;
    leaf.freeze(true).expect("and freezes it");
    next(&mut freezer, |state| state.frozen).await;
    ground.end(process);
    ground.end(second);
    next(&mut freezer, |state| state.processes == 0).await;
    assert!(!leaf.exists(), "nobody is in it any more");
    assert_eq!(freezer.thaw(id).kept.len(), 0);
}

async fn next(
    freezer: &mut Freezer,
    so: impl Fn(&crate::enforcer::freezer::FreezeState) -> bool,
) -> (u64, usize) {
    let wait = async {
        loop {
            let state = freezer.changed().await;
            if so(&state) {
                return (state.id, state.processes);
            }
        }
    };
    timeout(Duration::from_secs(20), wait).await.expect("a change")
}
