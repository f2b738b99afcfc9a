//! The way back: everybody to where they came from.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{Brake, Freezer, Group, Stopped, ThawError, ThawOutcome};
use crate::{processes::cgroup::Events, sensor::Member};

/// How often a leaf is emptied. Nobody in it runs, so once is enough unless somebody else moves processes there.
const LOOKS: usize = 8;
/// How long a process that is just ending may keep its leaf. What takes longer is removed when it has ended.
const ENDING: Duration = Duration::from_millis(100);

impl Freezer {
    /// Ends a freeze: everybody goes on, in the group they came from, and the leaves are removed; who was stopped by a
    /// signal goes on if it was our signal. A process that another freeze holds too stays frozen by that one.
    ///
    /// Who was stopped by a signal is in the outcome: to let them go on takes their wrappers up to a second.
    pub(crate) fn thaw(&mut self, id: u64) -> ThawOutcome {
        let mut outcome = ThawOutcome::default();
        let Some(mut freeze) = self.freezes.remove(&id) else { return outcome };
        freeze.leaves.retain(|leaf| {
            let kept = thaw(leaf, &mut outcome);
            if !kept {
                self.watch.remove(leaf);
            }
            kept
        });
        outcome.stopped = freeze.stopped.drain(..).map(member).collect();
        freeze.ended = true;
        self.freezes.insert(id, freeze);
        // A leaf that was kept only for another freeze has gone with that one's.
        self.freezes.retain(|_, freeze| !freeze.ended || freeze.leaves.iter().any(Group::exists));
        outcome
    }
}

/// What [`release`] wants to know.
fn member(stopped: Stopped) -> Member {
    let Stopped { process, stopped_ancestors } = stopped;
    Member { pid: process.pid, start: process.start, account: 0, stopped: true, stopped_ancestors, grant: 0 }
}

/// Whether the leaf is still there.
fn thaw(leaf: &Group, outcome: &mut ThawOutcome) -> bool {
    if !leaf.exists() {
        outcome.gone += 1;
        return false;
    }
    drop(Brake::left_on(leaf));
    // Moved while they are frozen: they run again only where they belong, and fork nobody into the leaf.
    if let Some(home) = leaf.home()
        && let Err(source) = empty(leaf, &home, &mut outcome.back)
    {
        let pids = leaf.pids().map_or(0, |pids| pids.len());
        let (leaf, home) = (leaf.path().to_owned(), home.path().to_owned());
        outcome.kept.push(ThawError::NoWayBack { leaf, home, pids, source });
    }
    match remove(leaf) {
        Ok(()) => false,
        Err(source) => {
            let path = leaf.path().to_owned();
            if let Err(source) = leaf.freeze(false) {
                outcome.kept.push(ThawError::Frozen { leaf: path, source });
            } else if leaf.pids().is_ok_and(|pids| pids.is_empty()) {
                outcome.kept.push(ThawError::InUse { leaf: path, source });
            }
            true
        }
    }
}

fn empty(leaf: &Group, home: &Group, back: &mut usize) -> io::Result<()> {
    for _ in 0..LOOKS {
        let pids = leaf.pids()?;
        if pids.is_empty() {
            break;
        }
        for pid in pids {
            match home.take(pid) {
                Ok(()) => *back += 1,
                Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => {} // it has ended
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Removes the leaf, and the leaves around it that were kept only for it.
fn remove(leaf: &Group) -> io::Result<()> {
    if leaf.remove().is_err() {
        wait_until_empty(leaf);
        leaf.remove()?;
    }
    let mut above = leaf.above();
    while let Some(group) =
        above.filter(|group| group.leaf_of().is_some() && group.is_ours() && !group.shall_be_frozen())
    {
        if group.remove().is_err() {
            break;
        }
        above = group.above();
    }
    Ok(())
}

/// A process that is ending is listed no more but still there.
fn wait_until_empty(leaf: &Group) {
    let Ok(mut events) = File::open(leaf.path().join("cgroup.events")) else { return };
    let until = Instant::now() + ENDING;
    let emptying = || {
        leaf.children().is_empty() && leaf.pids().is_ok_and(|pids| pids.is_empty()) && Instant::now() < until
    };
    while emptying() {
        // Only a change after the last read through this descriptor wakes the poll.
        let mut text = String::new();
        if events.rewind().and_then(|()| events.read_to_string(&mut text)).is_err()
            || Events::parse(&text).is_none_or(|events| !events.populated)
        {
            return;
        }
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).unwrap_or_default();
        if poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&left)).is_err() {
            return;
        }
    }
}
