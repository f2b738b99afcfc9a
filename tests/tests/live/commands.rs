//! What a responder sees and decides, through the commands, against what is true on disk.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::{
    Account, Daemon, Event, Ground, Job, Outcome, Policy, Scene, SudoRule, agent, ask, ask_json, say, truth,
};

use crate::check::{FILES, each, filled, filled_by};

const WHY: [&str; 2] = ["--reason", "INC-88, a test"];

/// A decision, which has to be carried out.
pub(crate) fn decide(words: &[&str]) -> Result<Value> {
    ask_json(&[words, &WHY].concat())
}

/// The exit status of a command, and its complaint.
pub(crate) fn refused(words: &[&str]) -> Result<(Option<i32>, String)> {
    let said = ask(words)?;
    Ok((said.exit, said.complaint))
}

/// Waits until the agent has said that this process is stopped: then it knows everything about the burst.
pub(crate) fn burst_is_known(scene: &mut Scene, job: &Job) -> Result<()> {
    job.until_stopped()?;
    scene.daemon.wait_for("the stop is reported", |event| {
        matches!(event, Event::Stopped { pid, .. } if *pid == job.pid()).then_some(())
    })
}

#[test]
fn what_is_shown_of_a_burst_is_what_the_disk_says() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let (pid, gone) = (job.pid(), scene.destroyed(FILES));
    assert_eq!(gone, 11);

    let incidents = ask_json(&["incidents", "--open"])?;
    let [listed] = &incidents.as_array().context("a list")?[..] else { panic!("{incidents}") };
    let incident = ask_json(&["incident", "1"])?;
    for one in [listed, &incident] {
        assert_eq!(
            (&one["id"], &one["account"], &one["done"], &one["state"], &one["waiting"]),
            (&json!(1), &json!("a0"), &json!(gone), &json!("stopped"), &json!(1))
        );
    }
    assert_eq!(incident["kinds"], json!([["delete", gone]]));
    let paths: Vec<_> = (0..gone).map(truth::file_name).collect();
    let acts = incident["acts"].as_array().context("acts")?;
    assert_eq!(
        acts.iter().map(|act| &act["path"]).collect::<Vec<_>>(),
        paths.iter().map(|path| json!(path)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
    assert!(acts.iter().all(|act| act["pid"] == pid && act["comm"] == "hand"), "{acts:?}");
    assert_eq!(acts.iter().filter(|act| act["over"] == true).count(), 1);
    let [process] = &incident["processes"].as_array().context("processes")?[..] else { panic!("{incident}") };
    assert_eq!(
        (&process["pid"], &process["uid"], &process["stopped"]),
        (&json!(pid), &json!(scene.account.uid()), &json!(true))
    );

    let status = ask_json(&["status"])?;
    assert_eq!(
        (&status["pid"], &status["mode"], &status["open_incidents"]),
        (&json!(scene.daemon.pid()), &json!("enforce"), &json!(1))
    );
    assert_eq!(
        (&status["processes"], &status["records_lost"], &status["kernel_errors"]),
        (&json!(1), &json!(0), &json!(0))
    );
    let accounts = ask_json(&["accounts"])?;
    assert_eq!(status["accounts"], accounts);
    let account = &accounts[0];
    assert_eq!(
        (&account["standing"], &account["stopped"], &account["incident"]),
        (&json!("tripped"), &json!(1), &json!(1))
    );
    let deletes =
        account["budgets"].as_array().context("budgets")?.iter().find(|budget| budget["kind"] == "deletes");
    assert_eq!(deletes, Some(&json!({"kind": "deletes", "used": 10, "limit": 10, "window_ms": 10_000})));

    let whois = ask_json(&["whois", &pid.to_string()])?;
    assert_eq!(
        (&whois["account"], &whois["process"]["pid"], &whois["spared"]),
        (&json!("a0"), &json!(pid), &Value::Null)
    );
    assert_eq!(whois["ancestors"][0]["pid"], std::process::id());
    let why = ask_json(&["why", "--pid", &pid.to_string()])?;
    assert_eq!(
        (&why["account"], &why["standing"], &why["incident"]["id"]),
        (&json!("a0"), &json!("tripped"), &json!(1))
    );
    let first = ask_json(&["whois", "1"])?;
    assert_eq!(first["spared"], "the first process of all");
    drop(job);
    scene.end().map(drop)
}

#[test]
fn a_thaw_gives_one_budget_more_and_a_second_one_comes_too_late() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let thawed = decide(&["thaw", "1"])?;
    assert_eq!(
        (&thawed["incident"], &thawed["verb"], &thawed["processes"][0]["pid"]),
        (&json!(1), &json!("thaw"), &json!(job.pid()))
    );
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 22);
    scene.daemon.wait_for("a second burst", |event| {
        matches!(event, Event::Burst(burst) if burst.path == "f0021").then_some(())
    })?;
    let incidents = ask_json(&["incidents"])?;
    let shown = |at: usize| ["id", "state", "done"].map(|key| incidents[at][key].clone());
    assert_eq!(
        (shown(0), shown(1)),
        ([json!(2), json!("stopped"), json!(11)], [json!(1), json!("thawed"), json!(11)])
    );

    let (exit, complaint) = refused(&[&["thaw", "1"][..], &WHY].concat())?;
    assert_eq!(exit, Some(6), "{complaint}");
    assert!(
        complaint.contains("already decided: thawed by root (uid 0)") && complaint.contains("INC-88, a test"),
        "{complaint}"
    );
    let decision = &ask_json(&["incident", "1"])?["decisions"][0];
    assert_eq!(
        (&decision["verb"], &decision["reason"], &decision["by"]["uid"]),
        (&json!("thaw"), &json!("INC-88, a test"), &json!(0))
    );
    let (by, reason) = scene.daemon.wait_for("the decision", |event| match event {
        Event::Decided { incident: 1, by, reason, .. } => Some((by.clone(), reason.clone())),
        _ => None,
    })?;
    assert_eq!((by.as_str(), reason.as_str()), ("root (uid 0)", "INC-88, a test"));
    drop(job);
    scene.end().map(drop)
}

