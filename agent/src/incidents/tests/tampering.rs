//! Something was done to burstguard itself.

use agent_common::{rules::Kinds, wire::row::ABOVE_OWN};

use super::{
    ID,
    scene::{NOW, S, Scene, act},
};
use crate::{
    api::State,
    daemon::{Effect, Input},
    incidents::TOUCHED_WORDS,
    report::Event,
    sensor::{Act, Thing, What},
};

/// The account touches this; what is told of it.
fn touches(
    scene: &mut Scene,
    at: u64,
    thing: Thing,
    root: Option<u32>,
    refused: bool,
) -> (u64, &'static str, u64) {
    let act = Act { root, kinds: Kinds::TAMPERING, ..act() };
    let what = What::Tampering { thing, refused, act };
    match &scene.on(Input::Records(vec![Scene::record(1, at, what)]))[..] {
        [Effect::Report(Event::Tampering { incident, what, times, .. })] => (*incident, what, *times),
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_one_account_in_ten_minutes_it_is_one_incident() {
    let mut scene = Scene::holding("hold");
    let own = Some(ABOVE_OWN + 1);
    assert_eq!(touches(&mut scene, NOW, Thing::File, own, true), (ID, "policy", 1));
    assert_eq!(touches(&mut scene, NOW + S, Thing::Signal, None, true), (ID, "signal", 2));
    let summary = scene.detail(ID).summary;
    assert_eq!(summary.state, State::Denied);
    assert_eq!(summary.what, "tampered with burstguard, 2 times, last: signal");
    assert_eq!(touches(&mut scene, NOW + 601 * S, Thing::Bpf, None, true), (ID + 1, "bpf", 1));
}

#[test]
fn what_has_happened_once_was_not_refused() {
    let mut scene = Scene::holding("hold");
    touches(&mut scene, NOW, Thing::File, Some(ABOVE_OWN), false);
    assert_eq!(scene.detail(ID).summary.state, State::Observed);
    assert_eq!(touches(&mut scene, NOW + S, Thing::Trace, None, true), (ID, "trace", 2));
    assert_eq!(scene.detail(ID).summary.state, State::Observed);
}

/// It is nobody's to decide, and nothing of the account's stands differently by it.
#[test]
fn nobody_is_asked_and_a_burst_is_another_matter() {
    let mut scene = Scene::holding("hold");
    touches(&mut scene, NOW, Thing::Unit, None, true);
    assert_eq!((scene.detail(ID).next.len(), scene.incidents.next_due()), (0, None));
    scene.burst(NOW + S);
    assert_eq!(scene.detail(ID + 1).summary.state, State::Held);
}

#[test]
fn each_word_is_one_that_is_counted() {
    let mut scene = Scene::holding("hold");
    let things = [
        Thing::File,
        Thing::Signal,
        Thing::Trace,
        Thing::Limits,
        Thing::Bpf,
        Thing::Unit,
        Thing::Mount,
        Thing::Group,
    ];
    for (thing, root) in
        things.into_iter().flat_map(|thing| [ABOVE_OWN, ABOVE_OWN + 1].map(|root| (thing, root)))
    {
        let (_, what, _) = touches(&mut scene, NOW, thing, Some(root), true);
        assert!(TOUCHED_WORDS.contains(&what), "{what}");
    }
}
