//! The clock on the wall is set back and forth: nothing ends sooner or later by it, and nothing gets older or younger.

use std::time::Duration;

use agent_common::rules::{NEVER, judge::Phase};
use jiff::{SignedDuration, Timestamp};

use super::{
    ID,
    scene::{NOW, S, Scene, reason},
};
use crate::{
    api::{IncidentDetail, Request, Scope, State, Target},
    daemon::{Effect, Input, Outcome, Touched},
};

/// By how much it is set, one after the other.
fn settings() -> [SignedDuration; 5] {
    let hours = SignedDuration::from_hours;
    [hours(1), hours(-1), hours(24 * 3652), hours(-24 * 3652), SignedDuration::ZERO]
}

/// A burst whose call waits, and a second later a look at it.
fn held() -> Scene {
    let mut scene = Scene::holding("hold");
    scene.operation(NOW - S);
    scene.hold(NOW, &[77]);
    scene.burst(NOW);
    scene.now += S;
    scene.look();
    scene
}

/// How long it is open by what is shown, and that what is shown of it is in its order.
fn age(scene: &mut Scene) -> SignedDuration {
    let IncidentDetail { summary, acts, decisions, .. } = scene.detail(ID);
    let times: Vec<Timestamp> = std::iter::once(summary.opened_at)
        .chain(acts.iter().map(|act| act.at))
        .chain(decisions.iter().map(|decision| decision.at))
        .chain(summary.closed_at)
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    scene.wall().duration_since(summary.opened_at)
}

#[test]
fn an_incident_has_its_age_and_its_deadline_by_the_kernels_clock() {
    let mut scene = held();
    let (due, began) = (scene.incidents.next_due(), age(&mut scene));
    for (seconds, set) in (1..).zip(settings()) {
        scene.clock = set;
        scene.now += S;
        scene.look();
        assert_eq!(scene.incidents.next_due(), due);
        assert_eq!(age(&mut scene), began + SignedDuration::from_secs(seconds));
        let until = scene.detail(ID).summary.until.expect("a deadline");
        assert_eq!(until.duration_since(scene.wall()), SignedDuration::from_secs(899 - seconds));
        let due_now = scene.on(Input::Due);
        assert!(due_now.is_empty(), "{due_now:?}");
        // Nor does the next daemon find it older.
        scene.restart();
        assert_eq!(age(&mut scene), began + SignedDuration::from_secs(seconds));
    }
    scene.now = due.expect("a deadline");
    assert!(matches!(scene.on(Input::Due)[..], [Effect::Deny { incident: ID, .. }]));
}

#[test]
fn what_is_approved_lasts_as_long_as_was_said() {
    let mut scene = held();
    scene.ask(Request::Approve { incident: ID, scope: Scope::default(), reason: reason() });
    let until = scene.now + 3600 * S;
    scene.stand(Phase::Armed, NEVER);
    scene.grant(ID, until, 1);
    scene.on(Input::Outcome(Outcome::Approved { incident: ID, done: Touched::default() }));
    for set in settings() {
        scene.clock = set;
        let withdrawn = scene.look_again();
        assert!(withdrawn.is_empty(), "{set}: {withdrawn:?}");
        let shown = scene.detail(ID).summary;
        let left = shown.until.expect("an end").duration_since(scene.wall());
        assert_eq!((shown.state, left.as_secs().unsigned_abs()), (State::Approved, (until - scene.now) / S));
        age(&mut scene);
    }
    scene.now = until;
    assert_eq!(scene.look_again(), [Effect::Withdraw { grant: 5 }]);
}

#[test]
fn a_freeze_and_off_end_at_their_time() {
    let mut scene = Scene::new();
    scene.freeze(Target::Pid(77), Some(Duration::from_secs(60)));
    scene.froze(ID);
    scene.frozen(ID, 1);
    scene.ask(Request::Off { until: Some(Duration::from_secs(120)), reason: reason() });
    let call = scene.last_call;
    scene.on(Input::Outcome(Outcome::Off { call, done: Touched::default() }));
    for set in settings() {
        scene.clock = set;
        scene.now += S;
        scene.look();
        let status = scene.status();
        let left = status.off_until.expect("an end").duration_since(scene.wall());
        assert_eq!(left.as_secs().unsigned_abs(), 120 - (scene.now - NOW) / S);
        assert!(scene.on(Input::Due).is_empty());
    }
    scene.now = NOW + 120 * S;
    assert!(scene.on(Input::Due).contains(&Effect::On { call: None }));
}