#[test]
fn a_kill_ends_what_was_stopped_and_nothing_more_is_destroyed() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let killed = decide(&["kill", "1"])?;
    assert_eq!(killed["processes"][0]["pid"], job.pid());
    assert_eq!(job.until_ended()?, Outcome::Killed(libc::SIGKILL));
    assert_eq!(scene.destroyed(FILES), 11);
    assert_eq!(ask_json(&["incident", "1"])?["state"], "killed");
    // The account is armed again.
    scene.shell("true")?.until_done()?;
    scene.end().map(drop)
}

#[test]
fn sudo_does_not_stay_stopped_when_its_child_is_killed() -> Result<()> {
    let mut scene = filled_by(Account::new()?)?;
    let Some(_rule) = SudoRule::allow_rm(&scene.account)? else { return Ok(()) };
    let job = scene.shell("sudo -n rm -f *; echo $? > ../outside/status")?;
    let burst = scene.daemon.burst()?;
    scene.daemon.wait_for("the stop is reported", |event| {
        matches!(event, Event::Stopped { pid, .. } if *pid == burst.pid).then_some(())
    })?;
    decide(&["kill", "1"])?;
    assert_eq!(job.until_ended_at_last()?, Outcome::Exited(0));
    let status = fs::read_to_string(scene.ground.outside().join("status"))?;
    assert_ne!(status.trim(), "0", "rm was killed");
    assert_eq!((scene.destroyed(FILES), scene.all_stopped()?), (11, 0));
    scene.end().map(drop)
}

#[test]
fn two_incidents_are_thawed_one_by_one_and_together() -> Result<()> {
    let accounts = [Account::unlisted()?, Account::unlisted()?];
    let grounds = [Ground::new(&accounts[0])?, Ground::new(&accounts[1])?];
    grounds.iter().try_for_each(|ground| ground.fill(&ground.tree(), FILES))?;
    let policy =
        Policy::new(accounts[0].name(), &grounds[0].tree()).and(accounts[1].name(), &grounds[1].tree());
    let mut daemon = Daemon::start(&policy, grounds[0].base())?;
    let start =
        |at: usize| Job::start(grounds[at].hand_command(&accounts[at], &["each", "30", "unlink {}"])?);
    let jobs = [start(0)?, start(1)?];
    for job in &jobs {
        job.until_stopped()?;
        daemon.burst_by(job.pid())?;
    }
    let incidents = ask_json(&["incidents", "--open", "--account", "a0"])?;
    decide(&["thaw", &incidents[0]["id"].to_string()])?;
    jobs[0].until_stopped()?;
    assert!(jobs[1].goes_on());
    assert_eq!(grounds.each_ref().map(|ground| truth::missing(&ground.tree(), FILES)), [22, 11]);
    daemon.wait_for("another burst", |event| {
        matches!(event, Event::Burst(burst) if burst.path == "f0021").then_some(())
    })?;
    let thawed = decide(&["thaw", "--all"])?;
    assert_eq!((&thawed["incident"], thawed["processes"].as_array().map(Vec::len)), (&Value::Null, Some(2)));
    jobs[0].until_done()?;
    jobs[1].until_stopped()?;
    assert_eq!(grounds.each_ref().map(|ground| truth::missing(&ground.tree(), FILES)), [30, 22]);
    drop(jobs);
    accounts.iter().for_each(Account::end_processes);
    daemon.end_well().map(drop)
}

