//! Accounts that make bursts, and the daemons that watch them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tests::{
    Daemon, Enforcement, Job, Party, Policy, Tier, ask, ask_json, policy_of, proc, tracepoints, wait,
};

use super::Random;

const ACCOUNTS: usize = 4;
/// Files in a tree when it is full.
const FILES: usize = 40;

pub(super) struct Stage {
    // Dropped in this order: whatever holds the accounts' processes goes first.
    daemon: Option<Daemon>,
    _enforcement: Enforcement,
    jobs: Vec<Job>,
    parties: Vec<Party>,
    tier: Tier,
}

/// What a daemon holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holds {
    pub(super) descriptors: f64,
    pub(super) threads: f64,
    pub(super) resident_mib: f64,
}

impl Stage {
    pub(super) fn new(tier: Tier) -> Result<Self> {
        let parties = (0..ACCOUNTS).map(|_| Party::new(FILES)).collect::<Result<_>>()?;
        Ok(Self { daemon: None, _enforcement: Enforcement, jobs: Vec::new(), parties, tier })
    }

    fn policy(&self, budget: &str) -> Policy {
        // That so much is stopped is meant.
        policy_of(&self.parties)
            .in_tier(self.tier)
            .budget("deletes", budget)
            .governor("accounts", "1000/1m")
            .governor("incidents", "1000/1m")
    }

    pub(super) fn start(&mut self) -> Result<()> {
        let daemon = Daemon::start_to_stay(&self.policy("10/10s"), self.parties[0].ground.base())?;
        tracepoints::keep_in_use();
        self.daemon = Some(daemon);
        Ok(())
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        self.daemon.take().context("a daemon")?.kill()
    }

    /// Another budget, for the next reload.
    pub(super) fn change_policy(&self, random: &mut Random) -> Result<()> {
        let budget = ["10/10s", "11/10s", "12/10s"][random.below(3)];
        self.policy(budget).write(self.parties[0].ground.base()).map(drop)
    }

    /// How what waits can be decided about.
    pub(super) fn verbs(&self) -> &'static [&'static str] {
        match self.tier {
            Tier::Lsm => &["approve", "deny", "thaw", "kill"],
            Tier::Tracepoint => &["thaw", "kill"],
        }
    }

    pub(super) fn any_account(&self, random: &mut Random) -> String {
        format!("a{}", random.below(self.parties.len()))
    }

    pub(super) fn tree_of(&self, account: &str) -> String {
        let number: usize = account[1..].parse().unwrap_or_default();
        self.parties[number].ground.tree().display().to_string()
    }

    /// Each account empties its tree, if it does not already.
    pub(super) fn keep_busy(&mut self) -> Result<()> {
        let busy: Vec<u32> = self.jobs.iter().map(Job::pid).filter(|pid| is_there(*pid)).collect();
        self.jobs.retain(|job| busy.contains(&job.pid()));
        for party in &self.parties {
            let uid = party.account.uid();
            let is_idle =
                !self.jobs.iter().any(|job| proc::Process::look(job.pid()).is_some_and(|one| one.uid == uid));
            if is_idle {
                party.ground.fill(&party.ground.tree(), FILES)?;
                self.jobs.push(party.shell("rm -f *; exec sleep 0.05")?);
            }
        }
        Ok(())
    }

    /// Nothing is open any more, and no account does anything.
    fn settle(&mut self) -> Result<()> {
        wait::until("nothing is open", || {
            ask(&["thaw", "--all", "--reason", "soak"])?;
            self.parties.iter().for_each(|party| party.account.end_processes());
            let open = ask_json(&["incidents", "--open"])?;
            Ok(open.as_array().is_some_and(Vec::is_empty).then_some(()))
        })?;
        self.jobs.clear();
        Ok(())
    }

    /// What the daemon holds when nothing is open.
    pub(super) fn at_rest(&mut self) -> Result<Holds> {
        self.settle()?;
        // A reload leaves threads that end by themselves.
        let look = |pid| {
            let count =
                |what| Ok::<_, anyhow::Error>(fs::read_dir(format!("/proc/{pid}/{what}"))?.count() as f64);
            let resident_mib = proc::memory_mib(pid, "VmRSS")?;
            Ok::<_, anyhow::Error>(Holds { descriptors: count("fd")?, threads: count("task")?, resident_mib })
        };
        let pid = self.daemon.as_ref().context("a daemon")?.pid();
        wait::until("the threads of a reload have ended", || {
            let busy = fs::read_dir(format!("/proc/{pid}/task"))?.flatten().any(|task| {
                let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
                matches!(name.trim(), "retire" | "reload")
            });
            Ok((!busy).then_some(()))
        })?;
        look(pid)
    }

    /// The daemon ends, and lets go of everything; so did those before it.
    pub(super) fn let_everything_go(&mut self) -> Result<()> {
        ask(&["thaw", "--all", "--reason", "soak"])?;
        let mut daemon = self.daemon.take().context("a daemon")?;
        daemon.end_unheard()?;
        tests::release().map(drop)
    }

    /// The accounts' processes that do not go on.
    pub(super) fn stopped(&self) -> Result<usize> {
        let still = || {
            let mut stopped = 0;
            for party in &self.parties {
                stopped += proc::of_user(party.account.uid())?.iter().filter(|one| one.is_stopped()).count();
            }
            Ok::<_, anyhow::Error>(stopped)
        };
        let gone = wait::until("nothing is stopped", || Ok((still()? == 0).then_some(())));
        gone.map_or_else(|_| still(), |()| Ok(0))
    }
}

/// The groups that freezes have left.
pub(super) fn groups() -> Result<Vec<PathBuf>> {
    let output =
        Command::new("find").args(["/sys/fs/cgroup", "-type", "d", "-name", "burstguard-*"]).output()?;
    ensure!(output.status.code().is_some(), "find was ended");
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

fn is_there(pid: u32) -> bool {
    proc::Process::look(pid).is_some_and(|process| !process.is_zombie())
}
