//! Past the budget, where a process can be stopped and no call held.

use anyhow::{Context as _, Result, ensure};
use tests::{Outcome, Scene, ask, ask_json};

use super::{commands, done, once, stand_ins};
use crate::commands::decide;

#[test]
fn one_more_is_stopped_before_its_first_instruction_and_goes_on_when_it_is_thawed() -> Result<()> {
    let mut scene = Scene::with(|policy, _| Ok(once(policy)))?;
    let bin = stand_ins(&scene, ["terraform"])?;
    let destroy = format!("exec {}/terraform destroy -auto-approve", bin.display());
    scene.shell(&destroy)?.until_done()?;
    let job = scene.shell(&destroy)?;
    job.until_stopped()?;
    let burst = scene.daemon.burst()?;
    ensure!(
        burst.kinds == ["command"] && burst.path.ends_with("terraform destroy -auto-approve"),
        "{burst:?}"
    );
    assert_eq!(done(&scene).len(), 1, "it has run before it was stopped");
    decide(&["thaw", "1"])?;
    job.until_done()?;
    assert_eq!(done(&scene), ["terraform destroy -auto-approve"; 2]);
    assert_eq!(commands(&mut scene)?.len(), 2);
    scene.end().map(drop)
}

#[test]
fn killed_it_has_done_nothing() -> Result<()> {
    let mut scene = Scene::with(|policy, _| Ok(policy.budget("commands", "0/10m")))?;
    let bin = stand_ins(&scene, ["kubectl"])?;
    let job = scene.shell(&format!("{}/kubectl delete namespace prod; echo ended with $?", bin.display()))?;
    scene.daemon.burst()?;
    scene.daemon.stopped()?;
    decide(&["kill", "1"])?;
    job.until_done()?;
    assert_eq!(job.output()?, "ended with 137\n");
    assert_eq!(done(&scene), [""; 0]);
    scene.end().map(drop)
}

#[test]
fn where_the_response_is_to_deny_it_is_killed() -> Result<()> {
    let mut scene = Scene::with(|policy, _| Ok(policy.response("deny").budget("commands", "0/10m")))?;
    let bin = stand_ins(&scene, ["kubectl"])?;
    let job = scene.shell(&format!("exec {}/kubectl delete namespace prod", bin.display()))?;
    ensure!(job.until_ended()? == Outcome::Killed(9));
    scene.daemon.burst()?;
    assert_eq!(done(&scene), [""; 0]);
    scene.end().map(drop)
}

#[test]
fn what_was_destroyed_and_is_made_anew_in_the_same_place_is_a_recreate() -> Result<()> {
    let mut scene = Scene::new()?;
    let bin = stand_ins(&scene, ["terraform", "helm"])?;
    let bin = bin.display();
    let line = format!(
        "set -e; cd {bin}; ./terraform apply; mkdir other; ./terraform destroy; cd other; ../terraform apply; cd ..; \
         ./terraform apply; ./terraform apply; ./helm uninstall x; cd /; {bin}/helm install x"
    );
    scene.shell(&line)?.until_done()?;
    let found: Vec<_> = commands(&mut scene)?
        .into_iter()
        .map(|(kinds, words)| format!("{kinds} {}", words.replace(&format!("{bin}/"), "")))
        .collect();
    let expected = [
        "command ./terraform destroy",
        "recreate ./terraform apply",
        "command ./helm uninstall x",
        "recreate helm install x",
    ];
    let short: Vec<_> = found.iter().map(|line| line.replace("/bin/sh ", "")).collect();
    assert_eq!(short, expected);
    scene.end().map(drop)
}

#[test]
fn the_story_says_who_where_and_from_where_and_what_came_back() -> Result<()> {
    let mut scene = Scene::with(|policy, _| Ok(once(policy)))?;
    let bin = stand_ins(&scene, ["terraform"])?;
    let bin = bin.display();
    let line = format!(
        "cd {bin}; ./terraform destroy; ./terraform apply; export SSH_CONNECTION='10.0.0.7 50123 10.0.0.1 22'; \
         ./terraform destroy --password hunter2"
    );
    let job = scene.shell(&line)?;
    scene.daemon.burst()?;
    scene.daemon.stopped()?;
    let story = ask_json(&["incident", "1"])?;
    let kinds: Vec<_> =
        story["acts"].as_array().into_iter().flatten().map(|act| act["kinds"][0].clone()).collect();
    assert_eq!(kinds, ["command", "recreate", "command"], "{story}");
    let processes = story["processes"].as_array().cloned().unwrap_or_default();
    let terraform = processes.iter().find(|one| one["comm"] == "terraform").context("no terraform")?;
    assert_eq!(terraform["cwd"], bin.to_string(), "{terraform}");
    assert_eq!(terraform["ssh_from"], "10.0.0.7", "{terraform}");
    assert_eq!(terraform["uid"], scene.account.uid(), "{terraform}");
    assert_eq!(story["told"][0]["by"]["entry"], format!("real uid {}", scene.account.uid()), "{story}");
    let text = ask(&["incident", "1"])?.output;
    assert!(
        text.contains("recreate ./terraform apply by terraform")
            || text.contains("terraform apply by terraform"),
        "{text}"
    );
    assert!(text.contains(", which went at +0.000"), "{text}");
    // What is written down has no secret; of a process that is there, /proc has it.
    assert!(story["acts"].to_string().contains("[redacted]"), "{story}");
    assert!(!story["acts"].to_string().contains("hunter2"), "{story}");
    drop(job);
    scene.end().map(drop)
}
