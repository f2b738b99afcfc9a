//! Calls that wait for a decision, before anything has happened.

use std::time::Duration;

use agent_common::rules::{
    NEVER,
    judge::{Phase, QUIET, Standing},
};

use super::scene::{NOW, S, Scene, reason, replies};
use crate::{
    api::{Answer, Code, Request, Responder, Scope, State, Target, Verb},
    daemon::{Effect, Input, Leave, Outcome, Touched},
    policy::{Hold, Then},
    report::Event,
    sensor::What,
};

pub(super) const ID: u64 = 41;
pub(super) const ACCOUNT: &str = "deployer";
pub(super) const MINUTES: u64 = 60 * S;

/// A burst, and the calls of two processes wait.
pub(super) fn waiting() -> Scene {
    let mut scene = Scene::holding("hold");
    scene.tell(NOW - S, What::Operation, "d/one", 0);
    scene.burst(NOW);
    scene.hold(NOW, &[77, 78]);
    scene.look();
    scene
}

pub(super) fn approve(scope: Scope) -> Request {
    Request::Approve { incident: ID, scope, reason: reason() }
}

pub(super) fn deny() -> Request {
    Request::Deny { incident: ID, reason: reason() }
}

pub(super) fn done() -> Touched {
    Touched { began: NOW, ..Touched::default() }
}

