//! A unit that the service manager is asked to start: its processes are the account's, by the unit's name.

use std::process::Command;

use anyhow::{Result, ensure};
use tests::{Bus, Cgroup, Crowd, Event, Job, Party, Tier, ask_json, wait};

use super::escapes;
use crate::holding::{BUDGET, FILES, holds};

/// An account, a bus, and the agent.
pub(super) struct Stage {
    pub(super) crowd: Crowd,
    pub(super) bus: Bus,
    group: Cgroup,
}

impl Stage {
    pub(super) fn new(tier: Tier, response: &'static str) -> Result<Self> {
        let party = Party::new(FILES)?;
        let socket = party.ground.home().join("bus.sock");
        let bus = Bus::at(&socket)?;
        let by = format!("buses = ['{}']", socket.display());
        let policy = |policy| holds(policy).escapes(response).way("test", &by).in_tier(tier);
        Ok(Self { crowd: Crowd::watched(vec![party], policy)?, bus, group: Cgroup::new("system.slice")? })
    }

    pub(super) fn party(&self) -> &Party {
        &self.crowd.parties[0]
    }

    /// Has a unit started, or does something else with it, sent in this way.
    pub(super) fn send(&self, what: &str, unit: &str, how: &str) -> Result<Job> {
        self.party().each(1, &[&format!("{what} {{home}}/bus.sock {unit} {how}")])
    }

    /// The account that a process of root's in this unit acts for, as the service manager starts it: it is put into the new
    /// group, and then runs the program.
    pub(super) fn owner(&self, unit: &str) -> Result<(Job, Option<String>)> {
        let group = self.group.path().join(unit);
        if !group.exists() {
            std::fs::create_dir(&group)?;
        }
        let hand = self.party().ground.hand()?;
        let mut shell = Command::new("sh");
        let script = format!("read go; exec {} each {FILES} wait 'unlink {{}}'", hand.display());
        shell.args(["-c", &script]).current_dir(self.party().ground.tree());
        let mut job = Job::start(shell)?;
        std::fs::write(group.join("cgroup.procs"), job.pid().to_string())?;
        job.tell("go")?;
        job.until_says("waiting")?;
        let whois = ask_json(&["whois", &job.pid().to_string()])?;
        let by = &whois["by"]["kind"];
        ensure!(whois["account"].is_null() || by == "launched", "{whois}");
        Ok((job, whois["account"].as_str().map(str::to_owned)))
    }
}

pub(super) fn its_processes_are_the_accounts(tier: Tier) -> Result<()> {
    let mut stage = Stage::new(tier, "observe")?;
    let name = |number: u32| format!("run-bgtest-{}-{number}.service", std::process::id());
    // Nobody has asked for it.
    ensure!(stage.owner(&name(0))?.1.is_none());
    for (number, how) in [(1, "whole"), (2, "in-one"), (4, "behind-the-handshake")] {
        stage.send("start-unit", &name(number), how)?.until_done()?;
        wait::until("the bus has heard", || Ok(stage.bus.has_heard(&name(number)).then_some(())))?;
        wait::until("it is told", || {
            let is_told = |event: &Event| matches!(event, Event::Launched { unit } if *unit == name(number));
            Ok(stage.crowd.daemon.seen()?.iter().any(is_told).then_some(()))
        })?;
        ensure!(stage.owner(&name(number))?.1.as_deref() == Some("a0"), "sent {how}");
    }
    // Nor for this one, although it was spoken of.
    stage.send("stop-unit", &name(3), "whole")?.until_done()?;
    ensure!(stage.owner(&name(3))?.1.is_none());
    // Nor is anybody else's who moves into a unit of its own.
    stage.send("start-unit", &name(5).replace("service", "scope"), "whole")?.until_done()?;
    ensure!(stage.owner(&name(5).replace("service", "scope"))?.1.is_none());
    ensure!(escapes()?.is_empty(), "{:?}", escapes()?);
    // What they destroy the account pays for, whoever's they are.
    let (mut job, _) = stage.owner(&name(1))?;
    for _ in 0..FILES {
        job.tell("on")?;
    }
    let burst = stage.crowd.daemon.burst_by(job.pid())?;
    ensure!(burst.account == "a0");
    job.until_stopped()?;
    let most = if tier == Tier::Lsm { BUDGET } else { BUDGET + 1 };
    ensure!(stage.party().missing(FILES) == most, "{} are missing", stage.party().missing(FILES));
    stage.crowd.end().map(drop)
}

/// A name that another unit could have, and what cannot be read; how it is sent.
pub(super) const UNTOLD: [(&str, &str); 7] = [
    ("nginx.service", "whole"),
    ("run-bgtest.timer", "whole"),
    ("run-bgtest-pieces.service", "in-pieces"),
    ("run-bgtest-behind.service", "behind-nothing"),
    ("run-bgtest-with.service", "with-another"),
    ("run-bgtest-second.service", "behind-another"),
    ("run-bgtest-0123456789012345678901234567890123456789012345678901234567890.service", "whole"),
];

#[test]
fn its_processes_are_the_accounts_by_its_name() -> Result<()> {
    its_processes_are_the_accounts(Tier::Tracepoint)
}
