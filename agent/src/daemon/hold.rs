//! Calls that wait, and what was approved, in the names of the policy.

use std::collections::{BTreeSet, HashSet};

use agent_common::rules::place::PathFold;
use anyhow::{Context as _, Result};

use super::{
    effect::{Leave, Within},
    facts::{ApprovalFacts, HeldFacts},
    generation::Generation,
    names::Names,
};
use crate::{
    clock::boot_now,
    processes::target,
    sensor::{Approval, ApprovedDirectory, HeldCall, Member},
};

impl Generation {
    /// Every call that waits, the oldest first.
    pub(super) fn held(&self) -> Vec<HeldFacts> {
        let tree = |call: &HeldCall| {
            let root = call.names.first()?.root?;
            Some(self.names().tree(root)?.to_owned())
        };
        let mut held: Vec<_> =
            self.kernel.held.all().into_iter().map(|call| HeldFacts { tree: tree(&call), call }).collect();
        held.sort_by_key(|held| (held.call.at, held.call.tid));
        held
    }

    /// Those of an account.
    pub(super) fn held_of(&self, account: &str) -> Vec<HeldCall> {
        let index = self.names().index(account);
        self.kernel.held.all().into_iter().filter(|call| Some(call.account) == index).collect()
    }

    /// What is approved.
    pub(super) fn approvals(&mut self, members: &[Member]) -> Vec<ApprovalFacts> {
        let all = self.kernel.approvals.all(members.iter().map(|member| member.approval));
        all.into_iter()
            .map(|(index, approval)| {
                let processes = members.iter().filter(|member| member.approval == index).count() as u64;
                ApprovalFacts { index, approval, processes }
            })
            .collect()
    }

    /// Approves what waits: from now on its processes, and whatever they start, act under it.
    pub(super) fn approve(
        &mut self,
        incident: u64,
        account: &str,
        calls: &[HeldCall],
        leave: &Leave,
    ) -> Result<()> {
        let account = self.names().index(account).context("the policy has no such account any more")?;
        let directories: Vec<_> =
            directories(self.names(), self.seed(), calls, &leave.within).into_iter().collect();
        let approval = Approval { account, incident, until: leave.until, allowance: leave.allowance };
        let taken: HashSet<u32> = self.kernel.members().iter().map(|member| member.approval).collect();
        let index =
            self.kernel.approvals.add(approval, &directories, |index| taken.contains(&index), boot_now())?;
        let pids: Vec<u32> = calls.iter().map(|call| call.process.pid).collect();
        for process in target::families(&pids) {
            self.kernel.act_under(process, index)?;
        }
        Ok(())
    }

    /// Ends an approval: whoever acted under it acts under none.
    pub(super) fn withdraw(&mut self, approval: u32) -> Result<()> {
        self.kernel.approvals.remove(approval)?;
        let members = self.kernel.members().into_iter().filter(|member| member.approval == approval);
        for member in members {
            self.kernel.act_under(member.id(), 0)?;
        }
        Ok(())
    }
}

/// Those that the calls would change something in, and the others.
fn directories(
    names: &Names,
    seed: u64,
    calls: &[HeldCall],
    others: &[Within],
) -> BTreeSet<ApprovedDirectory> {
    // A way to have others act is told as a directory above every root is, by its number.
    let above = |call: &HeldCall| call.kinds.is_escape().then_some(u32::MAX);
    let of_calls = calls.iter().flat_map(|call| call.names.iter().map(move |name| (call, name))).filter_map(
        |(call, name)| Some(ApprovedDirectory { root: name.root.or(above(call))?, key: name.directory }),
    );
    let others = others.iter().filter_map(|within| {
        Some(ApprovedDirectory { root: names.root(&within.tree)?, key: key(seed, &within.path) })
    });
    of_calls.chain(others).collect()
}

/// The key of a path below a root.
fn key(seed: u64, path: &[u8]) -> u64 {
    PathFold::of(seed, path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())).key()
}

#[cfg(test)]
mod tests {
    use agent_common::rules::{
        Kinds,
        place::{NameHash, Step},
    };

    use super::*;
    use crate::{processes::proc::ProcessId, sensor::HeldName};

    #[test]
    fn an_approval_holds_where_the_incident_was() {
        let names = Names::of(["deployer"], ["/srv", "/etc"]);
        let call = HeldCall {
            tid: 7,
            process: ProcessId { pid: 7, start: 1 },
            parent: 1,
            account: 1,
            at: 1,
            kinds: Kinds::NONE,
            path: b"a".to_vec(),
            names: vec![HeldName { root: Some(1), directory: 9 }, HeldName { root: None, directory: 8 }],
        };
        let within = |tree: &str, path: &[u8]| Within { tree: tree.into(), path: path.to_vec() };
        let others = [within("/etc", b"nginx/sites"), within("/etc", b""), within("/gone", b"")];
        let found = directories(&names, 5, &[call], &others);
        let directory = |root, key| ApprovedDirectory { root, key };
        let expected =
            [directory(1, 9), directory(2, key(5, b"nginx/sites")), directory(2, PathFold::EMPTY.key())];
        assert_eq!(found, BTreeSet::from(expected));
    }

    /// As the kernel programs fold it, from the name upwards.
    #[test]
    fn a_key_is_the_kernels() {
        let (step, name) = (Step::of(5), |name| NameHash::of(5, name));
        let climbed = PathFold::EMPTY.above(name(b"sites"), step).above(name(b"nginx"), step);
        assert_eq!(key(5, b"nginx/sites"), climbed.key());
        assert_ne!(key(5, b"nginx"), key(5, b"sites"));
    }
}
