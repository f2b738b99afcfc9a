//! What depends on what was destroyed: when it is asked for, what is said of it, and that it is carried on.

use agent_common::rules::BootNs;

use super::{
    ID,
    scene::{NOW, S, Scene},
};
use crate::{
    api::{Bytes, Impact, Named, OpenIn},
    daemon::{Effect, Input, Outcome},
    incidents::impact::{LOST, PATHS},
    sensor::What,
};

/// What was asked for: of which incident, and which paths.
fn asked(effects: &[Effect]) -> Vec<(u64, String)> {
    let survey = |effect: &Effect| match effect {
        Effect::Survey { incident, paths } => {
            let paths: Vec<_> = paths.iter().map(|asked| asked.path.display().to_string()).collect();
            Some((*incident, paths.join(" ")))
        }
        _ => None,
    };
    effects.iter().filter_map(survey).collect()
}

/// So long after.
fn look(scene: &mut Scene, after: BootNs) -> Vec<(u64, String)> {
    scene.now = scene.now + after - 2 * S;
    asked(&scene.look_again())
}

fn surveyed(scene: &mut Scene, incident: u64, found: Vec<Impact>) {
    let effects = scene.on(Input::Outcome(Outcome::Surveyed { incident, found }));
    assert_eq!(effects, [], "nothing is decided by it");
}

fn operation(scene: &mut Scene, path: &str) {
    scene.tell(scene.now, What::Operation, path, 0);
}

/// Something is known of a path.
fn known(path: &str, package: Option<&str>, units: &[&str], open: &[(u32, Option<&str>)]) -> Impact {
    let text = |text: &str| Bytes::Text(text.to_owned());
    Impact {
        path: text(path),
        packages: package.into_iter().map(str::to_owned).collect(),
        conffile: path.ends_with(".conf"),
        units: units.iter().map(|unit| (*unit).to_owned()).collect(),
        open: open
            .iter()
            .map(|(pid, unit)| OpenIn {
                process: Named { pid: *pid, comm: text("vim") },
                unit: unit.map(str::to_owned),
            })
            .collect(),
        open_in: open.len() as u64,
    }
}

#[test]
fn it_is_asked_for_once_and_again_for_what_is_new() {
    let mut scene = Scene::holding("hold");
    operation(&mut scene, "f");
    let effects = scene.burst(NOW);
    assert_eq!(asked(&effects), [], "not in the midst of it");
    scene.hold(NOW, &[77]);
    assert_eq!(look(&mut scene, S), [(ID, "/srv/f /srv/d/waits".to_owned())]);
    operation(&mut scene, "g");
    operation(&mut scene, "f");
    assert_eq!(look(&mut scene, 5 * S), [], "one is under way");
    surveyed(&mut scene, ID, Vec::new());
    assert_eq!(look(&mut scene, S), [(ID, "/srv/g".to_owned())]);
    surveyed(&mut scene, ID, Vec::new());
    operation(&mut scene, "h");
    assert_eq!(look(&mut scene, S), [], "the last was a second ago");
    assert_eq!(look(&mut scene, S), [(ID, "/srv/h".to_owned())]);
    surveyed(&mut scene, ID, Vec::new());
    assert_eq!(look(&mut scene, 60 * S), [], "all is known");
}

#[test]
fn one_of_which_nothing_comes_is_lost() {
    let mut scene = Scene::holding("hold");
    operation(&mut scene, "f");
    scene.burst(NOW);
    scene.hold(NOW, &[77]);
    assert_eq!(look(&mut scene, S).len(), 1);
    operation(&mut scene, "g");
    assert_eq!(look(&mut scene, LOST - 1), []);
    assert_eq!(look(&mut scene, 1), [(ID, "/srv/g".to_owned())]);
}

#[test]
fn of_several_incidents_the_one_that_waited_longest_is_next() {
    let mut scene = Scene::responding("observe");
    for path in ["/srv/a", "/srv/b"] {
        operation(&mut scene, path);
        scene.burst(scene.now);
        scene.trip(0);
        if path == "/srv/a" {
            assert_eq!(look(&mut scene, S), [(ID, "/srv/a".to_owned())]);
            operation(&mut scene, "/srv/c");
            scene.account.standing = agent_common::rules::judge::Standing::ARMED;
            scene.look();
        }
    }
    assert_eq!(look(&mut scene, 5 * S), []);
    surveyed(&mut scene, ID, Vec::new());
    assert_eq!(look(&mut scene, S), [(ID + 1, "/srv/b".to_owned())]);
    surveyed(&mut scene, ID + 1, Vec::new());
    assert_eq!(look(&mut scene, S), [(ID, "/srv/c".to_owned())]);
}

#[test]
fn what_is_not_certain_is_not_asked_for() {
    let mut scene = Scene::new();
    for path in ["f", "../srv/f", "/srv/../etc/f", "/other/f", &format!("/srv/{}", "x".repeat(200))] {
        operation(&mut scene, path);
    }
    scene.burst(NOW);
    scene.trip(1);
    assert_eq!(look(&mut scene, S), []);
    operation(&mut scene, "/srv//d/./f");
    assert_eq!(look(&mut scene, S), [(ID, "/srv/d/f".to_owned())]);
}

