//! Several accounts that one agent watches.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{Account, Counters, Daemon, Ground, Job, Policy, tracepoints, truth};

/// An account and its ground.
pub struct Party {
    // Dropped in this order: the files go while their user is still there.
    /// The directory.
    pub ground: Ground,
    /// The user.
    pub account: Account,
}

impl Party {
    /// With so many files in the tree.
    pub fn new(files: usize) -> Result<Self> {
        Self::of(Account::unlisted()?, files)
    }

    /// The same for a certain user.
    pub fn of(account: Account, files: usize) -> Result<Self> {
        let ground = Ground::new(&account)?;
        ground.fill(&ground.tree(), files)?;
        Ok(Self { ground, account })
    }

    /// Starts a line of shell in the tree, as the account.
    pub fn shell(&self, script: &str) -> Result<Job> {
        let mut command = self.account.shell(&self.ground.expand(script));
        command.current_dir(self.ground.tree());
        Job::start(command)
    }

    /// Starts the helper program in the tree, as the account.
    pub fn hand(&self, words: &[&str]) -> Result<Job> {
        Job::start(self.ground.hand_command(&self.account, words)?)
    }

    /// Has the helper program take these steps for each of the first `count` files.
    pub fn each(&self, count: usize, steps: &[&str]) -> Result<Job> {
        self.hand(&[&["each", &count.to_string()], steps].concat())
    }

    /// A program of root's, in the tree.
    #[must_use]
    pub fn as_root(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.ground.tree());
        command
    }

    /// One file in the tree.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.ground.tree().join(name)
    }

    /// How many of the `count` files in the tree are gone or not what they were.
    #[must_use]
    pub fn destroyed(&self, count: usize) -> usize {
        truth::destroyed(&self.ground.tree(), count)
    }

    /// How many of the `count` files in the tree are gone.
    #[must_use]
    pub fn missing(&self, count: usize) -> usize {
        truth::missing(&self.ground.tree(), count)
    }
}

/// Accounts, and the one agent that watches them all.
pub struct Crowd {
    // Dropped in this order: the agent lets go of the processes before they end.
    /// The agent. It knows the accounts as a0, a1, …
    pub daemon: Daemon,
    /// The accounts.
    pub parties: Vec<Party>,
}

impl Crowd {
    /// Under this policy of them all.
    pub fn watched(parties: Vec<Party>, change: impl FnOnce(Policy) -> Policy) -> Result<Self> {
        let policy = change(policy_of(&parties));
        let directory = parties.first().map(|party| party.ground.base().to_owned()).unwrap_or_default();
        let daemon = Daemon::start(&policy, &directory)?;
        tracepoints::keep_in_use();
        Ok(Self { daemon, parties })
    }

    /// Ends the agent; anything that must not happen and did is an error.
    pub fn end(self) -> Result<Counters> {
        self.parties.iter().for_each(|party| party.account.end_processes());
        self.daemon.end_well()
    }
}

/// A policy that watches each of them in its own tree, under the usual budgets.
#[must_use]
pub fn policy_of(parties: &[Party]) -> Policy {
    let watch = |policy: Policy, party: &Party| policy.and(party.account.name(), &party.ground.tree());
    parties.iter().fold(Policy::of_nobody(), watch)
}
