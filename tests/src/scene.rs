//! What most tests begin with: an account, its ground, and an agent that watches it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{Account, Counters, Daemon, Ground, Job, Policy, proc, truth, wait};

/// An account, its ground, and an agent that watches it.
pub struct Scene {
    // Dropped in this order: the agent lets go of the processes, they end, then their files and their user go.
    /// The agent.
    pub daemon: Daemon,
    /// The directory.
    pub ground: Ground,
    /// The user.
    pub account: Account,
}

impl Scene {
    /// With the usual budgets.
    pub fn new() -> Result<Self> {
        Self::with(|policy, _| Ok(policy))
    }

    /// With another policy, or with more on the ground before the agent starts.
    pub fn with(arrange: impl FnOnce(Policy, &Ground) -> Result<Policy>) -> Result<Self> {
        Self::of(Account::unlisted()?, arrange)
    }

    /// The same for a certain user.
    pub fn of(account: Account, arrange: impl FnOnce(Policy, &Ground) -> Result<Policy>) -> Result<Self> {
        let ground = Ground::new(&account)?;
        let policy = arrange(Policy::new(account.name(), &ground.tree()), &ground)?;
        let daemon = Daemon::start(&policy, ground.base())?;
        Ok(Self { daemon, ground, account })
    }

    /// Starts a line of shell in the tree, as the account.
    pub fn shell(&self, script: &str) -> Result<Job> {
        let mut command = self.account.shell(script);
        command.current_dir(self.ground.tree());
        Job::start(command)
    }

    /// Starts the helper program in the tree, as the account.
    pub fn hand(&self, words: &[&str]) -> Result<Job> {
        Job::start(self.hand_command(words)?)
    }

    /// The helper program, not started yet.
    pub fn hand_command(&self, words: &[&str]) -> Result<Command> {
        self.ground.hand_command(&self.account, words)
    }

    /// Fills the tree.
    pub fn fill(&self, count: usize) -> Result<()> {
        self.ground.fill(&self.ground.tree(), count)
    }

    /// How many of the `count` files in the tree are gone or not what they were.
    #[must_use]
    pub fn destroyed(&self, count: usize) -> usize {
        truth::destroyed(&self.tree(), count)
    }

    /// Waits until the agent has reported everything that happened before; see [`Daemon::catch_up`].
    pub fn catch_up(&mut self) -> Result<u32> {
        self.daemon.catch_up(&self.account)
    }

    /// Waits until every process of the account is stopped or has ended; how many are stopped.
    pub fn all_stopped(&self) -> Result<usize> {
        wait::until("every process of the account is stopped", || {
            let processes = proc::of_user(self.account.uid())?;
            let still = processes.iter().all(|process| process.is_stopped() || process.is_zombie());
            Ok(still.then(|| processes.iter().filter(|process| process.is_stopped()).count()))
        })
    }

    /// Ends the agent; anything that must not happen and did is an error.
    pub fn end(self) -> Result<Counters> {
        self.account.end_processes();
        self.daemon.end_well()
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.ground.tree()
    }

    /// One file in the tree.
    #[must_use]
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.ground.tree().join(name)
    }
}