#[test]
fn of_very_many_only_some_are_asked_for() {
    let mut scene = Scene::holding("hold");
    (0..1000).for_each(|number| operation(&mut scene, &format!("f{number}")));
    scene.burst(NOW);
    let pids: Vec<u32> = (0..500).collect();
    scene.hold(NOW, &pids);
    for (at, held) in scene.account.held.iter_mut().enumerate() {
        held.call.path = format!("h{at}").into_bytes();
    }
    let paths = look(&mut scene, S)[0].1.split(' ').count();
    assert_eq!(paths, PATHS);
    surveyed(&mut scene, ID, vec![known("/srv/f999", Some("a"), &[], &[])]);
    assert_eq!(look(&mut scene, 10 * S), []);
    let impact = scene.detail(ID).summary.impact.expect("an impact");
    assert_eq!(impact, "1 file of a; not looked at: 968 of 1000 operations");
}

#[test]
fn it_is_told_beside_the_path_and_in_the_summary() {
    for (found, expected) in [
        (vec![], None),
        (vec![known("/srv/a.conf", Some("nginx-common"), &[], &[])], Some("1 conffile of nginx-common")),
        (
            vec![
                known("/srv/a.conf", Some("nginx-common"), &["nginx.service"], &[]),
                known("/srv/b.conf", Some("nginx-common"), &["nginx.service"], &[(8, Some("nginx.service"))]),
                known("/srv/c", Some("other"), &[], &[(9, None), (9, None)]),
            ],
            Some(
                "2 conffiles of nginx-common, 1 file of other; nginx.service names 2 of them and has 1 open; \
                 vim 9 has 1 of them open",
            ),
        ),
        (
            vec![known("/srv/c", None, &["a.service"], &[(9, Some("b.service"))])],
            Some("a.service names 1 of the paths; b.service has 1 of the paths open"),
        ),
        (
            vec![known("/srv/c", None, &["a.service", "b.service", "c.service", "d.service"], &[])],
            Some(
                "a.service names 1 of the paths; b.service names 1 of the paths; c.service names 1 of the paths; 1 more unit",
            ),
        ),
    ] {
        let mut scene = Scene::holding("hold");
        ["a.conf", "b.conf", "c"].iter().for_each(|path| operation(&mut scene, path));
        scene.burst(NOW);
        scene.hold(NOW, &[77]);
        assert_eq!(look(&mut scene, S).len(), 1);
        surveyed(&mut scene, ID, found.clone());
        let detail = scene.detail(ID);
        assert_eq!(detail.summary.impact.as_deref(), expected);
        let told: Vec<_> = detail.acts.into_iter().filter_map(|act| act.impact).collect();
        assert_eq!(told, found);
    }
}

#[test]
fn a_call_that_waits_has_its_own() {
    let mut scene = Scene::holding("hold");
    operation(&mut scene, "f");
    scene.burst(NOW);
    scene.hold(NOW, &[77]);
    look(&mut scene, S);
    surveyed(&mut scene, ID, vec![known("/srv/d/waits", Some("a"), &[], &[])]);
    let detail = scene.detail(ID);
    assert_eq!(detail.held[0].impact.as_ref().expect("an impact").packages, ["a"]);
    assert_eq!(detail.acts[0].impact, None);
}

#[test]
fn it_is_written_down_and_carried_on() {
    let mut scene = Scene::holding("hold");
    operation(&mut scene, "f");
    scene.burst(NOW);
    scene.hold(NOW, &[77]);
    look(&mut scene, S);
    surveyed(&mut scene, ID, vec![known("/srv/f", Some("a"), &["a.service"], &[(9, None)])]);
    look(&mut scene, 20 * S);
    let before = scene.detail(ID);
    scene.restart();
    let after = scene.detail(ID);
    assert_eq!((&after.acts, &after.summary.impact), (&before.acts, &before.summary.impact));
    assert!(after.acts[0].impact.is_some());
    assert_eq!(look(&mut scene, 10 * S), [], "it is known");
}

/// A daemon that had no word for it has left none.
#[test]
fn what_an_earlier_version_has_left_is_carried_on() {
    let mut scene = Scene::holding("hold");
    operation(&mut scene, "f");
    scene.burst(NOW);
    scene.hold(NOW, &[77]);
    for (entry, _) in &mut scene.written {
        if let Some(carry) = entry.carry.as_mut().and_then(serde_json::Value::as_object_mut) {
            carry.remove("surveyed").expect("what is known");
            let acts = carry["acts"].as_array_mut().expect("acts");
            acts.iter_mut().for_each(|act| {
                act.as_object_mut().expect("an act").remove("whole");
            });
        }
    }
    scene.restart();
    assert_eq!(scene.detail(ID).acts.len(), 1);
    assert_eq!(look(&mut scene, S), [(ID, "/srv/d/waits".to_owned())]);
}
