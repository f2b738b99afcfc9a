//! Who may look and who may decide.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};
use tests::{
    Account, Event, Job, SOCKET, Said, Scene, Socket, SudoRule, agent, ask, ask_json, hand, say, wait,
};

use crate::check::{FILES, each, filled, filled_by, filled_with};
use crate::commands::burst_is_known;

const THAW: [&str; 4] = ["thaw", "1", "--reason", "x"];

/// Somebody asks.
pub(crate) fn asks(scene: &Scene, user: &Account, words: &[&str]) -> Result<Said> {
    let mut command = user.command(scene.ground.bring(&agent()?)?);
    command.args(words);
    say(command)
}

#[test]
fn who_has_no_role_is_told_nothing() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let other = Account::unlisted()?;
    for words in [&["status"][..], &["incident", "1"], &["why", "--pid", "1"], &["watch"], &THAW] {
        let said = asks(&scene, &other, words)?;
        assert_eq!((said.exit, said.output.as_str()), (Some(4), ""), "{words:?} {said:?}");
        assert!(said.complaint.contains("has not the role"), "{said:?}");
    }
    let why = asks(&scene, &other, &["why", "--json"])?.json("why")?;
    assert_eq!(why["account"], Value::Null);
    assert!(job.goes_on());
    drop(job);
    scene.end().map(drop)
}

#[test]
fn a_role_that_may_look_may_not_decide() -> Result<()> {
    let (viewer, responder) = (Account::unlisted()?, Account::unlisted()?);
    let mut scene = filled_with(|policy| policy.role("view", viewer.uid()).role("respond", responder.uid()))?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let status = asks(&scene, &viewer, &["status", "--json"])?.json("status")?;
    assert_eq!(status["accounts"][0]["standing"], "tripped");
    assert_eq!(asks(&scene, &viewer, &THAW)?.exit, Some(4));
    let off = ["off", "--reason", "x"];
    assert_eq!(asks(&scene, &responder, &off)?.exit, Some(4));
    assert_eq!(scene.destroyed(FILES), 11);
    let thawed = asks(&scene, &responder, &THAW)?;
    assert_eq!(thawed.exit, Some(0), "{thawed:?}");
    let by = &ask_json(&["incident", "1"])?["decisions"][0]["by"];
    assert_eq!(by["uid"], responder.uid());
    job.until_stopped()?;
    drop(job);
    scene.end().map(drop)
}

/// Refused, and recorded as an incident.
fn is_an_attempt(scene: &mut Scene, said: &Said, times: u64) -> Result<()> {
    assert_eq!(said.exit, Some(4), "{said:?}");
    assert!(said.complaint.contains("acts for account a0 and may not decide"), "{said:?}");
    let incident = scene.daemon.wait_for("the attempt", |event| match event {
        Event::Attempt { incident, times: counted, .. } if *counted == times => Some(*incident),
        _ => None,
    })?;
    let shown = ask_json(&["incident", &incident.to_string()])?;
    assert_eq!(
        (&shown["account"], &shown["what"]),
        (&json!("a0"), &json!(format!("tried to decide {times} times")))
    );
    Ok(())
}

#[test]
fn an_account_decides_nothing_about_anything_but_may_ask_about_itself() -> Result<()> {
    let mut scene = filled()?;
    let nobody = Account::unlisted()?;
    // One more of the account's processes, to be sure that it is not about the one that asks.
    let mut waits = Job::start(scene.hand_command(&["each", "1", "wait"])?)?;
    waits.until_says("waiting")?;
    let off = asks(&scene, &scene.account, &["off", "--reason", "x"])?;
    is_an_attempt(&mut scene, &off, 1)?;
    let freeze = ["freeze", "--user", &nobody.uid().to_string(), "--reason", "x"];
    let freeze = asks(&scene, &scene.account, &freeze)?;
    is_an_attempt(&mut scene, &freeze, 2)?;
    let why = asks(&scene, &scene.account, &["why", "--json"])?.json("why")?;
    assert_eq!(
        (&why["account"], &why["standing"], &why["incident"]),
        (&json!("a0"), &json!("armed"), &Value::Null)
    );
    let other = asks(&scene, &scene.account, &["why", "--pid", &waits.pid().to_string()])?;
    assert_eq!(other.exit, Some(4), "{other:?}");
    waits.tell("go")?;
    waits.until_done()?;
    assert_eq!(ask_json(&["status"])?["mode"], "enforce");
    scene.end().map(drop)
}

/// What lets go of everything works without the daemon, and so asks nobody else.
#[test]
fn nor_does_it_let_go_or_watch_in_the_daemons_place() -> Result<()> {
    let scene = filled_by(Account::new()?)?;
    let own = scene.ground.bring(&agent()?)?;
    let Some(_rule) = SudoRule::allow(&scene.account, &[&own])? else { return Ok(()) };
    for words in [&["release", "--reason", "x"][..], &["run"]] {
        let mut command = scene.account.command("sudo");
        command.arg("-n").arg(&own).args(words);
        let said = say(command)?;
        assert_eq!(said.exit, Some(4), "{words:?}: {}", said.complaint);
        assert!(said.complaint.contains("acts for an account"), "{}", said.complaint);
    }
    scene.end().map(drop)
}

#[test]
fn nor_does_it_as_root_through_sudo() -> Result<()> {
    let mut scene = filled_by(Account::new()?)?;
    let own = scene.ground.bring(&agent()?)?;
    let Some(_rule) = SudoRule::allow(&scene.account, &[&own])? else { return Ok(()) };
    let mut command = scene.account.command("sudo");
    command.arg("-n").arg(&own).args(["off", "--reason", "x"]);
    is_an_attempt(&mut scene, &say(command)?, 1)?;
    assert_eq!(ask_json(&["status"])?["mode"], "enforce");
    scene.end().map(drop)
}

#[test]
fn nobody_asks_in_the_name_of_a_process_that_has_ended() -> Result<()> {
    let scene = filled()?;
    let mut command = Command::new(hand()?);
    command.args(["ask-orphaned", SOCKET, "/v1/status"]);
    // Root's, which may ask: what is refused is who it seems to be.
    let job = Job::start(command)?;
    job.until_done()?;
    job.until_says("\r\n\r\n")?;
    let answer = job.output()?;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    wait::until("it says why", || {
        Ok(job.output()?.contains("has ended, so it cannot be told who asks").then_some(()))
    })?;
    scene.end().map(drop)
}

#[test]
fn any_client_of_http_may_ask() -> Result<()> {
    let scene = filled()?;
    let shown = ask_json(&["accounts"])?;
    let (status, body) = Socket::connect()?.get("/v1/accounts")?;
    assert_eq!((status, serde_json::from_str::<Value>(&body)?), (200, shown.clone()));
    assert_eq!(Socket::connect()?.get("/v1/nothing")?.0, 404);
    if Path::new("/usr/bin/curl").exists() {
        let mut curl = Command::new("/usr/bin/curl");
        curl.args(["--silent", "--fail", "--unix-socket", SOCKET, "http://localhost/v1/accounts"]);
        let said = say(curl)?;
        assert_eq!((said.exit, serde_json::from_str::<Value>(&said.output)?), (Some(0), shown));
    }
    assert_eq!(ask(&["status", "--quiet"])?.exit, Some(0));
    scene.end().map(drop)
}
