//! What is written down, and before what.

use jiff::Timestamp;

use super::{
    ID,
    scene::{NOW, S, Scene, reason, replies},
};
use crate::{
    api::{
        Answer, Code, Decision, Filter, IncidentDetail, IncidentSummary, Request, Scope, State, Target, Verb,
    },
    daemon::{Effect, Ending, Input, Outcome, Touched},
    store::{Entry, Past, Says, Step},
};

/// What was written since this was asked last, and whether before anything was done.
pub(super) fn steps(scene: &mut Scene) -> Vec<(Step, bool)> {
    let written = std::mem::take(&mut scene.written);
    let step = |(entry, first): (Entry, bool)| match entry.says {
        Says::Incident(step, _) => Some((step, first)),
        _ => None,
    };
    written.into_iter().filter_map(step).collect()
}

fn thawed(scene: &mut Scene) {
    let done = Touched { began: NOW, ..Touched::default() };
    scene.on(Input::Outcome(Outcome::Thawed { incident: ID, done }));
}

#[test]
fn a_decision_is_written_before_its_effect_and_the_outcome_after() {
    let mut scene = Scene::new();
    scene.operation(NOW);
    scene.burst(NOW);
    assert_eq!(steps(&mut scene), [(Step::Opened, false)]);
    scene.ask(Request::Thaw { incident: Some(ID), reason: reason() });
    let (Entry { says, .. }, first) = scene.written[0].clone();
    let Says::Incident(Step::Decided, detail) = says else { panic!("{says:?}") };
    assert!(first && detail.decisions[0].outcome.is_empty() && detail.acts.len() == 1);
    assert_eq!(detail.decisions[0].reason, "INC-88");
    scene.written.clear();
    thawed(&mut scene);
    assert_eq!(steps(&mut scene), [(Step::Closed, false)]);
}

/// What the policy does at once waits for no disk; what somebody decides does.
#[test]
fn a_freeze_is_written_first_if_somebody_decides_it() {
    let mut scene = Scene::responding("freeze");
    scene.burst(NOW);
    assert_eq!(steps(&mut scene), [(Step::Opened, false)]);
    scene.frozen(ID, 3);
    assert_eq!(steps(&mut scene), [(Step::Moved, false)]);
    let mut scene = Scene::new();
    scene.freeze(Target::Account("deployer".to_owned()), None);
    assert_eq!(steps(&mut scene), [(Step::Opened, true)]);
    scene.froze(ID);
    scene.frozen(ID, 1);
    scene.frozen(ID, 2);
    assert_eq!(steps(&mut scene), [(Step::Moved, false)]);
}

#[test]
fn what_a_deadline_decides_is_written_first() {
    let mut scene = Scene::holding("hold");
    scene.hold(NOW, &[77]);
    scene.burst(NOW);
    steps(&mut scene);
    scene.now = scene.incidents.next_due().expect("a deadline");
    let effects = scene.on(Input::Due);
    assert!(matches!(effects[..], [Effect::Deny { incident: ID, .. }]), "{effects:?}");
    assert_eq!(steps(&mut scene), [(Step::Decided, true)]);
}

#[test]
fn more_of_the_same_is_written_now_and_then() {
    let mut scene = Scene::responding("observe");
    scene.burst(NOW);
    steps(&mut scene);
    for second in 1..=25 {
        scene.now = NOW + second * S;
        scene.operation(scene.now);
    }
    assert_eq!(steps(&mut scene), [(Step::Counted, false); 2]);
    scene.now += 20 * S;
    scene.look();
    assert_eq!(steps(&mut scene), [(Step::Counted, false)]);
    scene.now += 20 * S;
    scene.look();
    assert_eq!(steps(&mut scene), []);
}

/// The next daemon goes on with what is written.
#[test]
fn all_of_it_is_written_at_the_end() {
    let mut scene = Scene::new();
    scene.trip(1);
    scene.look();
    scene.burst(NOW);
    // What it was found as is not what it is.
    assert_eq!(steps(&mut scene), [(Step::Opened, false), (Step::Moved, false)]);
    scene.operation(NOW);
    assert_eq!(steps(&mut scene), []);
    scene.on(Input::End(Ending::Leave));
    assert_eq!(steps(&mut scene), [(Step::Counted, false)]);
}

#[test]
fn numbers_of_a_record_that_is_opened_late_are_not_given_out_again() {
    let mut scene = Scene::new();
    scene.incidents.number_from(70);
    scene.incidents.number_from(50);
    scene.burst(NOW);
    assert_eq!(scene.detail(71).summary.id, 71);
}

