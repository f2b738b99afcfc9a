//! Inputs and the effects they have; no process, no kernel.

mod approve;
mod carry;
mod clock;
mod escape;
mod hold;
mod impact;
mod lease;
mod pairs;
mod pass;
mod people;
mod record;
mod restore;
mod scene;
mod tampering;
mod terminal;

use std::time::Duration;

use crate::{
    api::{Answer, Code, Problem, Request, Responder, State, Target, Verb},
    daemon::{Effect, Ending, Input, Names, Outcome, Reload, Touched, Which},
    enforcer::freezer::FreezeState,
    report::Event,
    sensor::What,
    store::Says,
};
use scene::{NOW, S, Scene, reason, replies};

const ID: u64 = 41;

#[test]
fn a_burst_opens_an_incident_that_looks_back_one_window() {
    let mut scene = Scene::new();
    scene.operation(NOW - 20 * S); // too long ago for 3/10s
    scene.operation(NOW - S);
    scene.operation(NOW);
    scene.burst(NOW);
    scene.operation(NOW + 1);
    let incident = scene.detail(ID);
    assert_eq!(incident.summary.done, 3);
    assert_eq!(incident.kinds, [("delete".to_owned(), 3)]);
    assert_eq!(incident.summary.state, State::Stopped);
    assert_eq!(
        incident.next,
        [
            "burstguard thaw 41   let these processes go on",
            "burstguard kill 41   end them",
            "burstguard restore 41   put back what it destroyed",
        ]
    );
}

#[test]
fn a_responder_thaws_and_the_answer_comes_with_the_outcome() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    let effects = scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    assert_eq!(effects, [Effect::Thaw { incident: ID, account: Some("deployer".to_owned()) }]);
    let done = Touched { began: NOW, ..Touched::default() };
    let effects = scene.on(Input::Outcome(Outcome::Thawed { incident: ID, done }));
    assert!(matches!(&replies(&effects)[..], [Ok(Answer::Moved(moved))] if moved.verb == Verb::Thaw));
    assert_eq!(scene.detail(ID).summary.state, State::Thawed);
    assert_eq!(scene.detail(ID).decisions[0].reason, "INC-88");
}

/// Its processes go on before that is confirmed.
#[test]
fn what_is_done_while_a_thaw_is_under_way_is_of_the_next_burst() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.operation(NOW);
    scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    scene.operation(NOW + 1);
    scene.on(Input::Outcome(Outcome::Thawed { incident: ID, done: Touched::default() }));
    scene.operation(NOW + 2);
    scene.burst(NOW + 2);
    assert_eq!((scene.detail(ID).summary.done, scene.detail(ID + 1).summary.done), (1, 2));
}

#[test]
fn a_second_responder_learns_who_was_first() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    let problem = scene.refused(Request::Kill { incident: ID, reason: reason() });
    assert_eq!(problem.code, Code::AlreadyDecided);
    assert!(problem.message.contains("thawed by oncall (uid 1004)"), "{}", problem.message);
}

#[test]
fn the_policy_freezes_at_once_where_it_says_so() {
    let mut scene = Scene::responding("freeze");
    let effects = scene.burst(NOW);
    let target = Target::Account("deployer".to_owned());
    let wanted = [Effect::Trip { account: "deployer".to_owned() }, Effect::Freeze { incident: ID, target }];
    assert_eq!(effects[1..], wanted);
    scene.frozen(ID, 3);
    assert_eq!(scene.detail(ID).summary.state, State::Frozen);
}

/// The first one happens where calls cannot be held.
#[test]
fn an_observed_burst_tells_what_would_have_been_stopped() {
    for (mut scene, expected) in [(Scene::responding("observe"), 2), (Scene::holding("observe"), 3)] {
        (1..=3).for_each(|at| scene.operation(NOW - at * S));
        scene.burst(NOW);
        (0..3).for_each(|at| scene.operation(NOW + at));
        let incident = scene.detail(ID).summary;
        assert_eq!((incident.done, incident.would_have_stopped), (6, expected));
        assert_eq!(scene.status().would_have_stopped, expected);
    }
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.operation(NOW);
    assert_eq!(scene.detail(ID).summary.would_have_stopped, 0);
}

