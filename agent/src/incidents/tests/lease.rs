//! What a lease allows, and when it ends.

use std::{path::PathBuf, time::Duration};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::scene::{NOW, S, Scene, replies};
use crate::{
    api::{Allowance, Answer, Code, LeaseView, Reason, Request, Right, Scope, State, Verb},
    daemon::{Effect, Ending, Input, Leave, Outcome, Within},
    report::Event,
    sensor::What,
};

const ID: u64 = 41;
const MINUTES: u64 = 60 * S;

fn reason() -> Reason {
    Reason::try_from("CHG-123".to_owned()).unwrap()
}

fn lease_of(trees: &[&str], budget: Option<&str>) -> Request {
    Request::Lease {
        account: "deployer".to_owned(),
        trees: trees.iter().map(PathBuf::from).collect(),
        budget: budget.map(|budget| budget.parse().unwrap()),
        until: Duration::from_mins(30),
        reason: reason(),
    }
}

fn within(path: &str) -> Within {
    Within { tree: "/srv".into(), path: path.as_bytes().to_vec() }
}

/// A lease that the kernel knows of.
fn granted(budget: Option<&str>) -> Scene {
    let mut scene = Scene::new();
    scene.ask(lease_of(&["/srv/app"], budget));
    let call = Some(scene.last_call);
    scene.lease(ID, NOW + 30 * MINUTES, Allowance::numbers(budget.map(|it| it.parse().unwrap()).as_ref()));
    scene.on(Input::Outcome(Outcome::Leased { call, incident: ID, done: Ok(()) }));
    scene
}

