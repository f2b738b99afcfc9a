//! A daemon is killed, and the next one carries on.

use agent_common::rules::{NEVER, judge::Phase};

use super::{
    ID,
    scene::{NOW, S, Scene, reason},
};
use crate::{
    api::{IncidentDetail, Mode, Request, Scope, State, Target, Verb},
    daemon::{Effect, Frozen, Input, Outcome, Touched},
    report::Event,
    store::{Says, UNKNOWN},
};

/// If nothing else is said, calls wait for a quarter of an hour.
const DEADLINE: u64 = NOW + 900 * S;
const NOT_CARRIED_OUT: &str = "not carried out: the daemon ended before; decide again";

/// A burst whose call waits since [`NOW`].
fn held() -> Scene {
    let mut scene = Scene::holding("hold");
    scene.operation(NOW - S);
    scene.hold(NOW, &[77]);
    scene.burst(NOW);
    scene.operation(NOW);
    scene
}

fn approve() -> Request {
    Request::Approve { incident: ID, scope: Scope::default(), reason: reason() }
}

fn deny() -> Request {
    Request::Deny { incident: ID, reason: reason() }
}

fn outcome(detail: &IncidentDetail) -> &str {
    &detail.decisions.last().expect("a decision").outcome
}

/// What was written of incidents since this was asked last.
fn written(scene: &mut Scene) -> Vec<IncidentDetail> {
    let detail = |says| match says {
        Says::Incident(_, detail) => Some(*detail),
        _ => None,
    };
    std::mem::take(&mut scene.written).into_iter().filter_map(|(entry, _)| detail(entry.says)).collect()
}

#[test]
fn an_incident_goes_on_under_its_number_with_all_that_was_known() {
    let mut scene = held();
    scene.account.refused = 5;
    scene.now += 20 * S;
    scene.look();
    let before = scene.detail(ID);
    let effects = scene.restart();
    assert!(
        matches!(&effects[..], [Effect::Report(Event::Found { incident: ID, processes: 1, .. })]),
        "{effects:?}"
    );
    assert_eq!(scene.detail(ID), before);
    assert_eq!((before.summary.refused, before.acts.len()), (5, 2));
    // Its deadline has not begun anew, and what its account does is its own.
    let deadline = scene.incidents.next_due();
    assert_eq!(deadline, Some(DEADLINE));
    scene.operation(scene.now);
    assert_eq!(scene.detail(ID).summary.done, before.summary.done + 1);
    assert_eq!(scene.status().open_incidents, 1);
    // The next number is the next.
    let opened = scene.freeze(Target::Pid(77), None);
    assert!(matches!(opened[..], [Effect::Freeze { incident: 42, .. }]), "{opened:?}");
}

#[test]
fn nothing_is_written_of_what_has_not_changed() {
    let mut scene = held();
    scene.now += 20 * S;
    scene.look();
    let before = scene.written.len();
    scene.restart();
    scene.look();
    assert_eq!(scene.written.len(), before);
    // But each day, so that it is not among what is pruned.
    scene.now += 86_400 * S;
    scene.look();
    assert_eq!(scene.written.len(), before + 1);
}

#[test]
fn a_deadline_that_passed_meanwhile_is_due_at_once() {
    let mut scene = held();
    scene.now = NOW + 3600 * S;
    scene.restart();
    assert!(scene.incidents.next_due().is_some_and(|due| due <= scene.now));
    let effects = scene.on(Input::Due);
    assert!(matches!(&effects[..], [Effect::Deny { incident: ID, .. }]), "{effects:?}");
}

#[test]
fn a_decision_that_was_not_carried_out_is_open_again() {
    for (request, verb) in [
        (approve(), Verb::Approve),
        (deny(), Verb::Deny),
        (Request::Thaw { incident: Some(ID), reason: reason() }, Verb::Thaw),
        (Request::Kill { incident: ID, reason: reason() }, Verb::Kill),
        (Request::Off { until: None, reason: reason() }, Verb::Off),
    ] {
        let mut scene = held();
        scene.now += S;
        scene.ask(request);
        scene.now += S;
        let effects = scene.restart();
        assert!(matches!(&effects[..], [Effect::Report(Event::Found { incident: ID, .. })]), "{effects:?}");
        let detail = scene.detail(ID);
        assert_eq!((detail.summary.state, detail.summary.closed_at), (State::Held, None), "{verb:?}");
        assert_eq!((detail.decisions[0].verb, outcome(&detail)), (verb, NOT_CARRIED_OUT));
        assert_eq!(
            written(&mut scene).last().map(|last| outcome(last).to_owned()),
            Some(NOT_CARRIED_OUT.into())
        );
        // The deadline is that of the hold, not that of what was approved.
        assert_eq!(scene.incidents.next_due(), Some(DEADLINE));
        assert_eq!(scene.status().mode, Mode::Observe);
        let effects = scene.ask(approve());
        assert!(matches!(effects[..], [Effect::Approve { incident: ID, .. }]), "{verb:?}: {effects:?}");
        assert_eq!(scene.detail(ID).decisions.len(), 2);
    }
}