#[test]
fn a_freeze_is_answered_when_the_kernel_confirms_it() {
    let mut scene = Scene::new();
    let target = Target::Account("deployer".to_owned());
    let effects = scene.freeze(target, None);
    assert!(replies(&effects).is_empty());
    assert!(replies(&scene.froze(ID)).is_empty());
    let effects = scene.frozen(ID, 1);
    assert!(
        matches!(&replies(&effects)[..], [Ok(Answer::Moved(moved))] if moved.confirmed_us.is_some() && moved.processes.len() == 1)
    );
}

#[test]
fn a_freeze_that_is_not_confirmed_is_answered_as_such_and_goes_on() {
    let mut scene = Scene::new();
    scene.freeze(Target::Pid(77), None);
    scene.froze(ID);
    let due = scene.incidents.next_due().expect("a time to wait for");
    scene.now = due;
    let effects = scene.on(Input::Due);
    assert!(matches!(&replies(&effects)[..], [Err(Problem { code: Code::NotConfirmed, .. })]));
    scene.frozen(ID, 1);
    assert_eq!(scene.detail(ID).summary.state, State::Frozen);
}

#[test]
fn who_says_so_waits_longer_for_the_kernel() {
    let mut scene = Scene::new();
    scene.patience = Some(Duration::from_mins(10));
    scene.freeze(Target::Pid(77), None);
    scene.froze(ID);
    assert_eq!(scene.incidents.next_due(), Some(NOW + 600 * S));
    scene.now = NOW + 599 * S;
    assert!(matches!(&replies(&scene.frozen(ID, 1))[..], [Ok(Answer::Moved(_))]));
}

#[test]
fn a_freeze_ends_by_itself() {
    let mut scene = Scene::new();
    scene.freeze(Target::Pid(77), Some(Duration::from_secs(60)));
    scene.froze(ID);
    scene.frozen(ID, 1);
    assert_eq!(scene.incidents.next_due(), Some(NOW + 60 * S));
    scene.now = NOW + 60 * S;
    assert_eq!(scene.on(Input::Due), [Effect::Thaw { incident: ID, account: None }]);
    assert_eq!(scene.incidents.next_due(), None);
    assert_eq!(scene.detail(ID).decisions[1].by, Responder::Deadline);
}

#[test]
fn a_freeze_of_nobody_is_no_incident() {
    let mut scene = Scene::new();
    scene.about.clear();
    let target = Target::Unit("none.service".to_owned());
    let problem = scene.refused(Request::Freeze { target, until: None, reason: reason() });
    assert_eq!(problem.code, Code::NotFound);
    assert!(scene.incidents.get(ID).is_none());
}

#[test]
fn what_is_never_touched_is_refused_by_name() {
    let mut scene = Scene::new();
    scene.about[0].spared = Some("the agent itself");
    let problem = scene.refused(Request::Freeze { target: Target::Pid(77), until: None, reason: reason() });
    assert_eq!(problem.code, Code::NotAllowed);
    assert!(problem.message.contains("the agent itself"), "{}", problem.message);
}

/// Else `freeze --pid 1` would freeze the host.
#[test]
fn what_is_never_touched_is_not_frozen_by_its_descendants_either() {
    let mut scene = Scene::new();
    let child = scene.about[0].clone();
    scene.about[0].spared = Some("the first process of all");
    scene.about.push(child);
    let freeze = |target| Request::Freeze { target, until: None, reason: reason() };
    assert_eq!(scene.refused(freeze(Target::Pid(77))).code, Code::NotAllowed);
    // Among many, those that are spared are left alone and the others are frozen.
    assert!(matches!(scene.ask(freeze(Target::User(998)))[..], [Effect::Freeze { .. }]));
}

#[test]
fn nobody_freezes_themselves() {
    let mut scene = Scene::new();
    scene.asking = 77;
    let freeze = Request::Freeze { target: Target::User(998), until: None, reason: reason() };
    assert_eq!(scene.refused(freeze).code, Code::NotAllowed);
}

