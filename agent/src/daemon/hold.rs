//! Calls that wait, and what was granted, in the names of the policy.

use std::collections::{BTreeSet, HashSet};

use agent_common::rules::place::PathFold;
use anyhow::{Context as _, Result, ensure};

use super::{
    effect::{Leave, Within},
    facts::{GrantFacts, HeldFacts},
    generation::Generation,
    names::Names,
};
use crate::{
    api::Allowance,
    clock::boot_now,
    processes::target,
    sensor::{Grant, GrantedDirectory, HeldCall, Holder, Member},
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

    /// What is granted.
    pub(super) fn grants(&mut self, members: &[Member]) -> Vec<GrantFacts> {
        let all = self.kernel.grants(members.iter().map(|member| member.grant));
        all.into_iter()
            .map(|(index, grant)| {
                let processes = members.iter().filter(|member| member.grant == index).count() as u64;
                GrantFacts { index, grant, processes }
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
        let directories = directories(self.names(), self.seed(), calls, &leave.within);
        let index = self.grant(incident, account, &directories, leave, Holder::Processes)?;
        let pids: Vec<u32> = calls.iter().map(|call| call.process.pid).collect();
        for process in target::families(&pids) {
            self.kernel.act_under(process, index)?;
        }
        Ok(())
    }

    /// Leases directories to an account: whoever acts for it may destroy there.
    pub(super) fn lease(&mut self, incident: u64, account: &str, leave: &Leave) -> Result<()> {
        let directories = directories(self.names(), self.seed(), &[], &leave.within);
        ensure!(!directories.is_empty(), "none of its directories is in a tree of the policy any more");
        self.grant(incident, account, &directories, leave, Holder::Account).map(drop)
    }

    fn grant(
        &mut self,
        incident: u64,
        account: &str,
        directories: &BTreeSet<GrantedDirectory>,
        leave: &Leave,
        holder: Holder,
    ) -> Result<u32> {
        let account = self.names().index(account).context("the policy has no such account any more")?;
        let grant = Grant {
            account,
            incident,
            until: leave.until,
            allowance: Allowance::numbers(leave.allowance.as_ref()),
            holder,
        };
        let directories: Vec<_> = directories.iter().copied().collect();
        let taken: HashSet<u32> = self.kernel.members().iter().map(|member| member.grant).collect();
        Ok(self.kernel.grant(grant, &directories, |index| taken.contains(&index), boot_now())?)
    }

    /// Ends the grants of an incident.
    pub(super) fn revoke(&mut self, incident: u64) -> Result<()> {
        let grants = self.kernel.grants(std::iter::empty()).into_iter();
        let of_it: Vec<u32> =
            grants.filter(|(_, grant)| grant.incident == incident).map(|(index, _)| index).collect();
        of_it.into_iter().try_for_each(|index| self.withdraw(index))
    }

    /// Ends a grant: whoever acted under it acts under none.
    pub(super) fn withdraw(&mut self, grant: u32) -> Result<()> {
        self.kernel.withdraw(grant)?;
        let members = self.kernel.members().into_iter().filter(|member| member.grant == grant);
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
) -> BTreeSet<GrantedDirectory> {
    // A way to have others act, and what a command destroys, are told as a directory above every root is, by a number of theirs.
    let above = |call: &HeldCall| (call.command || call.kinds.is_escape()).then_some(u32::MAX);
    let of_calls = calls.iter().flat_map(|call| call.names.iter().map(move |name| (call, name))).filter_map(
        |(call, name)| Some(GrantedDirectory { root: name.root.or(above(call))?, key: name.directory }),
    );
    let others = others.iter().filter_map(|within| {
        Some(GrantedDirectory { root: names.root(&within.tree)?, key: key(seed, &within.path) })
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
    fn a_grant_holds_where_the_incident_was() {
        let names = Names::of(["deployer"], ["/srv", "/etc"]);
        let call = HeldCall {
            tid: 7,
            process: ProcessId { pid: 7, start: 1 },
            parent: 1,
            account: 1,
            at: 1,
            kinds: Kinds::NONE,
            command: false,
            path: b"a".to_vec(),
            names: vec![HeldName { root: Some(1), directory: 9 }, HeldName { root: None, directory: 8 }],
        };
        let within = |tree: &str, path: &[u8]| Within { tree: tree.into(), path: path.to_vec() };
        let others = [within("/etc", b"nginx/sites"), within("/etc", b""), within("/gone", b"")];
        let found = directories(&names, 5, &[call], &others);
        let directory = |root, key| GrantedDirectory { root, key };
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