#[test]
fn half_an_approval_is_taken_back() {
    let mut scene = held();
    scene.now += S;
    scene.ask(approve());
    // The kernel has it, and still holds the account.
    scene.grant(ID, scene.now + 3600 * S, 1);
    let effects = scene.restart();
    assert_eq!(effects[1..], [Effect::Withdraw { grant: 5 }]);
    assert_eq!(outcome(&scene.detail(ID)), NOT_CARRIED_OUT);
}

#[test]
fn what_was_approved_and_let_go_only_in_the_kernel_goes_on() {
    let mut scene = held();
    scene.now += S;
    scene.ask(approve());
    scene.grant(ID, scene.now + 3600 * S, 1);
    scene.account.standing.phase = Phase::Armed;
    let effects = scene.restart();
    assert_eq!(effects, [Effect::Arm { account: "deployer".to_owned() }]);
    let detail = scene.detail(ID);
    assert_eq!(detail.summary.state, State::Approved);
    assert!(outcome(&detail).starts_with("in force"), "{detail:?}");
}

/// Whoever decided that it be killed has not decided that its calls happen.
#[test]
fn what_was_to_be_killed_is_not_let_go() {
    let mut scene = held();
    scene.now += S;
    scene.ask(Request::Kill { incident: ID, reason: reason() });
    scene.account.standing.phase = Phase::Armed;
    let effects = scene.restart();
    assert!(
        matches!(&effects[..], [_, Effect::Stand { standing, .. }] if standing.phase == Phase::Tripped),
        "{effects:?}"
    );
    assert_eq!(scene.detail(ID).summary.state, State::Held);
}

#[test]
fn a_denial_that_the_kernel_knows_is_brought_to_its_end() {
    let mut scene = held();
    scene.now += S;
    scene.ask(deny());
    scene.account.standing.phase = Phase::Denied;
    let effects = scene.restart();
    assert_eq!(effects, [Effect::Deny { incident: ID, account: "deployer".to_owned() }]);
    scene.stand(Phase::Denied, NOW + 600 * S);
    scene.on(Input::Outcome(Outcome::Denied { incident: ID, done: Touched::default() }));
    let detail = scene.detail(ID);
    assert_eq!((detail.summary.state, outcome(&detail)), (State::Denied, "0 processes"));
}

#[test]
fn what_ended_while_no_daemon_was_there_is_said_to_have() {
    let mut scene = held();
    scene.stand(Phase::Armed, NEVER);
    scene.now += S;
    scene.restart();
    let detail = scene.detail(ID);
    assert_eq!(detail.summary.state, State::Unseen);
    assert!(detail.summary.closed_at.is_some() && detail.decisions.is_empty());
    assert_eq!(detail.next, ["burstguard restore 41   put back what it destroyed"]);
    assert_eq!(written(&mut scene).last().map(|last| last.summary.state), Some(State::Unseen));
    assert_eq!(scene.status().open_incidents, 0);
    // What is decided about it now is too late.
    assert!(scene.refused(deny()).message.contains("is over"));
}

/// It was thawed, though nobody had heard so; and has burst again, which nobody had read.
#[test]
fn a_burst_since_the_decision_is_another_incident() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.trip(1);
    scene.now += S;
    scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    scene.now += 2 * S;
    scene.restart();
    assert_eq!(outcome(&scene.detail(ID)), NOT_CARRIED_OUT);
    // The first one again tells nothing.
    scene.incidents.was_armed_until(NOW, "deployer");
    assert_eq!(scene.detail(ID).summary.state, State::Stopped);
    scene.burst(NOW + 2 * S);
    let before = scene.detail(ID);
    assert_eq!(before.summary.state, State::Thawed);
    assert!(outcome(&before).starts_with("carried out"), "{before:?}");
    assert_eq!(scene.detail(ID + 1).summary.state, State::Stopped);
    assert_eq!(scene.status().open_incidents, 1);
}

/// The calls that were decided about are gone, and others wait: that is another incident.
#[test]
fn a_call_that_waits_since_the_decision_is_another_incident() {
    let mut scene = held();
    scene.now += S;
    scene.ask(approve());
    scene.hold(scene.now + S, &[78]);
    scene.now += 2 * S;
    scene.restart();
    let before = scene.detail(ID);
    assert_eq!((before.summary.state, outcome(&before)), (State::Unseen, UNKNOWN));
    let found = scene.detail(ID + 1);
    assert_eq!(
        (found.summary.state, found.summary.what.as_str()),
        (State::Held, "tripped before this daemon started")
    );
}

#[test]
fn what_was_approved_and_is_over_but_still_runs_is_counted_to_its_incident() {
    let mut scene = held();
    scene.ask(approve());
    scene.stand(Phase::Armed, NEVER);
    scene.grant(ID, NOW + 3600 * S, 1);
    scene.on(Input::Outcome(Outcome::Approved { incident: ID, done: Touched::default() }));
    scene.restart();
    scene.tell(scene.now, crate::sensor::What::Operation, "f", 5);
    let detail = scene.detail(ID);
    assert_eq!((detail.summary.state, detail.summary.approved), (State::Approved, 1));
    assert!(detail.summary.until.is_some());
    // Once that is over too, it is of the record alone.
    scene.now += 3601 * S;
    scene.grants.clear();
    scene.restart();
    assert!(scene.incidents.get(ID).is_none());
}

