//! What became of a freeze, as the kernel says and not as it was meant.

use std::{io, path::PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{processes::proc::ProcessId, sensor::Member};

/// What a call to freeze has done.
#[derive(Debug, Default)]
pub(crate) struct FreezeOutcome {
    /// How many processes are in the leaves now, those of earlier calls for the same freeze included.
    pub(crate) held: usize,
    /// What could not be moved to a leaf and was stopped by a signal instead, in this call. Nothing in the kernel tells
    /// that it was us: an agent that wants to let them go on after a restart must remember these.
    pub(crate) stopped: Vec<Stopped>,
    /// Who was not frozen, and why.
    pub(crate) left: Vec<(ProcessId, Left)>,
    /// Whether two looks in a row found nobody left to freeze. Otherwise they forked faster than they could be moved.
    pub(crate) settled: bool,
}

/// A process that was stopped by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stopped {
    pub(crate) process: ProcessId,
    /// Which of its ancestors were stopped before it was, the parent in bit 0.
    pub(crate) stopped_ancestors: u32,
}

/// Why a process was not frozen.
#[derive(Debug, Error)]
pub(crate) enum Left {
    /// It has ended; another of its pid was not touched.
    #[error("it has ended")]
    Gone,
    /// It is on the list of what is never touched.
    #[error("never touched: {0}")]
    Spared(&'static str),
    /// It was stopped already, by somebody else, and stays so when the freeze ends.
    #[error("it was stopped already, by somebody else, and stays so when the freeze ends")]
    AlreadyStopped,
    /// The kernel refused to stop it.
    #[error(transparent)]
    Refused(FreezeError),
}

/// A process that runs on although it should not.
#[derive(Debug, Error)]
#[error("cannot stop process {pid}, nor move it to a frozen group: kill it if it must not go on")]
pub(crate) struct FreezeError {
    pub(crate) pid: u32,
    pub(crate) source: io::Error,
}

/// What a thaw has done.
#[derive(Debug, Default)]
pub(crate) struct ThawOutcome {
    /// How many processes are back in the group they came from.
    pub(crate) back: usize,
    /// Those that were stopped by a signal, and still are: for [`crate::enforcer::release`].
    pub(crate) stopped: Vec<Member>,
    /// Leaves that are still there.
    pub(crate) kept: Vec<ThawError>,
    /// Leaves that had gone before: their unit or container was ended, and all in it.
    pub(crate) gone: usize,
}

/// A leaf that could not be emptied and removed. Nobody in it is frozen by this freeze any more.
#[derive(Debug, Error)]
pub(crate) enum ThawError {
    /// The group above has been given controllers, so it may hold no processes of its own.
    #[error(
        "{pids} processes run on in {leaf}: {home} has been given controllers since and takes no processes, or refuses them otherwise; they end with their unit all the same"
    )]
    NoWayBack { leaf: PathBuf, home: PathBuf, pids: usize, source: io::Error },
    /// A leaf of another freeze, or a group that somebody made, is in it.
    #[error(
        "cannot remove {leaf}: another freeze still holds processes in it, or somebody has made a group there"
    )]
    InUse { leaf: PathBuf, source: io::Error },
    /// Not even that.
    #[error("cannot thaw {leaf}: write 0 to its cgroup.freeze")]
    Frozen { leaf: PathBuf, source: io::Error },
}

/// The state of a freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FreezeState {
    pub(crate) id: u64,
    /// Whether nothing of it runs. If it was and is not, somebody else has thawed it: whoever owns a group may.
    pub(crate) frozen: bool,
    /// How many processes it holds. The stopped ones are counted when something else changes: no event tells of them.
    pub(crate) processes: usize,
}

/// A freeze that an earlier agent has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: u64,
    pub(crate) leaves: Vec<PathBuf>,
    pub(crate) processes: usize,
}
