//! Past the budget, where what waits is judged again when it goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Result, ensure};
use tests::{Outcome, Scene, Tier};

use super::{commands, done, once, stand_ins};

fn scene(response: &'static str, budget: &str) -> Result<Scene> {
    Scene::with(|policy, _| Ok(policy.in_tier(Tier::Lsm).response(response).budget("commands", budget)))
}

#[test]
fn one_more_waits_and_completes_when_it_is_approved() -> Result<()> {
    for budget in ["1/10m", "0/10m"] {
        let mut scene =
            Scene::with(|policy, _| Ok(once(policy).in_tier(Tier::Lsm).budget("commands", budget)))?;
        let bin = stand_ins(&scene, ["terraform"])?;
        let destroy = format!("exec {}/terraform destroy", bin.display());
        let before = if budget == "1/10m" {
            scene.shell(&destroy)?.until_done()?;
            1
        } else {
            0
        };
        let job = scene.shell(&destroy)?;
        job.until_stopped()?;
        let held = scene.daemon.held_by(job.pid())?;
        // Whoever continues it lets nothing through.
        job.continue_it()?;
        job.until_stopped()?;
        assert_eq!(done(&scene).len(), before);
        held.incident.approve(&[])?;
        job.until_done()?;
        assert_eq!(done(&scene).len(), before + 1);
        assert_eq!(commands(&mut scene)?.len(), before + 1);
        scene.end()?;
    }
    Ok(())
}

#[test]
fn denied_it_is_killed_and_has_done_nothing() -> Result<()> {
    let mut scene = scene("hold", "0/10m")?;
    let bin = stand_ins(&scene, ["kubectl"])?;
    let job = scene.shell(&format!("exec {}/kubectl delete namespace prod", bin.display()))?;
    job.until_stopped()?;
    let held = scene.daemon.held_by(job.pid())?;
    held.incident.decide("deny", &[])?;
    ensure!(job.until_ended()? == Outcome::Killed(9));
    assert_eq!(done(&scene), [""; 0]);
    assert_eq!(commands(&mut scene)?, []);
    scene.end().map(drop)
}

#[test]
fn where_the_response_is_to_deny_it_is_killed_at_once() -> Result<()> {
    let mut scene = scene("deny", "0/10m")?;
    let bin = stand_ins(&scene, ["kubectl"])?;
    let line = format!("{}/kubectl delete namespace prod; echo ended with $?", bin.display());
    let job = scene.shell(&line)?;
    job.until_done()?;
    assert_eq!(job.output()?, "ended with 137\n");
    assert_eq!(done(&scene), [""; 0]);
    assert_eq!(commands(&mut scene)?, []);
    scene.end().map(drop)
}

#[test]
fn an_approval_is_of_that_command_and_lets_no_other_pass() -> Result<()> {
    let mut scene = scene("hold", "0/10m")?;
    let bin = stand_ins(&scene, ["terraform"])?;
    let script = format!("#!/bin/sh\n{}/terraform destroy\necho ended with $?\n", bin.display());
    fs::write(bin.join("helm"), script)?;
    fs::set_permissions(bin.join("helm"), fs::Permissions::from_mode(0o755))?;
    let job = scene.shell(&format!("exec {}/helm uninstall x", bin.display()))?;
    job.until_stopped()?;
    scene.daemon.held_by(job.pid())?.incident.approve(&[])?;
    // What it starts is not what was seen.
    let held = scene.daemon.held(|held| held.path.contains("terraform"))?;
    held.incident.decide("deny", &[])?;
    job.until_says("ended with 137")?;
    assert_eq!(done(&scene), [""; 0]);
    drop(job);
    scene.end().map(drop)
}

#[test]
fn one_that_waits_waits_for_the_next_agent_too() -> Result<()> {
    let mut scene = scene("hold", "0/10m")?;
    let bin = stand_ins(&scene, ["kubectl"])?;
    let job = scene.shell(&format!("exec {}/kubectl delete namespace prod", bin.display()))?;
    job.until_stopped()?;
    let held = scene.daemon.held_by(job.pid())?;
    crate::commands::decide(&["reload"])?;
    held.incident.approve(&[])?;
    job.until_done()?;
    assert_eq!(done(&scene).len(), 1);
    scene.end().map(drop)
}
