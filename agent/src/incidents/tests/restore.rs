//! What is put back is on the record before it is, and so is what came of it; whatever stage the incident is in.

use super::{
    scene::{NOW, S, Scene, reason, replies},
    *,
};
use crate::{
    api::{Decision, Restore, Restored},
    store::{Past, Says, Step},
};

const DONE: Restored = Restored { back: 3, over: 1, left: 1, failed: 0 };

fn restore(done: Option<Restored>) -> Request {
    restore_of(ID, done)
}

fn restore_of(incident: u64, done: Option<Restored>) -> Request {
    Request::Restore { incident, restore: Restore { paths: 5, to: None, done }, reason: reason() }
}

fn answered(effects: &[Effect]) -> Decision {
    match &replies(effects)[..] {
        [Ok(Answer::Decision(decision))] => decision.clone(),
        other => panic!("{other:?}"),
    }
}

fn restores(scene: &mut Scene) -> Vec<(String, String)> {
    let decisions = scene.detail(ID).decisions.into_iter();
    let restores = decisions.filter(|decision| decision.verb == Verb::Restore);
    restores.map(|decision| (decision.reason, decision.outcome)).collect()
}

/// What was written down last of the incident, and whether the rest waited for it.
fn written(scene: &mut Scene) -> Option<(Step, Vec<Decision>, bool)> {
    let written = std::mem::take(&mut scene.written);
    written.into_iter().rev().find_map(|(entry, first)| match entry.says {
        Says::Incident(step, detail) => Some((step, detail.decisions, first)),
        _ => None,
    })
}

#[test]
fn it_is_written_down_before_it_is_answered_and_then_what_came_of_it() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.written.clear();
    let effects = scene.ask(restore(None));
    let decision = answered(&effects);
    assert_eq!((decision.verb, decision.outcome.as_str()), (Verb::Restore, ""));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Report(Event::Restoring { paths: 5, .. }))));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Decided { verb: Verb::Restore, .. })));
    let (step, decisions, first) = written(&mut scene).expect("an entry");
    assert_eq!((step, decisions.len(), first), (Step::Decided, 1, true));
    scene.now += S;
    let decision = answered(&scene.ask(restore(Some(DONE))));
    assert_eq!(decision.outcome, "3 paths are there again, 1 were put back over others, 1 left out");
    let (step, decisions, _) = written(&mut scene).expect("an entry");
    assert_eq!((step, decisions), (Step::Moved, vec![decision]));
    // It waits as it did.
    assert_eq!(scene.detail(ID).summary.state, State::Stopped);
    assert_eq!(scene.detail(ID).summary.by, None);
}

#[test]
fn what_is_over_can_be_put_back_too_and_stays_as_it_was_decided() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    scene.ask(restore(None));
    let done = Touched { began: NOW, ..Touched::default() };
    scene.on(Input::Outcome(Outcome::Thawed { incident: ID, done }));
    scene.ask(restore(Some(DONE)));
    let detail = scene.detail(ID);
    assert_eq!(detail.summary.state, State::Thawed);
    let said: Vec<_> = detail.decisions.iter().map(|one| (one.verb, one.outcome.as_str())).collect();
    assert_eq!(
        said,
        [
            (Verb::Thaw, "0 processes"),
            (Verb::Restore, "3 paths are there again, 1 were put back over others, 1 left out")
        ]
    );
    // Twice is twice.
    scene.ask(restore(None));
    scene.ask(restore(Some(Restored::default())));
    assert_eq!(restores(&mut scene).len(), 2);
}

#[test]
fn an_outcome_that_nobody_had_begun_is_written_down_all_the_same() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.ask(restore(Some(DONE)));
    assert_eq!(restores(&mut scene).len(), 1);
}

#[test]
fn of_an_incident_that_only_the_record_has_the_record_says_it() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    let mut before = scene.detail(ID);
    before.summary.id = 7;
    assert_eq!(scene.refused(restore_of(7, None)).code, Code::Failed, "a record that does not answer");
    scene.past = Past { is_read: true, ..Past::default() };
    assert_eq!(scene.refused(restore_of(7, None)).code, Code::NotFound);
    scene.past = Past { shown: Some(Box::new(before)), is_read: true, ..Past::default() };
    scene.written.clear();
    answered(&scene.ask(restore_of(7, None)));
    let (step, decisions, first) = written(&mut scene).expect("an entry");
    assert_eq!((step, decisions.len(), first), (Step::Decided, 1, true));
    // The next look finds what was written.
    if let Some(shown) = &mut scene.past.shown {
        shown.decisions = decisions;
    }
    answered(&scene.ask(restore_of(7, Some(DONE))));
    let (_, decisions, _) = written(&mut scene).expect("an entry");
    assert_eq!((decisions.len(), decisions[0].outcome.is_empty()), (1, false));
}

#[test]
fn a_process_of_an_account_may_not_and_is_told_of() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.acts_for = Some("deployer".to_owned());
    let effects = scene.ask(restore(None));
    assert!(matches!(&replies(&effects)[..], [Err(problem)] if problem.code == Code::NotAllowed));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Report(Event::Attempt { .. }))));
    assert_eq!(restores(&mut scene), []);
}

#[test]
fn an_incident_says_which_operations_are_its_own() {
    let mut scene = Scene::new();
    scene.operation(NOW - S);
    scene.burst(NOW);
    scene.operation(NOW + S);
    let span = scene.detail(ID).span.expect("a span");
    assert_eq!((span.account.as_str(), span.from_ns, span.until_ns), ("deployer", NOW - S, NOW + S));
    assert_eq!(span.approved_until_ns, None);
    // An attempt destroyed nothing.
    scene.acts_for = Some("deployer".to_owned());
    scene.ask(restore(None));
    scene.acts_for = None;
    assert_eq!(scene.detail(ID + 1).span, None);
}