#[test]
fn a_frozen_account_stays_so_without_a_process() {
    let mut scene = Scene::new();
    scene.freeze(Target::Account("deployer".to_owned()), None);
    scene.froze(ID);
    scene.frozen(ID, 1);
    assert_eq!(scene.frozen(ID, 0), []);
    assert_eq!(scene.detail(ID).summary.state, State::Frozen);
}

#[test]
fn root_is_not_frozen_as_a_user() {
    let mut scene = Scene::new();
    let problem = scene.refused(Request::Freeze { target: Target::User(0), until: None, reason: reason() });
    assert_eq!(problem.code, Code::NotAllowed);
    assert!(scene.incidents.get(ID).is_none());
}

#[test]
fn a_process_of_an_account_decides_nothing_whatever_its_user() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.acts_for = Some("deployer".to_owned());
    for times in 1..=2 {
        let effects = scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
        let Effect::Report(Event::Attempt { incident, times: counted, .. }) = &effects[0] else {
            panic!("{effects:?}")
        };
        assert_eq!((*incident, *counted), (ID + 1, times));
        assert!(matches!(&replies(&effects)[..], [Err(Problem { code: Code::NotAllowed, .. })]));
    }
    assert_eq!(scene.detail(ID).summary.state, State::Stopped);
}

#[test]
fn each_request_takes_its_role() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.rights.admin = false;
    assert_eq!(scene.refused(Request::Off { until: None, reason: reason() }).code, Code::NotAllowed);
    scene.rights.respond = false;
    let thaw = Request::Thaw { incident: Some(ID), reason: reason() };
    assert_eq!(scene.refused(thaw).code, Code::NotAllowed);
    scene.ask(Request::Status);
    scene.rights.view = false;
    assert_eq!(scene.refused(Request::Status).code, Code::NotAllowed);
    assert!(matches!(&replies(&scene.ask(Request::Why(scene.asking)))[..], [Ok(Answer::Why(_))]));
}

#[test]
fn off_ends_every_incident_and_by_itself() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    let call = scene.last_call + 1;
    let off = Request::Off { until: Some(Duration::from_secs(9)), reason: reason() };
    assert_eq!(scene.ask(off), [Effect::Off { call, until: NOW + 9 * S }]);
    let effects = scene.on(Input::Outcome(Outcome::Off { call, done: Touched::default() }));
    assert_eq!(replies(&effects).len(), 1);
    assert_eq!(scene.detail(ID).summary.state, State::Thawed);
    scene.now = NOW + 9 * S;
    let grant = Effect::Grant { account: "deployer".to_owned(), until: 0 };
    assert_eq!(scene.on(Input::Due), [grant, Effect::On { call: None }]);
}

#[test]
fn an_account_that_is_frozen_too_does_not_begin_anew() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.freeze(Target::Account("deployer".to_owned()), None);
    scene.froze(ID + 1);
    scene.frozen(ID + 1, 1);
    let effects = scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    assert_eq!(effects, [Effect::Thaw { incident: ID, account: None }]);
    let effects = scene.ask(Request::Thaw { incident: Some(ID + 1), reason: reason() });
    assert_eq!(effects, [Effect::Thaw { incident: ID + 1, account: Some("deployer".to_owned()) }]);
}

#[test]
fn to_switch_on_what_is_on_lets_nobody_go() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    let effects = scene.ask(Request::On { reason: reason() });
    assert!(
        matches!(&effects[..], [Effect::Reply(_, answer)] if matches!(&**answer, Ok(Answer::Moved(_)))),
        "{effects:?}"
    );
    assert_eq!(scene.detail(ID).summary.state, State::Stopped);
}

#[test]
fn an_account_found_tripped_is_an_incident() {
    let mut scene = Scene::new();
    scene.trip(2);
    scene.look();
    let incident = scene.detail(ID);
    assert_eq!((incident.summary.state, incident.summary.waiting), (State::Stopped, 2));
    scene.look();
    assert!(scene.incidents.get(ID + 1).is_none());
}