#[test]
fn what_cannot_be_done_has_an_exit_status_of_its_own() -> Result<()> {
    let nobody = ["status", "--socket", "/run/burstguard/no.sock"];
    let (exit, complaint) = refused(&nobody)?;
    assert_eq!(exit, Some(3), "{complaint}");
    let mut scene = filled()?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let (exit, complaint) = refused(&["thaw", "1"])?;
    assert!(exit == Some(2) && complaint.contains("a reason is required"), "{exit:?} {complaint}");
    assert_eq!(refused(&["thaw", "--reason", "x"])?.0, Some(2));
    for unknown in [
        &["incident", "7"][..],
        &["thaw", "7", "--reason", "x"],
        &["kill", "7", "--reason", "x"],
        &["whois", "4194999"],
    ] {
        assert_eq!(refused(unknown)?.0, Some(5), "{unknown:?}");
    }
    let said = ask(&["incident", "7", "--json"])?;
    let problem: Value = serde_json::from_str(&said.output)?;
    assert_eq!((&problem["version"], &problem["problem"]["code"]), (&json!(1), &json!("not_found")));
    // None of it did anything.
    assert_eq!(scene.destroyed(FILES), 11);
    assert!(job.goes_on());
    drop(job);
    scene.end().map(drop)
}

#[test]
fn colour_is_for_terminals_and_quiet_is_quiet() -> Result<()> {
    let mut scene = filled()?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let status = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(agent()?);
        command.arg("status").args(words).env_remove("NO_COLOR").envs(variables.iter().copied());
        anyhow::Ok(say(command)?.output)
    };
    let force = ("CLICOLOR_FORCE", "1");
    let plain = status(&[], &[])?;
    assert!(plain.contains("TRIPPED") && !plain.contains('\u{1b}'), "{plain:?}");
    assert!(status(&["--color", "always"], &[])?.contains('\u{1b}'));
    assert!(status(&[], &[force])?.contains('\u{1b}'));
    assert!(!status(&[], &[force, ("NO_COLOR", "1")])?.contains('\u{1b}'));
    let said = ask(&[&["thaw", "1", "--quiet"][..], &WHY].concat())?;
    assert_eq!((said.exit, said.output.as_str(), said.complaint.as_str()), (Some(0), "", ""));
    drop(job);
    scene.end().map(drop)
}

#[test]
fn names_come_out_of_json_as_they_are_and_do_nothing_to_a_screen() -> Result<()> {
    const NAMES: [&[u8]; 4] = [b"a\x1b[2Jb", b"new\nline", b"\xff\xfe bytes", "\u{202e}gnp".as_bytes()];
    let mut scene = Scene::with(|policy, ground| {
        for name in NAMES {
            let path = ground.tree().join(OsStr::from_bytes(name));
            fs::write(&path, "")?;
            ground.give(&path)?;
        }
        Ok(policy.budget("deletes", "3/10s"))
    })?;
    let job = scene.shell("exec rm -f *")?;
    burst_is_known(&mut scene, &job)?;
    assert_eq!(fs::read_dir(scene.tree())?.count(), 0);
    let incident = ask_json(&["incident", "1"])?;
    let bytes = |path: &Value| match path {
        Value::String(text) => text.as_bytes().to_vec(),
        raw => serde_json::from_value(raw.clone()).unwrap_or_default(),
    };
    let paths: BTreeSet<_> =
        incident["acts"].as_array().context("acts")?.iter().map(|act| bytes(&act["path"])).collect();
    assert_eq!(paths, NAMES.iter().map(|name| name.to_vec()).collect());
    for screen in
        [ask(&["incident", "1"])?, ask(&["incidents"])?, ask(&["why", "--pid", &job.pid().to_string()])?]
    {
        let odd = |char: char| char.is_control() && char != '\n' || char == '\u{202e}';
        assert!(!screen.output.contains(odd), "{:?}", screen.output);
    }
    let shown = ask(&["incident", "1"])?.output;
    for name in ["a\\u{1b}[2Jb", "new\\nline", "\\xff\\xfe bytes", "\\u{202e}gnp"] {
        assert!(shown.contains(name), "{name}: {shown}");
    }
    drop(job);
    scene.end().map(drop)
}

#[test]
fn watching_shows_a_burst_as_it_comes_and_ends_with_the_daemon() -> Result<()> {
    let mut scene = filled()?;
    let mut command = Command::new(agent()?);
    command.args(["watch", "--json"]);
    let watch = Job::start(command)?;
    // Nothing says that it has begun: it has when it shows something.
    tests::wait::until("it watches", || {
        scene.catch_up()?;
        Ok(watch.output()?.contains("\"joined\"").then_some(()))
    })?;
    let job = each(&scene, &["unlink {}"])?;
    job.until_stopped()?;
    watch.until_says("\"event\":\"burst\"")?;
    watch.until_says("\"event\":\"stopped\"")?;
    let lines: Vec<Value> = watch.output()?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of =
        |event: &str| lines.iter().filter(|line| line["event"] == event && line["pid"] == job.pid()).count();
    assert_eq!((of("operation"), of("burst"), of("stopped")), (11, 1, 1));
    drop(job);
    scene.daemon.end()?;
    assert_eq!(watch.until_ended()?, Outcome::Exited(3));
    Ok(())
}
