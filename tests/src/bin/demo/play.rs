//! Plays one scenario: an account, a directory and an agent of its own, the commands, and the truth on disk.

use anyhow::{Context as _, Result};
use serde::Serialize;
use tests::{Account, Change, Event, Job, Scene, SudoRule, truth};

use crate::scenario::{Promise, Scenario};
use crate::show;

/// What came of a scenario; one element of the last line.
#[derive(Serialize)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    /// How many files there were to destroy.
    pub(crate) attempted: usize,
    /// How many operations the budget that decides allows.
    pub(crate) budget: usize,
    /// How many files are gone or not what they were, counted on disk.
    pub(crate) destroyed: usize,
    /// How many may be; none: none is stopped here.
    pub(crate) at_most: Option<usize>,
    pub(crate) stopped: bool,
    /// From the agent's record of the burst until the kernel reported the last of the commands as stopped.
    pub(crate) stop_latency_us: Option<f64>,
    pub(crate) events_lost: u64,
    pub(crate) ok: bool,
    /// Why it was not played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) skipped: Option<&'static str>,
}

impl Outcome {
    /// A scenario that could not be played to its end.
    pub(crate) fn failed(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name,
            attempted: scenario.files,
            budget: scenario.budget,
            destroyed: 0,
            at_most: None,
            stopped: false,
            stop_latency_us: None,
            events_lost: 0,
            ok: false,
            skipped: None,
        }
    }
}

pub(crate) fn play(scenario: &Scenario, tier: &mut String) -> Result<Outcome> {
    let mut scene = Scene::of(Account::new()?, |policy, ground| {
        ground.fill(&ground.tree(), scenario.files)?;
        Ok(policy)
    })?;
    scene.daemon.armed().tier.clone_into(tier);
    let rule = if scenario.needs_sudo { SudoRule::allow_rm(&scene.account)? } else { None };
    if scenario.needs_sudo && rule.is_none() {
        return Ok(Outcome { ok: true, skipped: Some("sudo is not installed"), ..Outcome::failed(scenario) });
    }
    let commands = (scenario.commands)(&scene);
    show::commands(&scene, &commands);
    let jobs: Vec<_> = commands.into_iter().map(Job::start).collect::<Result<_>>()?;
    let mut outcome = match scenario.promise {
        Promise::AllUpdated => updated(scenario, &mut scene, &jobs)?,
        Promise::OneMoreEach => {
            let (outcome, _) = stopped(scenario, &mut scene, &jobs)?;
            promised(outcome, scenario.budget + jobs.len())
        }
        Promise::OneForEachStoppedChild => {
            let (outcome, processes) = stopped(scenario, &mut scene, &jobs)?;
            promised(outcome, scenario.budget + processes - jobs.len())
        }
    };
    let ours = scene.catch_up()?;
    show::events(scene.daemon.seen()?, ours);
    show::truth(scenario, &outcome);
    drop(jobs);
    scene.account.end_processes();
    outcome.events_lost = scene.daemon.end()?.get("record_lost");
    Ok(outcome)
}

/// The commands come to a stop, and with them every process of the account; how many these are.
fn stopped(scenario: &Scenario, scene: &mut Scene, jobs: &[Job]) -> Result<(Outcome, usize)> {
    let changes: Vec<Change> = jobs.iter().map(Job::until_stopped).collect::<Result<_>>()?;
    let processes = scene.all_stopped()?;
    let burst = scene.daemon.burst()?;
    let last = changes.iter().map(|change| change.at_ns).max().context("there is a command")?;
    #[expect(clippy::cast_precision_loss, reason = "a time of less than a minute, for a person")]
    let latency = last.saturating_sub(burst.at_ns) as f64 / 1000.0;
    let destroyed = scene.destroyed(scenario.files);
    let stop_latency_us = Some(latency);
    Ok((Outcome { destroyed, stopped: true, stop_latency_us, ..Outcome::failed(scenario) }, processes))
}

fn promised(outcome: Outcome, at_most: usize) -> Outcome {
    Outcome { at_most: Some(at_most), ok: outcome.destroyed <= at_most, ..outcome }
}

/// The command ends well, and nothing was lost or stopped.
fn updated(scenario: &Scenario, scene: &mut Scene, jobs: &[Job]) -> Result<Outcome> {
    jobs.iter().try_for_each(Job::until_done)?;
    scene.catch_up()?;
    let missing = truth::missing(&scene.tree(), scenario.files);
    let updated = scene.destroyed(scenario.files) - missing;
    let quiet =
        !scene.daemon.seen()?.iter().any(|event| matches!(event, Event::Burst(_) | Event::Stopped { .. }));
    let ok = quiet && missing == 0 && updated == scenario.files;
    Ok(Outcome { destroyed: missing, stopped: !quiet, ok, ..Outcome::failed(scenario) })
}
