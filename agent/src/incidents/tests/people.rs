//! What takes more than one person.

use std::time::Duration;

use super::{
    hold::{ACCOUNT, ID, MINUTES, approve, deny, done, leave, waiting},
    record::steps,
    scene::{NOW, S, Scene, reason, replies},
};
use crate::{
    api::{Allowance, Answer, Code, Moved, Request, Responder, Scope, State, Target, Verb},
    daemon::{Effect, Input, Leave, Outcome},
    policy::{Hold, Then},
    report::Event,
    store::Step,
};

const LEAD: u32 = 1007;
const THIRD: u32 = 1008;

/// The same with a policy that wants so many people.
fn waiting_for(people: u8) -> Scene {
    let mut scene = waiting();
    scene.people = people;
    scene.look();
    scene
}

fn thaw(incident: Option<u64>) -> Request {
    Request::Thaw { incident, reason: reason() }
}

fn by(scene: &mut Scene, person: u32, request: Request) -> Vec<Effect> {
    scene.person = person;
    scene.ask(request)
}

/// What was answered to somebody whose word alone sets nothing off.
fn noted(effects: &[Effect]) -> Moved {
    let [Effect::Report(Event::Approval { incident: ID, .. }), Effect::Reply(_, answer)] = effects else {
        panic!("{effects:?}")
    };
    let Ok(Answer::Moved(moved)) = &**answer else { panic!("{answer:?}") };
    moved.clone()
}

fn given(scene: &mut Scene) -> Option<(usize, u64)> {
    let approvals = scene.detail(ID).summary.approvals?;
    Some((approvals.given.len(), approvals.needed))
}

#[test]
fn the_first_of_two_is_heard_and_nothing_goes_on() {
    let mut scene = waiting_for(2);
    steps(&mut scene);
    let before = scene.detail(ID);
    let moved = noted(&scene.ask(approve(Scope::default())));
    let [pending] = &moved.pending[..] else { panic!("{moved:?}") };
    assert_eq!((pending.incident, pending.given, pending.needed), (ID, 1, 2));
    assert_eq!((moved.verb, moved.processes.len(), moved.confirmed_us), (Verb::Approve, 0, None));
    assert_eq!(steps(&mut scene), [(Step::Decided, true)], "it is written before it is answered");
    let after = scene.detail(ID);
    assert_eq!((after.summary.state, after.summary.waiting), (State::Held, 2));
    assert_eq!((after.summary.until, after.summary.then), (before.summary.until, before.summary.then));
    let [decision] = &after.decisions[..] else { panic!("{:?}", after.decisions) };
    assert_eq!((decision.verb, &*decision.reason), (Verb::Approve, "INC-88"));
    assert_eq!(decision.outcome, "1 of 2: nothing goes on yet");
    assert_eq!(given(&mut scene), Some((1, 2)));
    assert_eq!(
        after.next[0],
        "burstguard approve 41   let these processes finish; takes 2 people, oncall (uid 1004) has said so"
    );
}

#[test]
fn another_person_carries_it_out() {
    for people in 2..=5 {
        let mut scene = waiting_for(people);
        for person in 1..people {
            noted(&by(&mut scene, person.into(), approve(Scope::default())));
        }
        leave(&by(&mut scene, LEAD, approve(Scope::default())));
        let effects = scene.on(Input::Outcome(Outcome::Approved { incident: ID, done: done() }));
        assert!(matches!(&replies(&effects)[..], [Ok(Answer::Moved(moved))] if moved.pending.is_empty()));
        let detail = scene.detail(ID);
        assert_eq!((detail.summary.state, detail.decisions.len()), (State::Approved, people.into()));
        assert_eq!(detail.decisions[0].outcome, format!("1 of {people}: nothing goes on yet"));
        assert_eq!(detail.summary.approvals, None);
    }
}

#[test]
fn the_same_person_counts_once_whatever_is_said() {
    for (first, second) in [
        (approve(Scope::default()), approve(Scope { once: true, ..Scope::default() })),
        (approve(Scope::default()), thaw(Some(ID))),
        (thaw(Some(ID)), approve(Scope::default())),
        (thaw(Some(ID)), thaw(None)),
    ] {
        let mut scene = waiting_for(2);
        noted(&scene.ask(first));
        scene.asking += 1; // from another session
        let problem = scene.refused(second);
        assert_eq!(problem.code, Code::AlreadyDecided);
        assert!(
            problem.message.contains("waits for another person: oncall (uid 1004)"),
            "{}",
            problem.message
        );
        assert!(problem.message.contains("\"INC-88\"; 1 of 2"), "{}", problem.message);
        assert!(problem.help.is_some_and(|help| help.contains("somebody else with the role \"respond\"")));
        assert_eq!(given(&mut scene), Some((1, 2)));
    }
}