fn leases(scene: &mut Scene) -> Vec<LeaseView> {
    match &replies(&scene.ask(Request::Leases))[..] {
        [Ok(Answer::Leases(leases))] => leases.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_is_written_down_before_it_is_in_force_and_answered_when_it_is() {
    let mut scene = Scene::new();
    let effects = scene.ask(lease_of(&["/srv/app"], Some("deletes=500")));
    let leave = Leave {
        once: false,
        until: NOW + 30 * MINUTES,
        seen: None,
        allowance: Some(Allowance::Kinds([("deletes".to_owned(), 500)].into())),
        within: vec![within("app")],
    };
    let call = Some(scene.last_call);
    assert_eq!(effects, [Effect::Lease { call, incident: ID, account: "deployer".to_owned(), leave }]);
    assert!(scene.written.iter().any(|(entry, first)| entry.incident() == Some(ID) && *first));
    let effects = scene.on(Input::Outcome(Outcome::Leased { call, incident: ID, done: Ok(()) }));
    assert!(matches!(&effects[0], Effect::Report(Event::Leased { incident: ID, .. })), "{effects:?}");
    let [Ok(Answer::Lease(lease))] = &replies(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((lease.id, lease.used, &*lease.reason), (ID, 0, "CHG-123"));
    assert_eq!(scene.detail(ID).summary.state, State::Leased);
}

#[test]
fn one_that_the_kernel_does_not_take_is_none() {
    let mut scene = Scene::new();
    scene.ask(lease_of(&["/srv"], None));
    let done = Err("the map is full".to_owned());
    let effects =
        scene.on(Input::Outcome(Outcome::Leased { call: Some(scene.last_call), incident: ID, done }));
    assert!(matches!(&replies(&effects)[..], [Err(problem)] if problem.code == Code::Failed), "{effects:?}");
    assert!(leases(&mut scene).is_empty());
}

#[test]
fn what_is_no_directory_of_a_tree_is_refused_and_nothing_is_half_done() {
    let mut scene = Scene::new();
    for (path, code) in [
        ("srv", Code::Invalid),
        ("/srv/../etc", Code::Invalid),
        ("/etc", Code::NotFound),
        ("/srvx", Code::NotFound),
    ] {
        assert_eq!(scene.refused(lease_of(&["/srv", path], None)).code, code, "{path}");
    }
    let Request::Lease { trees, budget, until, reason, .. } = lease_of(&["/srv"], None) else { panic!() };
    let nobody = Request::Lease { account: "depoyler".to_owned(), trees, budget, until, reason };
    assert_eq!(scene.refused(nobody).code, Code::NotFound);
    assert!(leases(&mut scene).is_empty());
    // A directory around a tree means the tree.
    let effects = scene.ask(lease_of(&["/"], None));
    assert!(
        matches!(&effects[..], [Effect::Lease { leave, .. }] if leave.within == [within("")]),
        "{effects:?}"
    );
}

#[test]
fn a_directory_is_leased_to_an_account_once() {
    let mut scene = granted(None);
    assert_eq!(scene.refused(lease_of(&["/srv/app"], None)).code, Code::AlreadyDecided);
    assert!(matches!(&scene.ask(lease_of(&["/srv/app/sub"], None))[..], [Effect::Lease { .. }]));
}

#[test]
fn what_happens_under_it_is_told_and_costs_no_budget() {
    let mut scene = granted(Some("deletes=500"));
    let effects = scene.tell(NOW + S, What::Operation, "app/one", 5);
    assert!(
        matches!(&effects[..], [Effect::Report(Event::Operation { approved: Some(ID), .. })]),
        "{effects:?}"
    );
    let mut left = Allowance::numbers(Some(&"deletes=500".parse().unwrap()));
    left[0] = 499;
    scene.lease(ID, NOW + 30 * MINUTES, left);
    scene.look();
    let lease = leases(&mut scene).remove(0);
    assert_eq!((lease.used, lease.left), (1, Some("deletes=499".parse().unwrap())));
    let detail = scene.detail(ID);
    assert_eq!((detail.acts.len(), detail.summary.approved, detail.summary.waiting), (1, 1, 0));
    // A burst besides is an incident of its own, and does not look back on it.
    scene.burst(NOW + 2 * S);
    assert_eq!(scene.detail(ID + 1).summary.done, 0);
    assert_eq!(scene.detail(ID).summary.state, State::Leased);
}

#[test]
fn it_ends_by_itself() {
    let mut scene = granted(None);
    scene.now = NOW + 30 * MINUTES;
    let effects = scene.look_again();
    assert!(effects.contains(&Effect::Withdraw { grant: 5 }), "{effects:?}");
    let over = |effect: &Effect| matches!(effect, Effect::Report(Event::LeaseOver { incident: ID, .. }));
    assert!(effects.iter().any(over), "{effects:?}");
    assert_eq!(scene.detail(ID).summary.state, State::Expired);
    assert_eq!(scene.refused(Request::Revoke { lease: ID, reason: reason() }).code, Code::AlreadyDecided);
}

#[test]
fn nobody_acts_under_it_and_it_stays() {
    let mut scene = granted(None);
    assert_eq!(scene.look_again(), []);
    assert_eq!(leases(&mut scene).len(), 1);
    // But not if the kernel does not know of it: its account has left the policy.
    scene.grants.clear();
    scene.look_again();
    assert_eq!(scene.detail(ID).summary.state, State::Gone);
}

#[test]
fn it_is_revoked_once() {
    let mut scene = granted(None);
    let revoke = || Request::Revoke { lease: ID, reason: reason() };
    assert_eq!(scene.ask(revoke()), [Effect::Revoke { incident: ID }]);
    assert_eq!(scene.refused(revoke()).code, Code::AlreadyDecided);
    let effects = scene.on(Input::Outcome(Outcome::Revoked { incident: ID, done: Ok(()) }));
    let [Ok(Answer::Moved(moved))] = &replies(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(moved.verb, Verb::Revoke);
    assert_eq!(scene.detail(ID).summary.state, State::Revoked);
}

#[test]
fn what_is_no_lease_is_not_revoked_and_a_lease_is_not_decided_otherwise() {
    let mut scene = granted(None);
    scene.burst(NOW + S);
    assert_eq!(scene.refused(Request::Revoke { lease: ID + 1, reason: reason() }).code, Code::Invalid);
    assert_eq!(scene.refused(Request::Revoke { lease: 99, reason: reason() }).code, Code::NotFound);
    let thaw = Request::Thaw { incident: Some(ID), reason: reason() };
    assert_ne!(scene.refused(thaw).code, Code::Failed);
    let approve = Request::Approve { incident: ID, scope: Scope::default(), reason: reason() };
    scene.refused(approve);
    scene.ask(Request::Thaw { incident: None, reason: reason() });
    assert_eq!(scene.detail(ID).summary.state, State::Leased);
}

#[test]
fn to_grant_and_to_revoke_takes_who_responds() {
    assert_eq!(lease_of(&["/srv"], None).right(1), Right::Respond);
    assert_eq!(Request::Revoke { lease: 1, reason: reason() }.right(1), Right::Respond);
    let mut scene = Scene::new();
    scene.acts_for = Some("deployer".to_owned());
    let effects = scene.ask(lease_of(&["/srv"], None));
    assert!(
        matches!(&replies(&effects)[..], [Err(problem)] if problem.code == Code::NotAllowed),
        "{effects:?}"
    );
}

proptest! {
    /// Whatever is asked for, what is leased lies in a tree of the policy, at or below what was named.
    #[test]
    fn nothing_but_what_was_named_is_leased(names in prop::collection::vec("(srv|a|b|\\.\\.|\\.)", 0..5)) {
        let path = format!("/{}", names.join("/"));
        let mut scene = Scene::new();
        for effect in scene.ask(lease_of(&[&path], None)) {
            if let Effect::Lease { leave, .. } = effect {
                for within in leave.within {
                    let meant = PathBuf::from(within.to_string());
                    prop_assert!(meant.starts_with("/srv") && meant.starts_with(&path), "{path}: {within}");
                }
            }
        }
    }
}

/// Its grant is the kernel's, and goes on; what is done under it is counted to it, by the next daemon too.
#[test]
fn it_goes_on_with_the_next_daemon() {
    let mut scene = granted(Some("deletes=500"));
    let before = leases(&mut scene);
    scene.now += 10 * S;
    scene.restart();
    assert_eq!(leases(&mut scene), before);
    scene.tell(scene.now, What::Operation, "app/f", 5);
    assert_eq!(leases(&mut scene)[0].used, before[0].used + 1);
    // It ends at its time, by whichever daemon is there.
    scene.now = NOW + 30 * MINUTES;
    scene.grants.clear();
    scene.restart();
    assert_eq!(scene.detail(ID).summary.state, State::Expired);
}

#[test]
fn one_that_was_not_put_into_force_is_not() {
    let mut scene = Scene::new();
    scene.ask(lease_of(&["/srv/app"], None));
    scene.now += S;
    scene.restart();
    assert_eq!(leases(&mut scene), []);
    let over = scene.detail(ID);
    assert_eq!(
        (over.summary.state, over.decisions[0].outcome.as_str()),
        (State::Unseen, crate::store::UNKNOWN)
    );
}

#[test]
fn one_that_was_to_be_revoked_and_was_not_is_in_force() {
    let mut scene = granted(None);
    scene.ask(Request::Revoke { lease: ID, reason: reason() });
    scene.restart();
    assert_eq!(leases(&mut scene).len(), 1);
    assert!(scene.detail(ID).decisions[1].outcome.starts_with("not carried out"));
}

/// What was left of it, for the time of day that it was granted for.
#[test]
fn it_goes_on_after_a_reboot() {
    let mut scene = granted(Some("deletes=500"));
    let mut left = Allowance::numbers(Some(&"deletes=500".parse().unwrap()));
    left[0] = 320;
    scene.lease(ID, NOW + 30 * MINUTES, left);
    scene.tell(NOW, What::Operation, "app/f", 5);
    scene.on(Input::End(Ending::Leave));
    for (minutes, remain) in [(10, Some(20)), (-60, Some(30)), (31, None)] {
        let mut after = Scene::new();
        after.written.clone_from(&scene.written);
        after.now = 50 * S;
        // The clock of the host has gone on meanwhile by so many minutes, or was set back.
        after.clock = SignedDuration::from_mins(minutes) + SignedDuration::from_secs(950);
        let effects = after.restart_with(Vec::new(), "another");
        let again = effects.iter().find_map(|effect| match effect {
            Effect::Lease { call: None, incident: ID, leave, .. } => Some(leave),
            _ => None,
        });
        let expected = remain.map(|minutes| Leave {
            once: false,
            seen: None,
            until: 50 * S + minutes * MINUTES,
            allowance: Some("deletes=320".parse().unwrap()),
            within: vec![within("app")],
        });
        assert_eq!(again, expected.as_ref(), "{minutes}: {effects:?}");
        if remain.is_none() {
            assert_eq!(after.detail(ID).summary.state, State::Expired);
            continue;
        }
        after.on(Input::Outcome(Outcome::Leased { call: None, incident: ID, done: Ok(()) }));
        let detail = after.detail(ID);
        assert_eq!(detail.summary.state, State::Leased);
        assert!(detail.decisions[1].reason.starts_with("granted at 1970-01-01T00:00:00Z"), "{detail:?}");
    }
}

#[test]
fn it_goes_on_though_all_was_let_go() {
    let mut scene = granted(None);
    scene.grants.clear();
    scene.now += MINUTES;
    let effects = scene.restart();
    let again = |effect: &Effect| matches!(effect, Effect::Lease { call: None, incident: ID, leave, .. } if leave.until == NOW + 30 * MINUTES);
    assert!(effects.iter().any(again), "{effects:?}");
}

/// Where it takes two people to let something go on, it takes two to lease.
#[test]
fn it_takes_as_many_people_as_an_approval() {
    let mut scene = Scene::new();
    scene.people = 2;
    scene.look();
    let asked = scene.ask(lease_of(&["/srv/app"], Some("deletes=500")));
    let [Ok(Answer::Lease(lease))] = &replies(&asked)[..] else { panic!("{asked:?}") };
    assert!(lease.waits.as_ref().is_some_and(|waits| (waits.needed, waits.given.len()) == (2, 1)));
    assert!(!asked.iter().any(|effect| matches!(effect, Effect::Lease { .. })));
    assert_eq!(scene.detail(ID).summary.state, State::Proposed);
    let approve = |budget: Option<&str>| Request::Approve {
        incident: ID,
        scope: Scope { budget: budget.map(|it| it.parse().unwrap()), ..Scope::default() },
        reason: reason(),
    };
    assert_eq!(scene.refused(approve(None)).code, Code::AlreadyDecided, "the same person");
    scene.person += 1;
    scene.now += MINUTES;
    let effects = scene.ask(approve(Some("deletes=100")));
    let [Effect::Lease { call: None, leave, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(leave.until, NOW + 31 * MINUTES, "from now on");
    assert_eq!(leave.allowance, Some("deletes=100".parse().unwrap()), "the smaller of both");
    let effects = scene.on(Input::Outcome(Outcome::Leased { call: None, incident: ID, done: Ok(()) }));
    assert!(matches!(&replies(&effects)[..], [Ok(Answer::Moved(moved))] if moved.verb == Verb::Approve));
    assert_eq!(scene.detail(ID).summary.state, State::Leased);
}

#[test]
fn what_was_asked_for_is_taken_back_or_expires_and_survives_a_restart() {
    let ask = || {
        let mut scene = Scene::new();
        scene.people = 2;
        scene.look();
        scene.ask(lease_of(&["/srv/app"], None));
        scene
    };
    let mut scene = ask();
    assert_eq!(scene.ask(Request::Revoke { lease: ID, reason: reason() }), [Effect::Revoke { incident: ID }]);
    let mut scene = ask();
    scene.restart();
    assert_eq!(scene.detail(ID).summary.state, State::Proposed);
    scene.now = NOW + 30 * MINUTES;
    scene.look_again();
    assert_eq!(scene.detail(ID).summary.state, State::Expired);
    let mut scene = ask();
    scene.restart_with(Vec::new(), "another");
    assert!(leases(&mut scene).is_empty());
}
