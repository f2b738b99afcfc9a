//! Which processes a responder means.

use std::{collections::HashSet, path::Path};

use super::{
    cgroup,
    proc::{self, Process, ProcessId},
};
use crate::api::Target;

/// The processes that a target means now, but for an account's, whose lineage the kernel knows. Empty if there are none.
pub(crate) fn processes(target: &Target) -> Vec<Process> {
    let all = || proc::processes().unwrap_or_default();
    match target {
        Target::Account(_) => Vec::new(),
        Target::User(uid) => all().into_iter().filter(|process| process.uid == *uid).collect(),
        Target::Pid(pid) => with_descendants(&all(), &[*pid]),
        Target::Unit(unit) => all()
            .into_iter()
            .filter(|process| cgroup::of(process.pid).is_some_and(|group| is_in_unit(&group, unit)))
            .collect(),
        Target::Cgroup(path) => all()
            .into_iter()
            .filter(|process| cgroup::of(process.pid).is_some_and(|group| is_below(&group, path)))
            .collect(),
    }
}

/// Whether a group is a unit's, or inside one's. A unit that is instantiated or escaped is named as systemd names it.
fn is_in_unit(group: &Path, unit: &str) -> bool {
    group.iter().any(|part| part == unit)
}

fn is_below(group: &Path, path: &str) -> bool {
    let path = path.trim_matches('/');
    !path.is_empty() && group.starts_with(path)
}

/// Processes and those that come from them now. Where the kernel tells who is whose child, no other process is looked at:
/// somebody waits.
pub(crate) fn families(pids: &[u32]) -> Vec<ProcessId> {
    if !proc::tells_children() && !pids.is_empty() {
        let all = proc::processes().unwrap_or_default();
        return with_descendants(&all, pids).iter().map(Process::id).collect();
    }
    let mut known = pids.to_vec();
    let mut looked_at = 0;
    while let Some(&pid) = known.get(looked_at) {
        looked_at += 1;
        let new: Vec<u32> = proc::children(pid).into_iter().filter(|child| !known.contains(child)).collect();
        known.extend(new);
    }
    let id = |pid| Some(ProcessId { pid, start: proc::stat(pid)?.start });
    known.into_iter().filter_map(id).collect()
}

/// The processes first, then those that come from them.
fn with_descendants(all: &[Process], pids: &[u32]) -> Vec<Process> {
    let mut found: Vec<Process> = all.iter().filter(|process| pids.contains(&process.pid)).copied().collect();
    let mut pids: HashSet<u32> = pids.iter().copied().collect();
    let mut known = 0;
    while known < found.len() {
        known = found.len();
        for process in all {
            if pids.contains(&process.parent) && pids.insert(process.pid) {
                found.push(*process);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> Process {
        Process { pid, parent, start: 1, stopped: false, uid: 7, login: u32::MAX }
    }

    #[test]
    fn a_process_comes_with_its_descendants() {
        let all = [process(5, 4), process(4, 2), process(2, 1), process(3, 1)];
        let pids: Vec<u32> = with_descendants(&all, &[2]).iter().map(|process| process.pid).collect();
        assert_eq!(pids, [2, 4, 5]);
        assert!(with_descendants(&all, &[99]).is_empty());
        let pids: Vec<u32> = with_descendants(&all, &[3, 2]).iter().map(|process| process.pid).collect();
        assert_eq!(pids, [2, 3, 4, 5]);
    }

    #[test]
    fn a_group_is_in_its_unit_and_below_its_ancestors() {
        let group = Path::new("system.slice/ci.service/burstguard-3");
        assert!(is_in_unit(group, "ci.service") && !is_in_unit(group, "ci"));
        assert!(is_below(group, "/system.slice") && is_below(group, "system.slice/ci.service/"));
        assert!(!is_below(group, "/system") && !is_below(group, "/"));
    }
}