#[test]
fn to_refuse_it_one_is_enough() {
    for person in [1004, LEAD] {
        let mut scene = waiting_for(2);
        noted(&scene.ask(approve(Scope::default())));
        let effects = by(&mut scene, person, deny());
        assert_eq!(effects, [Effect::Deny { incident: ID, account: ACCOUNT.to_owned() }]);
        let mut scene = waiting_for(2);
        noted(&scene.ask(approve(Scope::default())));
        let effects = by(&mut scene, person, Request::Kill { incident: ID, reason: reason() });
        assert!(matches!(effects[..], [Effect::Kill { incident: ID, .. }]), "{effects:?}");
        assert_eq!(scene.refused(approve(Scope::default())).code, Code::AlreadyDecided);
    }
}

#[test]
fn nobody_else_in_time_and_the_deadline_decides() {
    for (then, people) in [(Then::Deny, 2), (Then::Approve, 2), (Then::Deny, 5)] {
        let mut scene = Scene::holding("hold");
        scene.people = people;
        scene.account.hold = Hold { deadline: Duration::from_mins(4), then, ..Hold::default() };
        scene.look();
        scene.burst(NOW);
        scene.hold(NOW, &[77]);
        scene.look();
        noted(&scene.ask(approve(Scope::default())));
        scene.now = NOW + 4 * MINUTES;
        assert_eq!(scene.incidents.next_due(), Some(scene.now));
        let effects = scene.on(Input::Due);
        let decided = match &effects[..] {
            [Effect::Deny { incident: ID, .. }] => Then::Deny,
            [Effect::Approve { incident: ID, .. }] => Then::Approve,
            other => panic!("{other:?}"),
        };
        assert_eq!(decided, then);
    }
}

/// What two people say, and what comes of it.
fn agreed(one: Scope, other: Scope) -> Leave {
    let mut scene = waiting_for(2);
    noted(&scene.ask(approve(one)));
    leave(&by(&mut scene, LEAD, approve(other))).clone()
}

#[test]
fn what_happens_is_the_smaller_of_what_each_said() {
    let all = Scope::default();
    let once = Scope { once: true, ..all.clone() };
    for (one, other) in [(&once, &all), (&all, &once), (&once, &once)] {
        assert!(agreed(one.clone(), other.clone()).once, "{one:?} {other:?}");
    }
    let minutes = |minutes| Scope { until: Some(Duration::from_mins(minutes)), ..all.clone() };
    for (one, other, expected) in [
        (minutes(5), minutes(9), 5),
        (minutes(9), minutes(5), 5),
        (all.clone(), minutes(5), 5),
        (minutes(90), all.clone(), 60),
    ] {
        assert_eq!(agreed(one.clone(), other.clone()).until, NOW + expected * MINUTES, "{one:?} {other:?}");
    }
    let any = |budget: Option<u64>| budget.map(Allowance::Any);
    let budget = |budget| Scope { budget: any(budget), ..all.clone() };
    for (one, other, expected) in [
        (Some(3), Some(8), Some(3)),
        (Some(8), Some(3), Some(3)),
        (None, Some(8), Some(8)),
        (None, None, None),
    ] {
        assert_eq!(agreed(budget(one), budget(other)).allowance, any(expected), "{one:?} {other:?}");
    }
    let tree = Scope { trees: vec!["/srv".into()], ..all.clone() };
    let usual = agreed(all.clone(), all.clone()).within;
    for (one, other, more) in [(&tree, &tree, 1), (&tree, &all, 0), (&all, &tree, 0)] {
        assert_eq!(agreed(one.clone(), other.clone()).within.len(), usual.len() + more, "{one:?} {other:?}");
    }
}

/// A whole budget, and an approval in a place: the calls that wait are all that both allow.
#[test]
fn one_who_thaws_and_one_who_approves_let_go_on_what_waits_and_no_more() {
    for (one, other) in [(approve(Scope::default()), thaw(Some(ID))), (thaw(None), approve(Scope::default()))]
    {
        let mut scene = waiting_for(2);
        noted(&scene.ask(one));
        let effects = by(&mut scene, LEAD, other);
        assert!(leave(&effects).once);
        assert_eq!(scene.detail(ID).decisions.last().map(|last| last.verb), Some(Verb::Approve));
    }
}

/// Who approved first has not seen it.
#[test]
fn a_call_that_began_to_wait_in_between_is_not_approved() {
    let mut scene = waiting_for(2);
    noted(&scene.ask(approve(Scope::default())));
    scene.now += 9 * S;
    let effects = by(&mut scene, LEAD, approve(Scope::default()));
    assert_eq!(leave(&effects).seen, Some(NOW));
    assert_eq!(leave(&waiting().ask(approve(Scope::default()))).seen, None);
}

#[test]
fn a_thaw_does_not_go_around_it() {
    for request in [thaw(Some(ID)), thaw(None)] {
        let mut scene = waiting_for(2);
        noted(&scene.ask(request.clone()));
        let effects = by(&mut scene, LEAD, request);
        assert_eq!(effects, [Effect::Thaw { incident: ID, account: Some(ACCOUNT.to_owned()) }]);
    }
    // Stopped after the fact, in the tier that cannot hold.
    let mut scene = Scene::new();
    scene.people = 2;
    scene.burst(NOW);
    scene.look();
    noted(&scene.ask(thaw(Some(ID))));
    assert_eq!(scene.detail(ID).summary.state, State::Stopped);
    let effects = by(&mut scene, LEAD, thaw(Some(ID)));
    assert_eq!(effects, [Effect::Thaw { incident: ID, account: Some(ACCOUNT.to_owned()) }]);
}

