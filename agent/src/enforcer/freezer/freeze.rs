//! The way in: everybody to a frozen leaf, and whoever they fork meanwhile.

use std::collections::{BTreeSet, HashSet};

use rustix::{io::Errno, process::Signal};

use super::{Brake, Freeze, FreezeError, FreezeOutcome, Freezer, Group, Left, Stopped, Watch, group_of};
use crate::{
    enforcer::pidfd::Handle,
    processes::{
        never_touch::NeverTouch,
        proc::{self, ProcessId},
    },
};

/// How often the members are asked for. A moved process forks no more, so all but a storm of forks ends in a few.
const LOOKS: usize = 64;
/// After how many looks in a row that find nobody left the freeze is complete: one that was just being forked while the
/// members were listed is among them the next time.
const QUIET_LOOKS: usize = 2;

impl Freezer {
    /// Freezes the members for a freeze, and whatever they fork meanwhile: they are asked for again until nobody is left
    /// outside. One that cannot be frozen does not keep the others from it. Nobody is frozen by a pid alone, and nobody
    /// who is never to be touched.
    ///
    /// When it returns the kernel has been told; that nothing runs any more is what [`Freezer::changed`] tells.
    pub(crate) fn freeze(&mut self, id: u64, members: &mut dyn FnMut() -> Vec<ProcessId>) -> FreezeOutcome {
        let freeze = self.freezes.entry(id).or_default();
        let mut run = Run {
            id,
            root: self.root.as_ref(),
            never_touch: NeverTouch::new(),
            freeze,
            watch: &mut self.watch,
            outcome: FreezeOutcome::default(),
        };
        run.until_settled(members);
        let mut outcome = run.outcome;
        freeze.forget_empty_leaves(&mut self.watch);
        outcome.held = freeze.held();
        outcome
    }
}

/// One call to freeze.
struct Run<'a> {
    id: u64,
    root: Option<&'a Group>,
    never_touch: NeverTouch,
    freeze: &'a mut Freeze,
    watch: &'a mut Watch,
    outcome: FreezeOutcome,
}

