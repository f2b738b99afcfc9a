//! Somebody who does not act for the account was asked to act.

use agent_common::rules::{Kinds, judge::QUIET};

use super::{
    hold::{ACCOUNT, ID},
    scene::{NOW, S, Scene, act},
};
use crate::{
    api::{State, Verb},
    daemon::Effect,
    daemon::Input,
    report::Event,
    sensor::{Act, What},
};

/// An account with this response to it, that asks by the way of this number.
fn asks(scene: &mut Scene, at: u64, way: u32) -> Vec<Effect> {
    let act = Act { root: None, kinds: Kinds::ESCAPE, way: Some(way), ..act() };
    scene.on(Input::Records(vec![Scene::record(1, at, What::Burst(act))]))
}

fn told(effects: &[Effect]) -> u64 {
    match effects {
        [Effect::Report(Event::Escape { incident, actor, .. })] if actor.account == ACCOUNT => *incident,
        other => panic!("{other:?}"),
    }
}

fn responding(escapes: &'static str) -> Scene {
    let mut scene = Scene::holding("hold");
    scene.account.escapes = escapes;
    scene.look();
    scene
}

#[test]
fn by_one_way_in_a_short_time_it_is_one_incident() {
    let mut scene = responding("observe");
    assert_eq!(told(&asks(&mut scene, NOW, 1)), ID);
    assert_eq!(told(&asks(&mut scene, NOW + S, 1)), ID);
    assert_eq!(told(&asks(&mut scene, NOW + 2 * S, 2)), ID + 1);
    assert_eq!(told(&asks(&mut scene, NOW + S + QUIET, 1)), ID + 2);
    let summary = scene.detail(ID).summary;
    assert_eq!((summary.state, summary.done), (State::Observed, 2));
    assert!(summary.what.starts_with("had others act") && summary.what.ends_with("2 times"), "{summary:?}");
    // A burst of the account's own is another matter.
    scene.burst(NOW + 3 * S);
    assert_eq!(scene.detail(ID + 3).summary.state, State::Held);
}

#[test]
fn what_fails_by_itself_waits_for_nobody() {
    let mut scene = responding("deny");
    assert_eq!(told(&asks(&mut scene, NOW, 1)), ID);
    let detail = scene.detail(ID);
    assert_eq!((detail.summary.state, detail.next.len()), (State::Denied, 0));
    assert_eq!(scene.incidents.next_due(), None);
}

#[test]
fn what_waits_is_decided_like_any_call_that_does() {
    let mut scene = responding("hold");
    assert_eq!(told(&asks(&mut scene, NOW, 1)), ID);
    scene.hold(NOW, &[77]);
    scene.look();
    let detail = scene.detail(ID);
    assert_eq!((detail.summary.state, detail.summary.then), (State::Held, Some(Verb::Deny)));
    assert_eq!(detail.next.len(), 3);
}
