//! Which of the processes that run already act for an account.

use std::collections::HashMap;

use super::proc::Process;

/// Who a process acts for by its own user, if for anyone.
pub(crate) trait Claims {
    /// The account's index.
    fn claim(&self, process: &Process) -> Option<u32>;
}

/// The members among `processes`, parents before their children: those that an account claims, and whatever descends
/// from them. `spared` are never members themselves; their children are judged on their own.
pub(crate) fn members(
    processes: &[Process],
    claims: &impl Claims,
    spared: impl Fn(&Process) -> bool,
) -> Vec<(Process, u32)> {
    let mut children: HashMap<u32, Vec<&Process>> = HashMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut queue: Vec<(&Process, Option<u32>)> =
        children.get(&0).into_iter().flatten().map(|process| (*process, None)).collect();
    while let Some((process, inherited)) = queue.pop() {
        let account = if spared(process) || process.pid == 1 {
            None
        } else {
            inherited.or_else(|| claims.claim(process))
        };
        found.extend(account.map(|account| (*process, account)));
        queue.extend(children.get(&process.pid).into_iter().flatten().map(|child| (*child, account)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Uid(u32);
    impl Claims for Uid {
        fn claim(&self, process: &Process) -> Option<u32> {
            (process.uid == self.0).then_some(5)
        }
    }

    fn process(pid: u32, parent: u32, uid: u32) -> Process {
        Process { pid, parent, start: u64::from(pid), stopped: false, uid, login: u32::MAX }
    }

    #[test]
    fn descendants_stay_with_the_account_whatever_their_user() {
        let all =
            [process(1, 0, 0), process(30, 20, 0), process(20, 10, 0), process(10, 1, 7), process(40, 1, 0)];
        let members: Vec<_> =
            members(&all, &Uid(7), |_| false).into_iter().map(|(process, _)| process.pid).collect();
        assert_eq!(members, [10, 20, 30]);
    }

    #[test]
    fn init_and_the_spared_are_no_members_but_their_children_may_be() {
        let all = [process(1, 0, 7), process(10, 1, 7), process(11, 10, 7), process(12, 10, 0)];
        let members: Vec<_> = members(&all, &Uid(7), |process| process.pid == 10)
            .into_iter()
            .map(|(process, account)| (process.pid, account))
            .collect();
        assert_eq!(members, [(11, 5)]);
    }
}