/// What a person has frozen, one person thaws; what the policy has stopped beside it stays.
#[test]
fn a_freeze_by_hand_does_not_go_around_it_either() {
    let frozen = || {
        let mut scene = Scene::new();
        scene.people = 2;
        scene.burst(NOW);
        scene.freeze(Target::Account(ACCOUNT.to_owned()), Some(Duration::from_secs(60)));
        scene.froze(ID + 1);
        scene.frozen(ID + 1, 1);
        scene
    };
    let stays = [Effect::Thaw { incident: ID + 1, account: None }];
    let mut scene = frozen();
    assert_eq!(scene.ask(thaw(Some(ID + 1))), stays);
    let mut scene = frozen();
    scene.now = NOW + 60 * S;
    assert_eq!(scene.on(Input::Due), stays);
    let mut scene = frozen();
    let effects = scene.ask(thaw(None));
    let [Effect::Report(Event::Approval { incident: ID, .. }), thawed] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!([thawed], [&stays[0]]);
    let effects = scene.on(Input::Outcome(Outcome::Thawed { incident: ID + 1, done: done() }));
    let [Ok(Answer::Moved(moved))] = &replies(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(moved.pending.iter().map(|one| one.incident).collect::<Vec<_>>(), [ID]);
}

#[test]
fn what_an_earlier_daemon_has_frozen_takes_them_too() {
    let mut scene = Scene::holding("freeze");
    scene.people = 2;
    scene.found(ID, Target::Account(ACCOUNT.to_owned()), 3);
    scene.look();
    noted(&scene.ask(thaw(Some(ID))));
}

/// The policy froze it, and the kernel confirms that after the first approval.
#[test]
fn a_freeze_that_is_confirmed_in_between_is_still_the_policys() {
    let mut scene = Scene::holding("freeze");
    scene.people = 2;
    scene.look();
    scene.burst(NOW);
    scene.hold(NOW, &[77]);
    scene.froze(ID);
    noted(&scene.ask(approve(Scope::default())));
    let effects = scene.frozen(ID, 1);
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Decided { by: Responder::Policy, .. })),
        "{effects:?}"
    );
    let outcomes: Vec<_> = scene.detail(ID).decisions.into_iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, ["1 processes frozen, confirmed by the kernel", "1 of 2: nothing goes on yet"]);
    leave(&by(&mut scene, LEAD, approve(Scope::default())));
}

#[test]
fn another_policy_holds_for_what_waits_already() {
    let mut scene = waiting_for(2);
    noted(&scene.ask(approve(Scope::default())));
    scene.people = 3;
    scene.look();
    noted(&by(&mut scene, LEAD, approve(Scope { once: true, ..Scope::default() })));
    assert_eq!(given(&mut scene), Some((2, 3)));
    // Fewer are enough: what they have said is done.
    scene.people = 2;
    let effects = scene.look_again();
    assert!(leave(&effects).once);
    let last = scene.detail(ID).decisions.pop().expect("a decision");
    assert_eq!((last.verb, last.by), (Verb::Approve, Responder::Policy));
    let mut scene = waiting_for(2);
    scene.people = 1;
    assert_eq!(scene.look_again(), []);
    leave(&by(&mut scene, THIRD, approve(Scope::default())));
}

/// What one has said holds for the next daemon too, and so does what is missing.
#[test]
fn the_next_daemon_has_heard_the_first() {
    let mut scene = waiting_for(2);
    noted(&scene.ask(approve(Scope { once: true, ..Scope::default() })));
    scene.restart();
    assert_eq!(given(&mut scene), Some((1, 2)));
    assert_eq!(scene.refused(thaw(Some(ID))).code, Code::AlreadyDecided);
    scene.now += S;
    let effects = by(&mut scene, LEAD, approve(Scope::default()));
    let leave = leave(&effects);
    assert!(leave.once && leave.seen == Some(NOW), "{leave:?}");
}

/// Decided, and not carried out: who agreed is asked again, and nothing goes on by itself.
#[test]
fn what_two_agreed_on_and_nobody_carried_out_is_asked_again() {
    let mut scene = waiting_for(2);
    noted(&scene.ask(approve(Scope::default())));
    leave(&by(&mut scene, LEAD, approve(Scope::default())));
    let effects = scene.restart();
    let goes_on = |effect: &Effect| matches!(effect, Effect::Approve { .. } | Effect::Thaw { .. });
    assert!(!effects.iter().any(goes_on), "{effects:?}");
    assert!(!scene.look_again().iter().any(goes_on));
    assert_eq!((scene.detail(ID).summary.state, given(&mut scene)), (State::Held, Some((0, 2))));
    noted(&scene.ask(approve(Scope::default())));
}
