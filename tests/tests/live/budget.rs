//! How many, in how long a time.

use std::time::Duration;

use anyhow::Result;
use tests::{Policy, Scene, ask, ask_json, truth, wait};

use crate::check::{FILES, costs_nothing, each_of, filled_with, hold, hold_with, stops};

#[test]
fn a_budget_of_none_stops_the_first_operation() -> Result<()> {
    hold_with(&[stops(&["unlink {}"], 1, "delete")], |policy| policy.budget("deletes", "0/10s"))
}

#[test]
fn an_account_that_trips_leaves_the_others_alone() -> Result<()> {
    // In this order, watched by one agent.
    hold(&[
        stops(&["unlink {}"], 11, "delete"),
        costs_nothing(&["create-new s", "unlink s"]),
        stops(&["truncate {} 0"], 11, "truncate"),
    ])
}

#[test]
fn the_largest_budget_is_exact() -> Result<()> {
    let mut scene = Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), 1100)?;
        Ok(policy.budget("deletes", "1024/1h"))
    })?;
    let job = each_of(&scene, 1100, &["unlink {}"])?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(1100), 1025);
    assert_eq!(scene.daemon.burst()?.path, "f1024");
    scene.end().map(drop)
}

#[test]
fn a_window_that_has_passed_is_forgotten() -> Result<()> {
    let mut scene = filled_with(|policy| policy.budget("deletes", "2/1s"))?;
    for turn in 0..3 {
        each_of(&scene, 1, &[&format!("unlink f00{turn}0"), &format!("unlink f00{turn}1")])?.until_done()?;
        wait::keep_distance(Duration::from_millis(1100))?;
    }
    scene.catch_up()?;
    assert!(!scene.daemon.has_burst()?);
    assert_eq!(scene.destroyed(FILES), 6);
    scene.end().map(drop)
}

#[test]
fn each_kind_has_a_budget_of_its_own() -> Result<()> {
    let mut scene = filled_with(|policy| policy.budget("deletes", "10/1h").budget("truncates", "10/1h"))?;
    each_of(&scene, 10, &["truncate {} 0", "unlink {}"])?.until_done()?;
    let job = each_of(&scene, 1, &["truncate f0010 0", "unlink f0010"])?;
    job.until_stopped()?;
    assert_eq!(scene.daemon.burst()?.kinds, ["truncate"]);
    assert_eq!((scene.destroyed(FILES), truth::missing(&scene.tree(), FILES)), (11, 10));
    drop(job);
    scene.end().map(drop)
}

#[test]
fn observing_stops_nothing_and_reports_the_burst_once() -> Result<()> {
    let mut scene = filled_with(Policy::observe)?;
    each_of(&scene, FILES, &["unlink {}"])?.until_done()?;
    assert_eq!(scene.daemon.burst()?.path, "f0010");
    scene.catch_up()?;
    let bursts = scene.daemon.seen()?.iter().filter(|event| matches!(event, tests::Event::Burst(_))).count();
    assert_eq!((bursts, scene.daemon.stopped()?.len()), (1, 0));
    assert_eq!(scene.daemon.operations()?.len(), FILES);
    // Ten are within the budget, and the eleventh happens in this tier whatever the policy says.
    let status = ask_json(&["status"])?;
    assert_eq!(status["would_have_stopped"], FILES - 11);
    assert!(ask(&["status"])?.output.contains("past the budgets, which would have been stopped"));
    scene.end().map(drop)
}