pub(super) fn leave(effects: &[Effect]) -> &Leave {
    match effects {
        [Effect::Approve { incident: ID, account, arm: true, leave }] if account == ACCOUNT => leave,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_burst_waits_with_a_deadline() {
    let mut scene = waiting();
    let incident = scene.detail(ID);
    let summary = incident.summary;
    assert_eq!((summary.state, summary.done, summary.waiting), (State::Held, 1, 2));
    assert_eq!((summary.then, incident.held.len()), (Some(Verb::Deny), 2));
    assert_eq!(scene.incidents.next_due(), Some(NOW + 15 * MINUTES));
    assert_eq!(
        incident.next,
        [
            "burstguard approve 41   let these processes finish",
            "burstguard deny 41   the calls fail with EPERM",
            "burstguard kill 41   end them",
            "burstguard restore 41   put back what it destroyed",
        ]
    );
}

#[test]
fn what_was_denied_stays_so_until_the_account_was_quiet() {
    let mut scene = waiting();
    assert_eq!(scene.ask(deny()), [Effect::Deny { incident: ID, account: ACCOUNT.to_owned() }]);
    let effects = scene.on(Input::Outcome(Outcome::Denied { incident: ID, done: done() }));
    assert!(matches!(&replies(&effects)[..], [Ok(Answer::Moved(moved))] if moved.verb == Verb::Deny));
    scene.stand(Phase::Denied, NOW + QUIET);
    scene.account.refused = 3;
    scene.tell(NOW + 1, What::Denied, "d/two", 0);
    scene.look_again();
    let summary = scene.detail(ID).summary;
    assert_eq!((summary.state, summary.refused, summary.closed_at), (State::Denied, 3, None));
    let problem = scene.refused(approve(Scope::default()));
    assert_eq!(problem.code, Code::AlreadyDecided);
    assert!(problem.message.contains("denied by oncall (uid 1004)"), "{}", problem.message);
    scene.stand(Phase::Armed, NEVER);
    scene.look_again();
    let summary = scene.detail(ID).summary;
    assert_eq!((summary.state, summary.closed_at.is_some()), (State::Denied, true));
}

#[test]
fn a_denied_account_begins_anew_at_once_when_it_is_thawed() {
    let mut scene = waiting();
    scene.ask(deny());
    scene.on(Input::Outcome(Outcome::Denied { incident: ID, done: done() }));
    scene.stand(Phase::Denied, NOW + QUIET);
    let effects = scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    assert_eq!(effects, [Effect::Thaw { incident: ID, account: Some(ACCOUNT.to_owned()) }]);
    scene.on(Input::Outcome(Outcome::Thawed { incident: ID, done: done() }));
    assert_eq!(scene.detail(ID).summary.state, State::Thawed);
}

#[test]
fn each_is_decided_once() {
    for first in [approve(Scope::default()), deny(), Request::Kill { incident: ID, reason: reason() }] {
        let mut scene = waiting();
        scene.ask(first.clone());
        for second in [approve(Scope::default()), deny(), first.clone()] {
            assert_eq!(
                scene.refused(second.clone()).code,
                Code::AlreadyDecided,
                "{second:?} after {first:?}"
            );
        }
    }
}

#[test]
fn nobody_decides_in_time() {
    for (then, verb) in [(Then::Deny, Verb::Deny), (Then::Approve, Verb::Approve)] {
        let mut scene = Scene::holding("hold");
        scene.account.hold = Hold { deadline: Duration::from_mins(4), then, ..Hold::default() };
        scene.look();
        scene.burst(NOW);
        scene.hold(NOW, &[77]);
        scene.look();
        scene.now = NOW + 4 * MINUTES;
        assert_eq!(scene.incidents.next_due(), Some(scene.now));
        let effects = scene.on(Input::Due);
        let decided = match &effects[..] {
            [Effect::Deny { incident: ID, .. }] => Verb::Deny,
            [Effect::Approve { incident: ID, .. }] => Verb::Approve,
            other => panic!("{other:?}"),
        };
        let decision = &scene.detail(ID).decisions[0];
        assert_eq!((decided, decision.verb, &decision.by), (verb, verb, &Responder::Deadline));
        assert_eq!(scene.incidents.next_due(), None);
    }
}

#[test]
fn who_was_ended_by_others_waits_no_more() {
    let mut scene = waiting();
    scene.account.held.clear();
    let problem = scene.refused(approve(Scope::default()));
    assert_eq!(problem.code, Code::AlreadyDecided);
    assert!(problem.message.contains("the processes that waited have ended"), "{}", problem.message);
    assert_eq!(scene.look_again(), [Effect::Arm { account: ACCOUNT.to_owned() }]);
    assert_eq!(scene.detail(ID).summary.state, State::Gone);
    assert_eq!(scene.refused(deny()).code, Code::AlreadyDecided);
}

/// The facts may be a moment older than the burst.
#[test]
fn who_has_just_begun_to_wait_is_not_taken_for_gone() {
    let mut scene = Scene::holding("hold");
    scene.trip(0);
    scene.burst(NOW - S / 2);
    scene.look();
    assert_eq!(scene.detail(ID).summary.state, State::Held);
}

#[test]
fn an_account_that_is_denied_by_the_policy_waits_for_nobody() {
    let mut scene = Scene::holding("deny");
    scene.burst(NOW);
    scene.stand(Phase::Denied, NOW + QUIET);
    scene.look();
    let summary = scene.detail(ID).summary;
    assert_eq!((summary.state, summary.by), (State::Denied, Some(Responder::Policy)));
    assert_eq!(scene.incidents.next_due(), None);
    assert_eq!(scene.refused(deny()).code, Code::AlreadyDecided);
}

#[test]
fn a_freeze_over_a_hold_is_decided_like_one() {
    let mut scene = Scene::holding("freeze");
    let effects = scene.burst(NOW);
    assert!(matches!(effects[1..], [Effect::Trip { .. }, Effect::Freeze { incident: ID, .. }]));
    scene.hold(NOW, &[77]);
    scene.froze(ID);
    scene.frozen(ID, 1);
    assert_eq!(scene.detail(ID).summary.state, State::Frozen);
    assert_eq!(scene.incidents.next_due(), Some(NOW + 15 * MINUTES));
    leave(&scene.ask(approve(Scope::default())));
}

#[test]
fn the_next_daemon_finds_what_waits_with_its_deadline() {
    let mut scene = Scene::holding("hold");
    scene.hold(NOW - 5 * MINUTES, &[77]);
    scene.look();
    let summary = scene.detail(ID).summary;
    assert_eq!((summary.state, summary.waiting), (State::Held, 1));
    assert_eq!(scene.incidents.next_due(), Some(NOW + 10 * MINUTES));
    leave(&scene.ask(approve(Scope::default())));
}

#[test]
fn the_next_daemon_finds_who_is_denied_and_arms_whom_nobody_waits_for() {
    let mut scene = Scene::holding("hold");
    scene.stand(Phase::Denied, NOW + QUIET);
    scene.look();
    let summary = scene.detail(ID).summary;
    assert_eq!((summary.state, summary.by), (State::Denied, Some(Responder::Before)));
    let mut scene = Scene::holding("hold");
    scene.trip(0);
    assert_eq!(scene.look_again(), [Effect::Arm { account: ACCOUNT.to_owned() }]);
    assert!(scene.incidents.get(ID).is_none());
}

/// What is frozen cannot hear of it before it is thawed.
#[test]
fn a_denial_that_is_under_way_outlasts_a_freeze() {
    let mut scene = waiting();
    scene.freeze(Target::Account(ACCOUNT.to_owned()), None);
    scene.froze(ID + 1);
    scene.frozen(ID + 1, 1);
    scene.ask(deny());
    let effects = scene.ask(Request::Thaw { incident: Some(ID + 1), reason: reason() });
    let denied =
        |effect: &Effect| matches!(effect, Effect::Stand { standing, .. } if standing.phase == Phase::Denied);
    assert!(effects.iter().any(denied), "{effects:?}");
    assert!(effects.contains(&Effect::Thaw { incident: ID + 1, account: None }), "{effects:?}");
}

/// Else whoever thaws the freeze would decide about what waits.
#[test]
fn a_thaw_decides_nothing_about_what_waits_for_another() {
    let mut scene = waiting();
    scene.freeze(Target::Account(ACCOUNT.to_owned()), None);
    scene.froze(ID + 1);
    scene.frozen(ID + 1, 1);
    let effects = scene.ask(Request::Thaw { incident: Some(ID + 1), reason: reason() });
    let standing = Standing { phase: Phase::Tripped, until: NEVER };
    let stand = Effect::Stand { account: ACCOUNT.to_owned(), standing };
    assert_eq!(effects, [stand, Effect::Thaw { incident: ID + 1, account: None }]);
    assert_eq!(scene.detail(ID).summary.state, State::Held);
}

#[test]
fn the_calls_of_an_incident_are_said() {
    let mut scene = waiting();
    let effects = scene.tell(NOW + 1, What::Held, "d/waits", 0);
    assert!(
        matches!(&effects[..], [Effect::Report(Event::Held { incident: Some(ID), .. }), Effect::Tell { .. }]),
        "{effects:?}"
    );
}
