//! Freezes processes where they are, and puts everything back as it was.
//!
//! Each process is moved to a frozen leaf in its own group of the cgroup v2 tree. The tree is the only record: whatever
//! freezes there are can be read from it, by this agent and by the next. What cannot be in a leaf (there is no v2 tree,
//! the group is threaded, or refuses) is stopped by a signal.

mod brake;
mod freeze;
mod group;
mod outcome;
mod thaw;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use brake::Brake;
use group::Group;
use watch::Watch;

use crate::processes::{
    cgroup,
    proc::{self, ProcessId},
};
pub(crate) use outcome::{
    Found, FreezeError, FreezeOutcome, FreezeState, Left, Stopped, ThawError, ThawOutcome,
};

/// The freezes there are.
pub(crate) struct Freezer {
    /// The root of the v2 tree; without one everything is stopped by signals.
    root: Option<Group>,
    freezes: BTreeMap<u64, Freeze>,
    watch: Watch,
}

/// What one freeze holds.
#[derive(Default)]
struct Freeze {
    leaves: BTreeSet<Group>,
    stopped: Vec<Stopped>,
    /// It was thawed, and what is left of it is kept by others.
    ended: bool,
    /// What was told of it last.
    told: Option<FreezeState>,
}

impl Freezer {
    /// Finds the v2 tree in `/proc/self/mountinfo`. Needs no tokio runtime, only [`Freezer::changed`] does.
    pub(crate) fn open() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Self::at(cgroup::mount_point(&mounts))
    }

    fn at(root: Option<PathBuf>) -> Self {
        Self { root: root.map(Group::new), freezes: BTreeMap::new(), watch: Watch::new() }
    }

    /// Freezes that an earlier agent has left in the tree, by their leaves. One that somebody else has named so is none.
    pub(crate) fn found(&self) -> Vec<Found> {
        let mut found: BTreeMap<u64, Found> = BTreeMap::new();
        let mut queue: Vec<Group> = self.root.iter().cloned().collect();
        while let Some(group) = queue.pop() {
            queue.extend(group.children());
            let Some(id) = group.leaf_of().filter(|_| group.is_ours()) else { continue };
            let freeze = found.entry(id).or_insert_with(|| Found { id, leaves: Vec::new(), processes: 0 });
            freeze.processes += group.pids().map_or(0, |pids| pids.len());
            freeze.leaves.push(group.path().to_owned());
        }
        found.into_values().collect()
    }

    /// Takes over what an earlier agent has left, with what it remembers to have stopped by signals. A group that this
    /// agent had frozen only while it moved the processes is let go.
    pub(crate) fn adopt(&mut self, found: &Found, stopped: Vec<Stopped>) {
        let freeze = self.freezes.entry(found.id).or_default();
        freeze.stopped.extend(stopped);
        for leaf in found.leaves.iter().cloned().map(Group::new) {
            drop(Brake::left_on(&leaf));
            self.watch.add(&leaf, found.id);
            freeze.leaves.insert(leaf);
        }
    }

    /// The next change of a freeze, as it is read from the kernel then: it is frozen, or not any more, or has ended.
    /// To drop the future loses nothing. Without a change it does not resolve.
    pub(crate) async fn changed(&mut self) -> FreezeState {
        loop {
            let id = self.watch.next().await;
            let Some(freeze) = self.freezes.get_mut(&id) else { continue };
            freeze.forget_empty_leaves(&mut self.watch);
            let state = freeze.state(id);
            if freeze.told.replace(state) != Some(state) {
                return state;
            }
        }
    }

    /// Leaves that are not there any more and of which nothing was heard count as changed; for now and then.
    pub(crate) fn look_for_gone(&mut self) {
        self.watch.look_for_gone();
    }

    /// Every freeze.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.freezes.keys().copied()
    }

    /// How many groups a freeze has leaves in.
    pub(crate) fn leaves(&self, id: u64) -> u64 {
        self.freezes.get(&id).map_or(0, |freeze| freeze.leaves.len() as u64)
    }

    /// Who was stopped by a signal, by freeze.
    pub(crate) fn stopped(&self) -> BTreeMap<u64, Vec<Stopped>> {
        let stopped = self.freezes.iter().map(|(id, freeze)| (*id, freeze.stopped.clone()));
        stopped.filter(|(_, stopped)| !stopped.is_empty()).collect()
    }

    /// A group that a freeze has a leaf in, as a path below the root of the tree.
    pub(crate) fn place(&self, id: u64) -> Option<PathBuf> {
        let group = self.freezes.get(&id)?.leaves.first()?.above()?;
        group.path().strip_prefix(self.root.as_ref()?.path()).ok().map(Path::to_owned)
    }

    /// The processes that a freeze holds.
    pub(crate) fn processes(&self, id: u64) -> Vec<ProcessId> {
        let Some(freeze) = self.freezes.get(&id) else { return Vec::new() };
        let frozen = freeze.leaves.iter().filter_map(Group::all_pids).flatten();
        let frozen = frozen.filter_map(|pid| Some(ProcessId { pid, start: proc::stat(pid)?.start }));
        frozen.chain(freeze.stopped.iter().map(|stopped| stopped.process)).collect()
    }

    /// The state of a freeze now; none if there is no such freeze.
    #[cfg(test)]
    pub(crate) fn state(&self, id: u64) -> Option<FreezeState> {
        self.freezes.get(&id).map(|freeze| freeze.state(id))
    }
}

impl Freeze {
    fn state(&self, id: u64) -> FreezeState {
        let leaves_frozen =
            self.leaves.iter().filter_map(Group::events).all(|events| events.frozen || !events.populated);
        let stats: Vec<_> = self.stopped.iter().filter_map(|stopped| alive(stopped.process)).collect();
        FreezeState {
            id,
            frozen: leaves_frozen && stats.iter().all(|stat| stat.stopped()),
            processes: self.held() + stats.len(),
        }
    }

    fn held(&self) -> usize {
        self.leaves.iter().filter_map(Group::all_pids).map(|pids| pids.len()).sum()
    }

    /// A leaf whose processes have all ended.
    fn forget_empty_leaves(&mut self, watch: &mut Watch) {
        self.leaves.retain(|leaf| {
            let used = leaf.events().is_some_and(|events| events.populated) || leaf.remove().is_err();
            let keep = used && leaf.exists();
            if !keep {
                watch.remove(leaf);
            }
            keep
        });
    }
}

fn alive(id: ProcessId) -> Option<proc::Stat> {
    proc::stat(id.pid).filter(|stat| stat.start == id.start && !stat.ended())
}

/// The group of whichever process has the pid now.
fn group_of(root: &Group, pid: u32) -> Option<Group> {
    cgroup::of(pid).map(|below| Group::new(root.path().join(below)))
}

#[cfg(test)]
mod tests;
