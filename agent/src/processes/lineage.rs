//! Which of the processes that run already act for an account.

use std::collections::HashMap;

use agent_common::wire::row::Claim;

use super::proc::{Process, ProcessId};

/// Who a process acts for by its own user, if for anyone.
pub(crate) trait Claims {
    /// The strongest claim.
    fn claim(&self, process: &Process) -> Option<Claim>;
}

/// A process that acts for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) process: Process,
    pub(crate) claim: Claim,
    /// The process that is claimed: itself, or an ancestor.
    pub(crate) origin: ProcessId,
}

/// The members among `processes`, parents before their children: those that an account claims, and whatever descends
/// from them. `spared` are never members themselves; their children are judged on their own.
pub(crate) fn members(
    processes: &[Process],
    claims: &impl Claims,
    spared: impl Fn(&Process) -> bool,
) -> Vec<Found> {
    let mut children: HashMap<u32, Vec<&Process>> = HashMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut queue: Vec<(&Process, Option<Found>)> =
        children.get(&0).into_iter().flatten().map(|process| (*process, None)).collect();
    while let Some((process, inherited)) = queue.pop() {
        let member = if spared(process) || process.pid == 1 {
            None
        } else {
            let inherited = inherited.map(|above| Found { process: *process, ..above });
            let known = inherited.map_or(Claim::NONE, |above| above.claim);
            let own = claims.claim(process).filter(|claim| claim.outranks(known));
            own.map(|claim| Found { process: *process, claim, origin: process.id() }).or(inherited)
        };
        found.extend(member);
        queue.extend(children.get(&process.pid).into_iter().flatten().map(|child| (*child, member)));
    }
    found
}

#[cfg(test)]
mod tests {
    use agent_common::rules::identity::Evidence;

    use super::*;

    /// Claims one user for account 5, another by stronger evidence for account 6.
    struct Uids(u32, u32);
    impl Claims for Uids {
        fn claim(&self, process: &Process) -> Option<Claim> {
            let weak = (process.uid == self.0).then_some(Claim::of(5, Evidence::User, 1));
            let strong = (process.uid == self.1).then_some(Claim::of(6, Evidence::Unit, 2));
            strong.or(weak)
        }
    }
    const NOBODY: u32 = u32::MAX;

    fn process(pid: u32, parent: u32, uid: u32) -> Process {
        Process { pid, parent, start: u64::from(pid), stopped: false, uid, login: u32::MAX }
    }

    #[test]
    fn descendants_stay_with_the_account_whatever_their_user() {
        let all =
            [process(1, 0, 0), process(30, 20, 0), process(20, 10, 0), process(10, 1, 7), process(40, 1, 0)];
        let members: Vec<_> =
            members(&all, &Uids(7, NOBODY), |_| false).into_iter().map(|found| found.process.pid).collect();
        assert_eq!(members, [10, 20, 30]);
    }

    #[test]
    fn stronger_evidence_takes_a_process_from_its_parents_account_and_weaker_does_not() {
        let all =
            [process(1, 0, 0), process(10, 1, 7), process(20, 10, 8), process(30, 20, 7), process(40, 30, 0)];
        let members: Vec<_> = members(&all, &Uids(7, 8), |_| false)
            .into_iter()
            .map(|found| (found.process.pid, found.claim.account(), found.origin.pid))
            .collect();
        assert_eq!(members, [(10, 5, 10), (20, 6, 20), (30, 6, 20), (40, 6, 20)]);
    }

    #[test]
    fn init_and_the_spared_are_no_members_but_their_children_may_be() {
        let all = [process(1, 0, 7), process(10, 1, 7), process(11, 10, 7), process(12, 10, 0)];
        let members: Vec<_> = members(&all, &Uids(7, NOBODY), |process| process.pid == 10)
            .into_iter()
            .map(|found| (found.process.pid, found.claim.account()))
            .collect();
        assert_eq!(members, [(11, 5)]);
    }
}