#[test]
fn a_freeze_keeps_who_decided_it_and_its_end() {
    let mut scene = Scene::new();
    let target = Target::Account("deployer".to_owned());
    scene.freeze(target.clone(), Some(std::time::Duration::from_secs(60)));
    scene.froze(ID);
    scene.frozen(ID, 1);
    let before = scene.detail(ID);
    let frozen = |processes| vec![Frozen { id: ID, target: target.clone(), processes }];
    scene.account.standing.phase = Phase::Frozen;
    scene.now += 10 * S;
    scene.restart_with(frozen(1), "this");
    let after = scene.detail(ID);
    assert_eq!((&after.summary.what, &after.decisions), (&before.summary.what, &before.decisions));
    assert_eq!((after.summary.state, after.summary.waiting), (State::Frozen, 1));
    assert_eq!(scene.incidents.next_due(), Some(NOW + 60 * S));
    // Its processes have ended; the account stays frozen.
    scene.restart();
    assert_eq!((scene.detail(ID).summary.state, scene.detail(ID).summary.waiting), (State::Frozen, 0));
    scene.now = NOW + 60 * S;
    let effects = scene.on(Input::Due);
    assert!(matches!(effects[..], [Effect::Thaw { incident: ID, account: Some(_) }]), "{effects:?}");
}

#[test]
fn a_freeze_that_was_cut_off_says_how_many_it_has_reached() {
    for (freezes, state, said) in [(2, State::Frozen, "2 processes are frozen"), (0, State::Unseen, UNKNOWN)]
    {
        let mut scene = Scene::new();
        scene.freeze(Target::Pid(77), None);
        let frozen = Frozen { id: ID, target: Target::Cgroup("/x".to_owned()), processes: freezes };
        scene.restart_with(if freezes > 0 { vec![frozen] } else { Vec::new() }, "this");
        let detail = scene.detail(ID);
        assert_eq!((detail.summary.state, outcome(&detail)), (state, said));
        assert_eq!(detail.summary.what, "freeze of pid 77");
    }
}

#[test]
fn a_freeze_that_no_record_knows_is_found() {
    let mut scene = Scene::new();
    let frozen = Frozen { id: 7, target: Target::Cgroup("/x".to_owned()), processes: 3 };
    scene.restart_with(vec![frozen], "this");
    let detail = scene.detail(7);
    assert_eq!(
        (detail.summary.state, detail.summary.what.as_str()),
        (State::Frozen, "freeze of cgroup /x by an earlier daemon")
    );
}

#[test]
fn what_was_stopped_after_the_fact_goes_on_waiting() {
    let mut scene = Scene::new();
    scene.operation(NOW);
    scene.burst(NOW);
    scene.trip(1);
    scene.now += S;
    scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    scene.restart();
    let detail = scene.detail(ID);
    assert_eq!((detail.summary.state, detail.summary.waiting), (State::Stopped, 1));
    assert_eq!(outcome(&detail), NOT_CARRIED_OUT);
    let effects = scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    assert!(matches!(effects[..], [Effect::Thaw { incident: ID, .. }]), "{effects:?}");
}

#[test]
fn nothing_outlives_a_reboot() {
    let mut scene = held();
    scene.ask(approve());
    scene.stand(Phase::Armed, NEVER);
    scene.now = 5 * S;
    scene.restart_with(Vec::new(), "another");
    assert!(scene.incidents.get(ID).is_none());
    let written = written(&mut scene);
    let end = written.last().expect("its end");
    assert_eq!((end.summary.state, outcome(end)), (State::Rebooted, UNKNOWN));
    assert!(end.summary.closed_at.is_some() && end.held.is_empty() && end.next.is_empty());
    assert_eq!(scene.incidents.last(), ID);
}

#[test]
fn off_lasts_until_its_end() {
    for (granted, until) in [(NEVER, None), (NOW + 60 * S, Some(NOW + 60 * S))] {
        let mut scene = held();
        scene.now += S;
        scene.stand(Phase::Armed, NEVER);
        scene.account.granted_until = granted;
        let effects = scene.restart();
        assert!(matches!(&effects[0], Effect::Report(Event::Off { .. })), "{effects:?}");
        let status = scene.status();
        assert_eq!((status.mode, status.off_until.is_some()), (Mode::Off, until.is_some()));
        scene.now = NOW + 60 * S;
        let effects = scene.on(Input::Due);
        assert_eq!(effects.contains(&Effect::On { call: None }), until.is_some(), "{effects:?}");
    }
    // It was over by then.
    let mut scene = Scene::new();
    scene.account.granted_until = NOW;
    // What was done meanwhile is forgiven.
    assert_eq!(scene.restart(), [Effect::Grant { account: "deployer".to_owned(), until: 0 }]);
    assert_eq!(scene.status().off_until, None);
}
