//! What is said on the terminal of a process whose call waits.

use super::{
    hold::{ID, deny, done, waiting},
    scene::{NOW, S, Scene, act},
};
use crate::{
    daemon::{Effect, Input, Outcome},
    sensor::{Record, What},
};

/// The line among effects, with the process that is told.
fn told(effects: &[Effect]) -> Option<(u32, &str)> {
    let mut lines = effects.iter().filter_map(|effect| match effect {
        Effect::Tell { incident: ID, account, pid, line } if account == "deployer" => Some((*pid, &**line)),
        Effect::Tell { .. } => panic!("{effect:?}"),
        _ => None,
    });
    let line = lines.next();
    assert_eq!(lines.next(), None);
    line
}

fn by(scene: &mut Scene, pid: u32, comm: &[u8], what: What) -> Vec<Effect> {
    let record = Record { pid, tid: pid, comm: comm.to_vec(), ..Scene::record(1, NOW + S, what) };
    scene.on(Input::Records(vec![record]))
}

#[test]
fn a_call_that_begins_to_wait_says_so_once_for_each_process() {
    let mut scene = waiting();
    scene.account.contact = Some("#ops-oncall".to_owned());
    scene.look();
    let effects = by(&mut scene, 1379, b"rm", What::Held(act()));
    let line = "burstguard: rm (pid 1379) waits: 3 deletes of deployer in /srv used up, incident 41; ask #ops-oncall; \
                burstguard why";
    assert_eq!(told(&effects), Some((1379, line)));
    assert_eq!(told(&by(&mut scene, 1379, b"rm", What::Held(act()))), None);
    assert!(told(&by(&mut scene, 1380, b"rm", What::Held(act()))).is_some());
}

#[test]
fn many_processes_are_not_all_told() {
    let mut scene = waiting();
    let told = (0..500).filter(|pid| told(&by(&mut scene, 1000 + pid, b"rm", What::Held(act()))).is_some());
    assert_eq!(told.count(), 64);
}

#[test]
fn a_refusal_is_said_once_an_incident() {
    let mut scene = waiting();
    scene.ask(deny());
    scene.on(Input::Outcome(Outcome::Denied { incident: ID, done: done() }));
    let effects = by(&mut scene, 1381, b"rm", What::Denied(act()));
    let line = "burstguard: rm (pid 1381) was refused: 3 deletes of deployer in /srv used up, incident 41; burstguard why";
    assert_eq!(told(&effects), Some((1381, line)));
    assert_eq!(told(&by(&mut scene, 1382, b"rm", What::Denied(act()))), None);
}

/// Where calls cannot wait.
#[test]
fn so_does_a_process_that_was_stopped() {
    let mut scene = Scene::new();
    scene.burst(NOW);
    scene.operation(NOW + 1);
    let effects = by(&mut scene, 1379, b"rm", What::Stopped);
    let line = "burstguard: rm (pid 1379) was stopped: what deployer does in /srv is looked at first, incident 41; \
                burstguard why";
    assert_eq!(told(&effects), Some((1379, line)));
    let over = crate::sensor::Act { over: true, ..act() };
    scene.on(Input::Records(vec![Scene::record(1, NOW + 2, What::Operation(over))]));
    let effects = by(&mut scene, 1380, b"rm", What::Stopped);
    assert!(told(&effects).is_some_and(|(_, line)| line.contains("3 deletes of deployer in /srv used up")));
}

#[test]
fn nothing_is_said_where_the_policy_says_so_or_nobody_waits() {
    let mut scene = waiting();
    scene.account.hold.terminal = false;
    scene.look();
    assert_eq!(told(&by(&mut scene, 1379, b"rm", What::Held(act()))), None);
    let mut scene = Scene::responding("observe");
    scene.burst(NOW);
    assert_eq!(told(&by(&mut scene, 1379, b"rm", What::Operation(act()))), None);
    // Of no incident.
    assert_eq!(told(&by(&mut Scene::holding("hold"), 1379, b"rm", What::Held(act()))), None);
}

#[test]
fn no_name_acts_on_a_terminal() {
    let mut scene = waiting();
    scene.account.contact = Some("\u{1b}]0;x\u{7}\u{9b}2Jä\u{202e}".repeat(9));
    scene.look();
    let effects = by(&mut scene, 1379, b"\x1b[2J\r\n\xff\x9b5n\xc2\x9b", What::Held(act()));
    let (_, line) = told(&effects).expect("a line");
    assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
    assert!(line.starts_with("burstguard: \\u{1b}[2J\\r\\n"), "{line}");
    assert_eq!(line.len(), 400);
}
