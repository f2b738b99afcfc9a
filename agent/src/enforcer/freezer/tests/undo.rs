//! The way back, whatever happened meanwhile.

use std::fs;

use rustix::process::Signal;

use super::ground::{Ground, freezer, frozen, id, send, stopped, until};
use crate::enforcer::{
    freezer::{Brake, FreezeOutcome, Freezer, Group, ThawError},
    release::release,
};

#[test]
#[ignore = "needs root"]
fn who_was_stopped_before_is_so_afterwards() {
    let ground = Ground::new();
    let (mut freezer, id) = (freezer(&ground), id());
    let (stays, goes_on) = (ground.sleeper(&ground.group), ground.sleeper(&ground.group));
    send(stays, Signal::STOP);
    until("stopped", || stopped(stays));
    assert_eq!(freezer.freeze(id, &mut || vec![stays, goes_on]).held, 2);
    until("frozen", || frozen(&ground.group.leaf(id)));
    assert_eq!(freezer.thaw(id).back, 2);
    assert!(stopped(stays) && !stopped(goes_on));
}

#[test]
#[ignore = "needs root"]
fn of_two_freezes_the_last_one_lets_go() {
    for first_ends_first in [true, false] {
        let ground = Ground::new();
        let (mut freezer, first, second) = (freezer(&ground), id(), id());
        let process = ground.sleeper(&ground.group);
        freezer.freeze(first, &mut || vec![process]);
        freezer.freeze(second, &mut || vec![process]);
        let (outer, inner) = (ground.group.leaf(first), ground.group.leaf(first).leaf(second));
        assert_eq!(ground.place(process), inner);
        until("frozen", || frozen(&inner));
        assert_eq!(freezer.state(first).map(|state| state.processes), Some(1));
        if first_ends_first {
            let kept = freezer.thaw(first).kept;
            assert!(matches!(kept[..], [ThawError::InUse { .. }]), "{kept:?}");
            assert!(ground.place(process) == inner && frozen(&inner));
            assert_eq!(freezer.thaw(second).back, 1);
            assert_eq!(freezer.state(first), None, "nothing is left of it");
        } else {
            assert_eq!(freezer.thaw(second).back, 1);
            assert!(ground.place(process) == outer && !inner.exists());
            until("still frozen", || frozen(&outer));
            assert_eq!(freezer.thaw(first).back, 1);
        }
        assert_eq!(ground.place(process), ground.group);
        assert!(!outer.exists());
    }
}

#[test]
#[ignore = "needs root"]
fn another_agent_finds_and_ends_what_is_left() {
    let ground = Ground::new();
    let id = id();
    let group = ground.below();
    let processes = [ground.sleeper(&ground.group), ground.sleeper(&group)];
    let forged = ground.group.path().join("burstguard-4-not");
    fs::create_dir(forged).expect("a group of another name");
    let mut first = freezer(&ground);
    first.freeze(id, &mut || processes.to_vec());
    drop(first);
    // As if it had ended in the middle.
    let leaf = group.leaf(id);
    std::mem::forget(Brake::on(&leaf).expect("a brake"));
    let mut second = freezer(&ground);
    let found = second.found().into_iter().find(|found| found.id == id).expect("the freeze");
    assert_eq!((found.leaves.len(), found.processes), (2, 2));
    assert!(group.shall_be_frozen());
    second.adopt(&found, Vec::new());
    assert!(!group.shall_be_frozen() && leaf.shall_be_frozen(), "the brake alone is let go");
    let outcome = second.thaw(id);
    assert_eq!((outcome.back, outcome.kept.len()), (2, 0));
    assert_eq!(processes.map(|process| ground.place(process)), [ground.group.clone(), group]);
    assert!(second.found().iter().all(|found| found.id != id));
}

#[test]
#[ignore = "needs root"]
fn what_was_stopped_by_a_signal_is_remembered_by_whoever_asks() {
    let ground = Ground::new();
    let (id, process) = (id(), ground.sleeper(&ground.group));
    let FreezeOutcome { stopped: remembered, .. } = Freezer::at(None).freeze(id, &mut || vec![process]);
    until("stopped", || stopped(process));
    let mut later = Freezer::at(None);
    let found = crate::enforcer::freezer::Found { id, leaves: Vec::new(), processes: 0 };
    later.adopt(&found, remembered);
    assert_eq!(release(&later.thaw(id).stopped), [process.pid]);
    until("it goes on", || !stopped(process));
}

#[test]
#[ignore = "needs root"]
fn a_group_that_was_frozen_before_stays_so() {
    let ground = Ground::new();
    let (mut freezer, id) = (freezer(&ground), id());
    let process = ground.sleeper(&ground.group);
    ground.group.freeze(true).expect("frozen by somebody else");
    assert_eq!(freezer.freeze(id, &mut || vec![process]).held, 1);
    assert!(ground.group.shall_be_frozen());
    assert_eq!(freezer.thaw(id).back, 1);
    assert!(ground.group.shall_be_frozen());
    until("still frozen", || frozen(&ground.group));
}

#[test]
#[ignore = "needs root"]
fn a_unit_that_was_ended_has_taken_its_leaf_along() {
    let ground = Ground::new();
    let (mut freezer, id) = (freezer(&ground), id());
    let unit = ground.below();
    let process = ground.sleeper(&unit);
    freezer.freeze(id, &mut || vec![process]);
    let leaf = unit.leaf(id);
    until("frozen", || frozen(&leaf));
    // As the service manager does.
    fs::write(unit.path().join("cgroup.kill"), "1").expect("an end");
    until("ended", || !leaf.events().expect("events").populated);
    leaf.remove().expect("empty");
    unit.remove().expect("empty");
    let outcome = freezer.thaw(id);
    assert_eq!((outcome.back, outcome.gone, outcome.kept.len()), (0, 1, 0));
}

#[test]
fn no_way_back_is_said_and_nobody_stays_frozen() {
    let scratch = tempfile::tempdir().expect("a directory");
    let leaf = Group::new(scratch.path().to_owned()).leaf(7);
    fs::create_dir(leaf.path()).expect("a directory");
    for (file, text) in
        [("cgroup.procs", "4194305\n"), ("cgroup.freeze", "1"), ("cgroup.events", "populated 1\nfrozen 1\n")]
    {
        fs::write(leaf.path().join(file), text).expect("a file");
    }
    let mut freezer = Freezer::at(Some(scratch.path().to_owned()));
    let found = freezer.found();
    assert_eq!((found.len(), found[0].processes), (1, 1));
    freezer.adopt(&found[0], Vec::new());
    // The group above has no cgroup.procs here, so it refuses.
    let kept = freezer.thaw(7).kept;
    assert!(matches!(kept[..], [ThawError::NoWayBack { pids: 1, .. }]), "{kept:?}");
    assert_eq!(fs::read_to_string(leaf.path().join("cgroup.freeze")).expect("a file"), "0");
}
