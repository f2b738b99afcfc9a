//! A row of the table.

use std::path::Path;

use anyhow::Result;
use tests::{Party, Tier, truth};

use crate::holding::{BUDGET, FILES};

/// A way, and what is true of it.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// As docs/limits.md calls it.
    pub(super) name: &'static str,
    /// Shell, run in the tree. `{hand}` is the helper program, `{count}` how many files there are, and `{apart}` begins a
    /// command with mounts of its own.
    pub(super) script: &'static str,
    /// Makes so many files, and what else there must be, before the agent starts.
    pub(super) arrange: fn(&mut Party, usize) -> Result<()>,
    pub(super) count: usize,
    /// The directory that they are in.
    pub(super) files: &'static str,
    /// Whether they count as destroyed when they are not to be seen where they were.
    pub(super) by_path: bool,
    /// How many of them, in this directory, are destroyed.
    pub(super) destroyed: fn(&Path, usize) -> usize,
    /// Whether it destroys all of them once it is approved.
    pub(super) completes: bool,
    pub(super) by: &'static [By],
    /// Whether this kernel can try it.
    pub(super) there: fn() -> bool,
    pub(super) lsm: Truth,
    pub(super) tracepoint: Truth,
}

/// Who tries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    User,
    /// As root.
    Sudo,
}

/// What comes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Truth {
    /// It waits or is stopped with so many destroyed.
    Stops(usize),
    /// The same, or with one less: what an io_uring is handed waits for a thread, which a stop may come before.
    StopsOrBefore(usize),
    /// It is stopped with one more than the budget destroyed, and one more for each other thread that was stopped with it.
    StopsEach,
    /// The call past the budget fails with EPERM.
    Fails,
    /// Everything is destroyed, and is no burst. This is told of it, if anything.
    Passes(&'static str),
}

impl Truth {
    /// As docs/limits.md says it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Stops(_) | Self::StopsOrBefore(_) | Self::StopsEach => "yes",
            Self::Fails => "fails",
            Self::Passes("") => "**no**",
            Self::Passes(_) => "**told**",
        }
    }
}

/// Steps of the helper program, taken for each file.
macro_rules! each {
    ($($step:literal),+) => { concat!("exec {hand} each {count}", $(" '", $step, "'"),+) };
}
pub(super) use each;

/// It is stopped in both tiers, whoever does it.
pub(super) const fn row(name: &'static str, script: &'static str) -> Row {
    Row {
        name,
        script,
        arrange: |party, count| party.ground.fill(&party.ground.tree(), count),
        count: FILES,
        files: "{tree}",
        by_path: false,
        destroyed: truth::destroyed,
        completes: false,
        by: &[By::User, By::Sudo],
        there: || true,
        lsm: Truth::Stops(BUDGET),
        tracepoint: Truth::Stops(BUDGET + 1),
    }
}

impl Row {
    /// Other numbers than one for each file.
    pub(super) const fn stops_at(self, lsm: usize, tracepoint: usize) -> Self {
        Self { lsm: Truth::Stops(lsm), tracepoint: Truth::Stops(tracepoint), ..self }
    }

    /// The tier tracepoint lets it pass, and tells this.
    pub(super) const fn but_tracepoint_tells(self, told: &'static str) -> Self {
        Self { tracepoint: Truth::Passes(told), ..self }
    }

    /// The tier tracepoint does not see it.
    pub(super) const fn but_not_tracepoint(self) -> Self {
        self.but_tracepoint_tells("")
    }

    /// No tier sees it.
    pub(super) const fn unseen(self) -> Self {
        Self { lsm: Truth::Passes(""), ..self.but_not_tracepoint() }
    }

    pub(super) const fn arranged(self, arrange: fn(&mut Party, usize) -> Result<()>) -> Self {
        Self { arrange, ..self }
    }

    pub(super) const fn truth(&self, tier: Tier) -> Truth {
        match tier {
            Tier::Lsm => self.lsm,
            Tier::Tracepoint => self.tracepoint,
        }
    }

    /// In a directory `sub` of the tree.
    pub(super) const fn below(self) -> Self {
        Self { files: "{tree}/sub", ..self.arranged(fill_below) }
    }
}

fn fill_below(party: &mut Party, count: usize) -> Result<()> {
    let sub = party.file("sub");
    party.ground.make_directory(&sub)?;
    party.ground.fill(&sub, count)
}