impl Run<'_> {
    fn until_settled(&mut self, members: &mut dyn FnMut() -> Vec<ProcessId>) {
        let mut done: HashSet<ProcessId> =
            self.freeze.stopped.iter().map(|stopped| stopped.process).collect();
        let mut quiet = 0;
        for _ in 0..LOOKS {
            let mut found = members();
            found.retain(|member| done.insert(*member));
            quiet = if found.is_empty() { quiet + 1 } else { 0 };
            if quiet == QUIET_LOOKS {
                self.outcome.settled = true;
                return;
            }
            self.freeze_some(found);
        }
    }

    fn freeze_some(&mut self, mut found: Vec<ProcessId>) {
        found.retain(|member| match self.never_touch.spares(member.pid) {
            Some(why) => {
                self.outcome.left.push((*member, Left::Spared(why)));
                false
            }
            None => true,
        });
        let braked = self.groups_to_brake(&found);
        let leaves: Vec<Group> = braked.iter().filter_map(|group| self.leaf_in(group).ok()).collect();
        let brakes: Vec<Brake<'_>> = leaves.iter().filter_map(Brake::on).collect();
        let refused: Vec<ProcessId> =
            found.into_iter().filter(|member| !self.move_to_leaf(*member)).collect();
        drop(brakes);
        self.stop(&refused);
    }

    /// The groups that hold nobody but those who are to be frozen.
    fn groups_to_brake(&self, found: &[ProcessId]) -> BTreeSet<Group> {
        let Some(root) = self.root else { return BTreeSet::new() };
        let pids: HashSet<u32> = found.iter().map(|member| member.pid).collect();
        let (mut seen, mut groups, mut looked_at) = (HashSet::new(), BTreeSet::new(), HashSet::new());
        for member in found {
            if seen.contains(&member.pid) {
                continue;
            }
            let Some(group) = group_of(root, member.pid) else { continue };
            // A group may be seen twice: a process has joined it since. The root cannot be frozen.
            if group == *root || self.is_leaf(&group) || !looked_at.insert(group.clone()) {
                continue;
            }
            let Some(there) = group.all_pids() else { continue };
            if there.iter().all(|pid| pids.contains(pid)) {
                groups.insert(group);
            }
            seen.extend(there);
        }
        groups
    }

    /// Whether a group is a leaf of this freeze: of that name, and made by us. Whoever owns a group may give any name to one in it.
    fn is_leaf(&self, group: &Group) -> bool {
        group.leaf_of() == Some(self.id) && group.is_ours()
    }

    fn leaf_in(&mut self, group: &Group) -> std::io::Result<Group> {
        let leaf = group.leaf(self.id);
        if self.freeze.leaves.contains(&leaf) && leaf.exists() {
            return Ok(leaf);
        }
        let leaf = group.make_leaf(self.id)?;
        self.watch.add(&leaf, self.id);
        self.freeze.leaves.insert(leaf.clone());
        Ok(leaf)
    }

    /// Whether no more is to be done about the process: it is in a leaf, or has ended.
    fn move_to_leaf(&mut self, member: ProcessId) -> bool {
        let Some(handle) = Handle::open(member) else {
            self.outcome.left.push((member, Left::Gone));
            return true;
        };
        let Some(group) = self.root.and_then(|root| group_of(root, member.pid)) else { return false };
        if self.is_leaf(&group) {
            return true;
        }
        let Ok(leaf) = self.leaf_in(&group) else { return false };
        match leaf.take(member.pid) {
            // The pid was this process's, and still is: so it was meanwhile.
            Ok(()) if handle.alive() => true,
            Ok(()) => {
                self.undo(&group, &leaf, member);
                true
            }
            Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => {
                self.outcome.left.push((member, Left::Gone));
                true
            }
            Err(_) => false,
        }
    }

    /// The process has ended while it was moved. If its pid was another's by then, that one goes back.
    fn undo(&mut self, group: &Group, leaf: &Group, member: ProcessId) {
        self.outcome.left.push((member, Left::Gone));
        let other = proc::stat(member.pid).is_some_and(|now| now.start != member.start);
        if other && leaf.pids().is_ok_and(|pids| pids.contains(&member.pid)) {
            // If even this fails it stays frozen until the thaw, which returns everybody.
            let _ = group.take(member.pid);
        }
    }

    /// Who is stopped already is noted before anybody is stopped: sudo and shells stop themselves when their child does,
    /// and must go on with it.
    fn stop(&mut self, refused: &[ProcessId]) {
        let noted: Vec<_> = refused
            .iter()
            .filter_map(|member| Some((*member, Handle::open(*member)?, state(*member)?)))
            .collect();
        let there: HashSet<ProcessId> = noted.iter().map(|(member, ..)| *member).collect();
        let gone = refused.iter().filter(|member| !there.contains(*member));
        self.outcome.left.extend(gone.map(|member| (*member, Left::Gone)));
        for (member, handle, (stopped, stopped_ancestors)) in noted {
            if stopped {
                self.outcome.left.push((member, Left::AlreadyStopped));
                continue;
            }
            match handle.signal(Signal::STOP) {
                Ok(()) => {
                    let stopped = Stopped { process: member, stopped_ancestors };
                    self.freeze.stopped.push(stopped);
                    self.outcome.stopped.push(stopped);
                    self.watch.look_at(self.id);
                }
                Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => {
                    self.outcome.left.push((member, Left::Gone));
                }
                Err(source) => {
                    self.outcome.left.push((member, Left::Refused(FreezeError { pid: member.pid, source })));
                }
            }
        }
    }
}

/// Whether the process is stopped, and which of its ancestors are.
fn state(member: ProcessId) -> Option<(bool, u32)> {
    let stopped = proc::stat(member.pid)?.stopped();
    let ancestors = proc::stats_above(member.pid).take(u32::BITS as usize);
    let bits = (0..).zip(ancestors).filter(|(_, (_, stat))| stat.stopped()).map(|(bit, _)| 1 << bit);
    Some((stopped, bits.fold(0, |all, bit: u32| all | bit)))
}