#[test]
fn an_attempt_is_written_and_nobody_waits_for_it() {
    let mut scene = Scene::new();
    scene.acts_for = Some("deployer".to_owned());
    scene.ask(Request::Thaw { incident: None, reason: reason() });
    assert_eq!(steps(&mut scene), [(Step::Opened, false)]);
}

#[test]
fn switching_off_is_written_first_though_it_is_about_no_incident() {
    let mut scene = Scene::new();
    scene.ask(Request::Off { until: None, reason: reason() });
    let call = scene.last_call;
    scene.on(Input::Outcome(Outcome::Off { call, done: Touched::default() }));
    let written = std::mem::take(&mut scene.written);
    let said: Vec<(Verb, &str, bool)> = written
        .iter()
        .filter_map(|(entry, first)| match &entry.says {
            Says::Order(Decision { verb, outcome, .. }) => Some((*verb, outcome.as_str(), *first)),
            _ => None,
        })
        .collect();
    assert_eq!(said, [(Verb::Off, "", true), (Verb::Off, "0 processes go on", false)]);
}

fn earlier(scene: &mut Scene, id: u64, account: &str) -> IncidentDetail {
    scene.burst(NOW);
    let detail = scene.detail(ID);
    let summary = IncidentSummary {
        id,
        account: Some(account.to_owned()),
        opened_at: Timestamp::UNIX_EPOCH,
        closed_at: Some(Timestamp::UNIX_EPOCH),
        state: State::Thawed,
        ..detail.summary.clone()
    };
    IncidentDetail { summary, ..detail }
}

#[test]
fn incidents_of_earlier_daemons_are_listed_behind_those_of_this_one() {
    let mut scene = Scene::new();
    let before = earlier(&mut scene, 7, "deployer").summary;
    let other = IncidentSummary { id: 8, account: Some("runner".to_owned()), ..before.clone() };
    let again = IncidentSummary { id: ID, ..before.clone() };
    scene.past = Past { listed: vec![again, other, before], is_read: true, ..Past::default() };
    let mut listed = |filter: Filter| {
        let effects = scene.ask(Request::Incidents(filter));
        match &replies(&effects)[..] {
            [Ok(Answer::Incidents(listed))] => {
                listed.iter().map(|one| (one.id, one.state)).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    let all = [(ID, State::Stopped), (8, State::Thawed), (7, State::Thawed)];
    assert_eq!(listed(Filter::default()), all);
    assert_eq!(listed(Filter { limit: Some(2), ..Filter::default() }), all[..2]);
    assert_eq!(listed(Filter { open: true, ..Filter::default() }), all[..1]);
    assert_eq!(listed(Filter { account: Some("runner".to_owned()), ..Filter::default() }), all[1..2]);
    assert_eq!(listed(Filter { since_s: Some(60), ..Filter::default() }).len(), 3);
}

#[test]
fn nothing_is_left_to_decide_about_an_incident_of_an_earlier_daemon() {
    let mut scene = Scene::new();
    let (kill, approve) = (
        |incident| Request::Kill { incident, reason: reason() },
        |incident| Request::Approve { incident, scope: Scope::default(), reason: reason() },
    );
    for (id, code) in [(7, Code::AlreadyDecided), (99, Code::NotFound), (0, Code::NotFound)] {
        assert_eq!(scene.refused(kill(id)).code, code, "{id}");
        assert_eq!(scene.refused(approve(id)).code, code, "{id}");
    }
}

#[test]
fn an_incident_of_an_earlier_daemon_is_shown_as_the_record_has_it() {
    let mut scene = Scene::new();
    let before = earlier(&mut scene, 7, "deployer");
    // A record that does not answer has not said that there is none.
    let unread = scene.refused(Request::Incident(7));
    assert_eq!(unread.code, Code::Failed, "{unread:?}");
    assert_eq!(scene.refused(Request::Incident(99)).code, Code::NotFound);
    scene.past.is_read = true;
    assert_eq!(scene.refused(Request::Incident(7)).code, Code::NotFound);
    scene.past = Past { shown: Some(Box::new(before.clone())), ..scene.past };
    let effects = scene.ask(Request::Incident(7));
    assert!(matches!(&replies(&effects)[..], [Ok(Answer::Incident(shown))] if **shown == before));
    // One that this daemon knows is shown as it knows it.
    assert_eq!(scene.detail(ID).summary.id, ID);
}
