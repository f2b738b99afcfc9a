//! What an approval allows, and when it ends.

use std::time::Duration;

use agent_common::rules::{NEVER, judge::Phase};

use super::{
    hold::{ACCOUNT, ID, MINUTES, approve, deny, done, leave, waiting},
    scene::{NOW, S, Scene, replies},
};
use crate::{
    api::{Allowance, Answer, Code, Request, Scope, Standing as Shown, State, Target, Verb},
    daemon::{Effect, Input, Leave, Outcome, Within},
    report::Event,
    sensor::What,
};

#[test]
fn an_approval_holds_where_the_incident_was_for_an_hour() {
    let mut scene = waiting();
    let effects = scene.ask(approve(Scope::default()));
    let within = Within { tree: "/srv".into(), path: b"d".to_vec() };
    let expected =
        Leave { once: false, until: NOW + 60 * MINUTES, seen: None, allowance: None, within: vec![within] };
    assert_eq!(leave(&effects), &expected);
    assert_eq!(scene.detail(ID).summary.state, State::Held, "until the kernel has judged them again");
    let effects = scene.on(Input::Outcome(Outcome::Approved { incident: ID, done: done() }));
    let answers = replies(&effects);
    let [Ok(Answer::Moved(moved))] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(moved.verb, Verb::Approve);
    assert!(moved.until.is_some() && moved.confirmed_us.is_some());
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Decided { verb: Verb::Approve, .. })));
    assert_eq!(scene.detail(ID).summary.state, State::Approved);
}

#[test]
fn an_approval_is_as_wide_as_is_said() {
    let scope = |scope| leave(&waiting().ask(approve(scope))).clone();
    assert!(scope(Scope { once: true, ..Scope::default() }).once);
    let minute = scope(Scope {
        until: Some(Duration::from_mins(1)),
        budget: Some(Allowance::Any(7)),
        ..Scope::default()
    });
    assert_eq!((minute.until, minute.allowance), (NOW + MINUTES, Some(Allowance::Any(7))));
    let whole = scope(Scope { trees: vec!["/srv".into()], ..Scope::default() });
    assert!(whole.within.contains(&Within { tree: "/srv".into(), path: Vec::new() }));
    let mut scene = waiting();
    let unknown = Scope { trees: vec!["/home".into()], ..Scope::default() };
    assert_eq!(scene.refused(approve(unknown)).code, Code::NotFound);
    assert_eq!(scene.detail(ID).summary.state, State::Held);
}

/// Its directory is not known, so it must not widen the approval.
#[test]
fn a_path_that_was_cut_off_widens_nothing() {
    let mut scene = Scene::holding("hold");
    scene.tell(NOW - S, What::Operation, &format!("e/{}", "x".repeat(200)), 0);
    scene.burst(NOW);
    scene.hold(NOW, &[77]);
    scene.look();
    let effects = scene.ask(approve(Scope::default()));
    assert_eq!(leave(&effects).within, []);
}

#[test]
fn what_is_approved_is_reported_and_costs_no_budget() {
    let mut scene = waiting();
    scene.ask(approve(Scope::default()));
    scene.on(Input::Outcome(Outcome::Approved { incident: ID, done: done() }));
    scene.stand(Phase::Armed, NEVER);
    scene.grant(ID, NOW + 60 * MINUTES, 2);
    assert_eq!(scene.look_again(), []);
    let effects = scene.tell(NOW + S, What::Operation, "d/two", 5);
    assert!(
        matches!(&effects[..], [Effect::Report(Event::Operation { approved: Some(ID), .. })]),
        "{effects:?}"
    );
    let Effect::Reply(_, answer) = &scene.ask(Request::Accounts)[0] else { panic!("no answer") };
    let Ok(Answer::Accounts(accounts)) = &**answer else { panic!("{answer:?}") };
    assert_eq!((accounts[0].standing, accounts[0].incident), (Shown::Granted, Some(ID)));
    let summary = scene.detail(ID).summary;
    assert_eq!((summary.state, summary.approved, summary.done), (State::Approved, 1, 1));
    assert!(summary.until.is_some());
    // A later burst does not look back on it.
    scene.burst(scene.now);
    assert_eq!(scene.detail(ID + 1).summary.done, 0);
}

#[test]
fn an_approval_ends_with_its_time_or_its_processes() {
    let mut scene = Scene::holding("hold");
    scene.grant(7, NOW + 60 * MINUTES, 0);
    assert_eq!(scene.look_again(), [Effect::Withdraw { grant: 5 }]);
    scene.grant(7, NOW + MINUTES, 1);
    assert_eq!(scene.look_again(), []);
    scene.now = NOW + MINUTES;
    assert_eq!(scene.look_again(), [Effect::Withdraw { grant: 5 }]);
}

#[test]
fn what_was_stopped_after_the_fact_cannot_be_approved() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    for request in [approve(Scope::default()), deny()] {
        let problem = scene.refused(request);
        assert_eq!(problem.code, Code::Invalid);
        assert!(problem.help.is_some_and(|help| help.contains("burstguard thaw 41")));
    }
    assert_eq!(scene.incidents.next_due(), None);
}

/// One call was approved; the next begins another burst before the kernel has confirmed that.
#[test]
fn the_incident_of_the_next_burst_is_kept_when_the_one_before_ends() {
    let mut scene = waiting();
    scene.ask(approve(Scope { once: true, ..Scope::default() }));
    scene.burst(NOW + 1);
    scene.on(Input::Outcome(Outcome::Approved { incident: ID, done: done() }));
    let effects = scene.tell(NOW + 2, What::Held, "d/next", 0);
    let next = Some(ID + 1);
    assert!(
        matches!(&effects[..], [Effect::Report(Event::Held { incident, .. }), ..] if *incident == next),
        "{effects:?}"
    );
    assert_eq!(scene.detail(ID).summary.state, State::Approved);
}

#[test]
fn a_freeze_by_hand_keeps_the_account_when_what_waits_is_approved() {
    let mut scene = waiting();
    scene.freeze(Target::Account(ACCOUNT.to_owned()), None);
    scene.froze(ID + 1);
    scene.frozen(ID + 1, 1);
    let effects = scene.ask(approve(Scope::default()));
    assert!(matches!(&effects[..], [Effect::Approve { arm: false, .. }]), "{effects:?}");
}
