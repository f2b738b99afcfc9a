//! A port of this host, and files that are jobs.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use tests::{Crowd, Job, Party, Service, Tier, wait};

use super::{escape, escapes};
use crate::holding::{BUDGET, FILES, holds};

/// An account, somebody at a port, a directory of jobs, and the agent.
pub(super) struct Stage {
    pub(super) crowd: Crowd,
    pub(super) service: Service,
    pub(super) port: String,
    other: Service,
    other_port: String,
}

impl Stage {
    pub(super) fn new(tier: Tier, response: &'static str) -> Result<Self> {
        let party = Party::new(FILES)?;
        let jobs = party.ground.home().join("jobs");
        party.ground.make_directory(&jobs)?;
        let (service, port) = Service::at_port()?;
        let (other, other_port) = Service::at_port()?;
        let by = format!("ports = [{}]\njobs = ['{}']", port.port(), jobs.display());
        let policy = |policy| holds(policy).escapes(response).way("test", &by).in_tier(tier);
        let crowd = Crowd::watched(vec![party], policy)?;
        Ok(Self { crowd, service, port: port.to_string(), other, other_port: other_port.to_string() })
    }

    pub(super) fn party(&self) -> &Party {
        &self.crowd.parties[0]
    }

    pub(super) fn job(&self, name: &str) -> PathBuf {
        self.party().ground.home().join("jobs").join(name)
    }

    pub(super) fn steps(&self, steps: &[&str]) -> Result<Job> {
        self.party().each(1, steps)
    }

    /// Ports that nobody has named, and what makes no job of a file.
    pub(super) fn others_are_free(&self) -> Result<()> {
        let ask = format!("ask-port {}", self.other_port);
        self.steps(&[&ask, "mkdir {home}/jobs/d", "create {outside}/f", "open {outside}/f"])?.until_done()?;
        ensure!(self.other.asked() == 1);
        Ok(())
    }
}

#[test]
fn what_is_observed_passes_and_is_an_incident_for_each_way() -> Result<()> {
    let stage = Stage::new(Tier::Tracepoint, "observe")?;
    stage.others_are_free()?;
    ensure!(escapes()?.is_empty());
    stage.steps(&[&format!("ask-port {}", stage.port)])?.until_done()?;
    wait::until("the incident", || Ok(escape("observed", "by test, port").ok()))?;
    let jobs = ["create {home}/jobs/one", "append {home}/jobs/one", "link {outside}/f {home}/jobs/three"];
    stage.steps(&[&jobs[..], &["rename {outside}/f {home}/jobs/two"]].concat())?.until_done()?;
    wait::until("the other incident", || {
        let all = escapes()?;
        let jobs = all.iter().filter(|one| {
            one["what"].as_str().is_some_and(|what| what.contains("a job in") && what.contains("4 times"))
        });
        Ok((jobs.count() == 1).then_some(()))
    })?;
    stage.steps(&["unlink {home}/jobs/one", "rmdir {home}/jobs/d"])?.until_done()?;
    ensure!(stage.service.asked() == 1 && escapes()?.len() == 2);
    stage.party().each(BUDGET, &["unlink {}"])?.until_done()?;
    stage.crowd.end().map(drop)
}
