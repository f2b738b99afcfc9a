//! Two responders about one incident.

use agent_common::rules::{
    NEVER,
    judge::{Phase, QUIET},
};
use std::time::Duration;

use super::{
    hold::{ACCOUNT, ID, approve, deny, done, waiting},
    record::steps,
    scene::{NOW, S, Scene, reason, replies},
};
use crate::{
    api::{Answer, Code, Request, Scope, State, Target, Verb},
    daemon::{Effect, Input, Outcome},
    store::Step,
};

const VERBS: [Verb; 4] = [Verb::Approve, Verb::Deny, Verb::Thaw, Verb::Kill];

fn request(verb: Verb) -> Request {
    match verb {
        Verb::Approve => approve(Scope::default()),
        Verb::Deny => deny(),
        Verb::Thaw => Request::Thaw { incident: Some(ID), reason: reason() },
        _ => Request::Kill { incident: ID, reason: reason() },
    }
}

/// The kernel has confirmed it.
fn confirmed(scene: &mut Scene, verb: Verb) {
    let (incident, done) = (ID, done());
    let outcome = match verb {
        Verb::Approve => Outcome::Approved { incident, done },
        Verb::Deny => Outcome::Denied { incident, done },
        Verb::Thaw => Outcome::Thawed { incident, done },
        _ => Outcome::Killed { incident, done },
    };
    let effects = scene.on(Input::Outcome(outcome));
    assert!(matches!(&replies(&effects)[..], [Ok(Answer::Moved(moved))] if moved.verb == verb));
    match verb {
        Verb::Deny => scene.stand(Phase::Denied, NOW + QUIET),
        _ => scene.stand(Phase::Armed, NEVER),
    }
    scene.look_again();
}

fn is_told_who_was_first(scene: &mut Scene, first: Verb, second: Verb) {
    let problem = scene.refused(request(second));
    assert_eq!(problem.code, Code::AlreadyDecided, "{second:?} after {first:?}");
    let (start, end) = (
        format!("incident 41 is already decided: {} by oncall (uid 1004) at ", first.past()),
        "Z, reason \"INC-88\"",
    );
    assert!(problem.message.starts_with(&start) && problem.message.ends_with(end), "{}", problem.message);
}

/// Whoever it is, the same person or another; while the first is being carried out, and when it is done.
#[test]
fn one_is_done_and_the_other_learns_who_decided_what_when_and_why() {
    for first in VERBS {
        for second in VERBS {
            for person in [1004, 1007] {
                let mut scene = waiting();
                let effects = scene.ask(request(first));
                assert!(replies(&effects).is_empty(), "{effects:?}");
                scene.person = person;
                is_told_who_was_first(&mut scene, first, second);
                confirmed(&mut scene, first);
                // A denied account can begin anew at once: that is another decision.
                if (first, second) != (Verb::Deny, Verb::Thaw) {
                    is_told_who_was_first(&mut scene, first, second);
                }
                assert_eq!(scene.detail(ID).decisions.len(), 1);
            }
        }
    }
}

/// Where processes were stopped after the fact there is no call to approve or deny.
#[test]
fn so_it_is_of_what_was_stopped() {
    for first in [Verb::Thaw, Verb::Kill] {
        for second in VERBS {
            let mut scene = Scene::new();
            scene.burst(NOW);
            scene.look();
            scene.ask(request(first));
            is_told_who_was_first(&mut scene, first, second);
            confirmed(&mut scene, first);
            is_told_who_was_first(&mut scene, first, second);
        }
    }
}

fn freeze(target: Target, seconds: Option<u64>) -> Request {
    Request::Freeze { target, until: seconds.map(Duration::from_secs), reason: reason() }
}

#[test]
fn what_is_frozen_is_not_frozen_twice() {
    for target in [Target::Account(ACCOUNT.to_owned()), Target::Pid(77)] {
        let mut scene = Scene::new();
        scene.freeze(target.clone(), Some(Duration::from_secs(60)));
        scene.froze(ID);
        scene.about[0].view.frozen = true;
        scene.frozen(ID, 1);
        scene.now = NOW + 10 * S;
        // It would end no later.
        let problem = scene.refused(freeze(target.clone(), Some(50)));
        assert_eq!(problem.code, Code::AlreadyDecided);
        assert!(problem.message.contains("incident 41 is already decided: frozen by oncall"), "{problem}");
        assert!(problem.help.is_some_and(|help| help.contains("burstguard thaw 41")));
        assert_eq!(scene.incidents.next_due(), Some(NOW + 60 * S));
        // It stays so for longer, and no moment passes in between.
        for (seconds, due) in [(Some(51), Some(NOW + 61 * S)), (None, None)] {
            steps(&mut scene);
            let effects = scene.ask(freeze(target.clone(), seconds));
            let [Effect::Reply(_, answer)] = &effects[..] else { panic!("{effects:?}") };
            let Ok(Answer::Moved(moved)) = &**answer else { panic!("{answer:?}") };
            assert_eq!((moved.incident, moved.processes.len()), (Some(ID), 1));
            assert_eq!(steps(&mut scene), [(Step::Decided, true)]);
            assert_eq!(scene.incidents.next_due(), due);
        }
        assert_eq!(scene.refused(freeze(target, None)).code, Code::AlreadyDecided);
        let detail = scene.detail(ID);
        assert_eq!((detail.summary.state, detail.decisions.len()), (State::Frozen, 3));
        assert!(scene.incidents.get(ID + 1).is_none());
    }
}

#[test]
fn a_freeze_that_is_not_confirmed_yet_answers_all_who_asked_for_it() {
    let mut scene = Scene::new();
    let target = Target::Account(ACCOUNT.to_owned());
    scene.freeze(target.clone(), Some(Duration::from_secs(60)));
    scene.froze(ID);
    assert_eq!(replies(&scene.ask(freeze(target, None))).len(), 0);
    assert_eq!(replies(&scene.frozen(ID, 1)).len(), 2);
}

/// Somebody has come since, or it is thawed, or means others.
#[test]
fn who_runs_is_frozen_as_an_incident_of_its_own() {
    let mut scene = Scene::new();
    let unit = Target::Unit("a.service".to_owned());
    scene.freeze(unit.clone(), None);
    scene.froze(ID);
    scene.frozen(ID, 1);
    let is_new = |effects: &[Effect], id: u64| {
        assert!(
            matches!(effects.last(), Some(Effect::Freeze { incident, .. }) if *incident == id),
            "{effects:?}"
        );
    };
    is_new(&scene.ask(freeze(unit, None)), ID + 1);
    scene.about[0].view.frozen = true;
    is_new(&scene.ask(freeze(Target::Pid(77), None)), ID + 2);
}