#[test]
fn what_an_earlier_daemon_has_frozen_keeps_its_number_and_can_be_thawed() {
    let mut scene = Scene::new();
    scene.found(57, Target::Account("deployer".to_owned()), 3);
    scene.trip(2);
    scene.look();
    let incident = scene.detail(57).summary;
    assert_eq!((incident.state, incident.waiting), (State::Frozen, 3));
    assert!(scene.incidents.get(58).is_none(), "the stopped ones are the same incident's");
    let effects = scene.ask(Request::Thaw { incident: Some(57), reason: reason() });
    assert_eq!(effects, [Effect::Thaw { incident: 57, account: Some("deployer".to_owned()) }]);
    scene.freeze(Target::Pid(77), None);
    assert!(scene.incidents.get(58).is_some());
}

#[test]
fn a_freeze_whose_processes_have_ended_is_over() {
    let mut scene = Scene::new();
    scene.freeze(Target::Pid(77), None);
    scene.froze(ID);
    scene.frozen(ID, 1);
    let state = FreezeState { id: ID, frozen: true, processes: 0 };
    assert_eq!(scene.on(Input::Frozen(state)), [Effect::Thaw { incident: ID, account: None }]);
    assert_eq!(scene.detail(ID).summary.state, State::Gone);
}

#[test]
fn an_account_that_leaves_the_policy_leaves_no_incident_open() {
    let mut scene = Scene::responding("freeze");
    scene.burst(NOW);
    scene.frozen(ID, 1);
    let done = Reload {
        names: Names::of(["other"], ["/srv"]),
        before: String::new(),
        after: String::new(),
        accounts: vec!["other".to_owned()],
        warnings: Vec::new(),
        freed: vec!["deployer".to_owned()],
        records: Vec::new(),
    };
    let effects = scene.on(Input::Outcome(Outcome::Reloaded { call: 9, done: Ok(done) }));
    assert!(effects.contains(&Effect::Thaw { incident: ID, account: None }), "{effects:?}");
    assert_eq!(scene.detail(ID).decisions[1].by, Responder::Policy);
}

/// Frozen, stopped, held or denied; not what was observed, or is over.
#[test]
fn a_reload_knows_about_whom_somebody_has_still_to_decide() {
    let open = |scene: &mut Scene| {
        let effects = scene.ask(Request::Reload { loosen: true, reason: reason() });
        match &effects[..] {
            [Effect::Reload { open, loosen: true, .. }] => open.clone(),
            other => panic!("{other:?}"),
        }
    };
    let nobody: [String; 0] = [];
    for (response, account) in [("hold", true), ("freeze", true), ("observe", false)] {
        let mut scene = Scene::responding(response);
        assert_eq!(open(&mut scene), nobody);
        scene.burst(NOW);
        assert_eq!(
            open(&mut scene),
            if account { vec!["deployer".to_owned()] } else { Vec::new() },
            "{response}"
        );
    }
    let mut scene = Scene::holding("deny");
    scene.burst(NOW);
    assert_eq!(open(&mut scene), ["deployer"]);
    let mut scene = Scene::new();
    scene.freeze(Target::Account("deployer".to_owned()), None);
    assert_eq!(open(&mut scene), ["deployer"]);
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    scene.on(Input::Outcome(Outcome::Thawed { incident: ID, done: Touched::default() }));
    assert_eq!(open(&mut scene), nobody);
}

/// Nobody knows who has sent it: it loosens nothing.
#[test]
fn a_reload_by_a_signal_is_on_the_record_as_such() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.written.clear();
    let effects = scene.on(Input::Hangup { call: 7 });
    assert_eq!(
        effects,
        [Effect::Reload { call: 7, which: Which::Files, open: vec!["deployer".to_owned()], loosen: false }]
    );
    let (entry, first) = scene.written.remove(0);
    let Says::Order(order) = entry.says else { panic!("{entry:?}") };
    assert_eq!((order.verb, order.by, first), (Verb::Reload, Responder::Signal, true));
}

#[test]
fn the_ending_says_whether_to_let_go() {
    let mut scene = Scene::new();
    assert!(!scene.on(Input::End(Ending::Leave)).contains(&Effect::LetGo));
    assert!(scene.on(Input::End(Ending::LetGo)).contains(&Effect::LetGo));
}

#[test]
fn the_self_tests_own_account_is_not_reported() {
    let mut scene = Scene::new();
    let record = Scene::record(0, NOW, What::Stopped);
    assert_eq!(scene.on(Input::Records(vec![record])), []);
}
