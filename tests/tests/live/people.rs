//! What takes more than one person.

use std::sync::Barrier;
use std::thread;

use anyhow::{Result, anyhow};
use serde_json::json;
use tests::{Account, Event, Said, ask, ask_json};

use crate::check::{FILES, each, filled_with};
use crate::commands::{burst_is_known, decide, refused};
use crate::rights::asks;

const THAW: [&str; 4] = ["thaw", "1", "--reason", "INC-88, a test"];

#[test]
fn what_waits_goes_on_when_two_people_say_so() -> Result<()> {
    let second = Account::unlisted()?;
    let mut scene = filled_with(|policy| policy.approvals(2).role("respond", second.uid()))?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;

    let first = ask(&THAW)?;
    assert_eq!(first.exit, Some(0), "{first:?}");
    assert!(first.output.contains("thawed 1 as root (uid 0), 1 of 2: nothing goes on yet"), "{first:?}");
    assert!(first.output.contains("another person with the role \"respond\""), "{first:?}");
    let (given, needed) = scene.daemon.wait_for("the approval", |event| match event {
        Event::Approval { incident: 1, given, needed } => Some((*given, *needed)),
        _ => None,
    })?;
    assert_eq!((given, needed), (1, 2));
    let incident = ask_json(&["incident", "1"])?;
    assert_eq!((&incident["state"], &incident["waiting"]), (&json!("stopped"), &json!(1)));
    let approvals = &incident["approvals"];
    assert_eq!((&approvals["needed"], &approvals["given"][0]["person"]), (&json!(2), &json!(0)));
    assert_eq!(incident["decisions"][0]["outcome"], "1 of 2: nothing goes on yet");
    assert!(ask(&["incidents"])?.output.contains("1 of 2 approvals"));
    for again in [&THAW[..], &["thaw", "--all", "--reason", "x"]] {
        let (exit, complaint) = refused(again)?;
        assert_eq!(exit, Some(6), "{complaint}");
        assert!(
            complaint.contains("waits for another person: root (uid 0) has thawed it already"),
            "{complaint}"
        );
    }
    assert!(job.goes_on());
    assert_eq!(scene.destroyed(FILES), 11);

    let said = asks(&scene, &second, &THAW)?;
    assert_eq!(said.exit, Some(0), "{said:?}");
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 22);
    let decisions = ask_json(&["incident", "1"])?["decisions"].clone();
    assert_eq!((&decisions[0]["by"]["uid"], &decisions[1]["by"]["uid"]), (&json!(0), &json!(second.uid())));
    assert_eq!(decisions[1]["outcome"], "1 processes");
    drop(job);
    scene.end().map(drop)
}

/// Nor does whoever freezes the account, and lets the freeze end.
#[test]
fn one_person_ends_it_and_goes_around_it_by_no_freeze() -> Result<()> {
    let mut scene = filled_with(|policy| policy.approvals(2))?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let frozen = decide(&["freeze", "--account", "a0"])?;
    decide(&["thaw", &frozen["incident"].to_string()])?;
    assert!(!tests::cgroup::is_frozen(job.pid()));
    assert!(job.goes_on(), "it is stopped still");
    assert_eq!(ask_json(&["accounts"])?[0]["standing"], "tripped");
    // Who comes later is stopped as before the freeze.
    let later = scene.shell("rm f0029")?;
    later.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 11);
    decide(&["kill", "1"])?;
    assert_eq!(ask_json(&["incident", "1"])?["state"], "killed");
    drop((job, later));
    scene.end().map(drop)
}

/// Half of them let it go on, half of them end it.
#[test]
fn of_twenty_who_decide_at_once_one_does_and_the_others_learn_who() -> Result<()> {
    const CLIENTS: usize = 20;
    let mut scene = filled_with(|policy| policy)?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let together = Barrier::new(CLIENTS);
    let client = |number: usize| -> Result<(String, Said)> {
        let (verb, reason) = (["thaw", "kill"][number % 2], format!("client {number}"));
        together.wait();
        Ok((format!("{verb} {reason}"), ask(&[verb, "1", "--reason", &reason])?))
    };
    let said = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || client(number))).collect();
        let joined = clients.into_iter().map(|one| one.join().map_err(|_| anyhow!("a client panicked"))?);
        joined.collect::<Result<Vec<_>>>()
    })?;
    let (done, refused): (Vec<_>, Vec<_>) = said.into_iter().partition(|(_, said)| said.exit == Some(0));
    let [(winner, _)] = &done[..] else { panic!("{done:?}") };
    let (verb, reason) = winner.split_once(' ').unwrap_or_default();
    let first = format!(
        "incident 1 is already decided: {} by root (uid 0) at ",
        if verb == "thaw" { "thawed" } else { "killed" }
    );
    for (_, said) in &refused {
        assert_eq!(said.exit, Some(6), "{said:?}");
        assert!(
            said.complaint.contains(&first) && said.complaint.contains(&format!("reason {reason:?}")),
            "{said:?}"
        );
    }
    let incident = ask_json(&["incident", "1"])?;
    let decisions = incident["decisions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let [decision] = decisions else { panic!("{incident}") };
    assert_eq!((&decision["verb"], &decision["reason"]), (&json!(verb), &json!(reason)));
    drop(job);
    scene.end().map(drop)
}

#[test]
fn what_is_frozen_only_stays_so_for_longer() -> Result<()> {
    let scene = filled_with(|policy| policy)?;
    let job = scene.shell("read go")?;
    let freeze = |span: &str| ask(&["freeze", "--account", "a0", "--for", span, "--reason", "INC-88"]);
    let first = freeze("10m")?;
    assert_eq!(first.exit, Some(0), "{first:?}");
    let less = freeze("5m")?;
    assert_eq!(less.exit, Some(6), "{less:?}");
    assert!(less.complaint.contains("incident 1 is already decided: frozen by root (uid 0)"), "{less:?}");
    let before = ask_json(&["incident", "1"])?["until"].clone();
    let more = freeze("20m")?;
    assert_eq!(more.exit, Some(0), "{more:?}");
    assert!(
        more.output.starts_with("frozen: a0, 1 process,") && more.output.contains("(incident 1)"),
        "{more:?}"
    );
    let after = ask_json(&["incident", "1"])?["until"].clone();
    assert!(after.as_str() > before.as_str(), "{before} {after}");
    assert!(tests::cgroup::is_frozen(job.pid()));
    decide(&["thaw", "1"])?;
    assert!(!tests::cgroup::is_frozen(job.pid()));
    drop(job);
    scene.end().map(drop)
}
