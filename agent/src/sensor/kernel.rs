//! The loaded kernel programs behind one type, with verbs of the policy's words.

use std::{
    collections::HashSet,
    ops::{Deref, DerefMut},
    os::fd::{AsFd, BorrowedFd},
};

use agent_common::{
    rules::judge::Tier,
    wire::{
        Counter, Counts,
        command::{Command, WordKey},
        exception::ExceptedKey,
        identity::{NameKey, ProgramKey},
        row::{Claim, EdgeKey, Mark, OwnUnit, UserKey},
    },
};
use aya::{
    Ebpf, Pod,
    maps::{Array, HashMap, Map, MapData, PerCpuArray, RingBuf},
    programs::links::FdLink,
};
use rustix::{
    fs::{Mode, mkdirat},
    io::Errno,
};

use super::{
    addresses::own_addresses,
    decode::{DecodeError, Record, decode},
    error::{MapError, refused, unpinned},
    load::LoadError,
    manifest::{Manifest, ManifestError},
    own,
    pins::{Directory, LINK},
    probes,
    state::{State, absent_is_fine, again},
};
use crate::{commands, identity::rows::Rows, trees::except::Excepted};

pub(super) const RECORDS: &str = "RECORDS";

/// The kernel programs, loaded. What can be asked of their maps is [`State`]'s.
pub(crate) struct Kernel {
    // Dropped in this order: nothing is detached while its programs are being unloaded.
    attached: Vec<(String, FdLink)>,
    ebpf: Ebpf,
    tier: Tier,
    /// Whether it is known how this kernel tells what goes through an io_uring.
    knows_rings: bool,
    judge: Map,
    state: State,
    records: RingBuf<MapData>,
    /// The same map, for its pin.
    records_again: MapData,
}

impl Kernel {
    pub(super) fn new(mut ebpf: Ebpf, tier: Tier, knows_rings: bool) -> Result<Self, MapError> {
        let mut take = |name| ebpf.take_map(name).ok_or(MapError::Missing(name));
        let state = State::of(&mut take)?;
        let judge = take(probes::JUDGE)?;
        let Map::RingBuf(records) = take(RECORDS)? else { return Err(MapError::Missing(RECORDS)) };
        let records_again = again(&records).map_err(refused(RECORDS))?;
        let records = RingBuf::try_from(Map::RingBuf(records)).map_err(refused(RECORDS))?;
        Ok(Self { attached: Vec::new(), ebpf, tier, knows_rings, judge, state, records, records_again })
    }

    /// Attaches every program: from now on what accounts do is judged.
    pub(crate) fn attach(&mut self) -> Result<(), LoadError> {
        self.attached = probes::attach_all(&mut self.ebpf, self.tier, self.knows_rings, &mut self.judge)?;
        Ok(())
    }

    /// Pins everything: from now on the programs and what they know do not end with this process.
    pub(crate) fn pin(&mut self, directory: &Directory, manifest: &Manifest) -> Result<(), ManifestError> {
        let Self { attached, judge, state, records_again, .. } = self;
        let directory = directory.path();
        state.pin(directory)?;
        judge.pin(directory.join(probes::JUDGE)).map_err(unpinned(probes::JUDGE))?;
        records_again.pin(directory.join(RECORDS)).map_err(unpinned(RECORDS))?;
        for (name, link) in std::mem::take(attached) {
            let path = directory.join(format!("{LINK}{name}"));
            let pinned = link.pin(path).map_err(unpinned(&*name))?;
            attached.push((name, pinned.into()));
        }
        manifest.pin(directory)
    }

    /// Lets go of the attachments. Those that are pinned stay; the others end, which takes the kernel seconds. The maps
    /// stay readable.
    pub(crate) fn detach(&mut self) {
        self.attached.clear();
    }

    /// Makes the directory behind each descriptor known as its node. The descriptors must stay open as long as the
    /// programs run: the kernel side knows an inode by its address.
    pub(crate) fn mark<'fd>(
        &mut self,
        nodes: impl Iterator<Item = (BorrowedFd<'fd>, Mark)>,
    ) -> Result<(), LoadError> {
        let _attached = probes::attach_mark(&mut self.ebpf)?;
        let mut request: HashMap<_, u32, Mark> = hash(&mut self.ebpf, "MARK_REQUEST")?;
        for (directory, mark) in nodes {
            request.insert(0, mark, 0).map_err(refused("MARK_REQUEST"))?;
            let answer = mkdirat(directory, "", Mode::empty());
            if request.get(&0, 0).is_ok() || answer != Err(Errno::NOENT) {
                return Err(MapError::NotMarked(format!("{answer:?}")).into());
            }
        }
        Ok(())
    }

    /// Makes names known that lead from a carrier towards a root.
    pub(crate) fn add_edges(&mut self, edges: impl Iterator<Item = (EdgeKey, u64)>) -> Result<(), MapError> {
        let mut map = hash(&mut self.ebpf, "EDGES")?;
        edges.into_iter().try_for_each(|(key, node)| map.insert(key, node, 0).map_err(refused("EDGES")))
    }

    /// Makes known what lies in the trees and is not of them.
    pub(crate) fn except(&mut self, excepted: &Excepted) -> Result<(), MapError> {
        let Excepted { roots, keys, patterns } = excepted;
        let mut known: HashMap<_, ExceptedKey, u8> = hash(&mut self.ebpf, "EXCEPTED")?;
        keys.iter().try_for_each(|key| known.insert(key, 0, 0).map_err(refused("EXCEPTED")))?;
        fill(&mut self.ebpf, "PATTERNS", (0..).zip(patterns.iter().copied()))?;
        fill(&mut self.ebpf, "EXCEPTIONS", roots.iter().copied())
    }

    /// Makes known by what programs and control groups processes join an account.
    pub(crate) fn tell_by(&mut self, told: &Rows) -> Result<(), MapError> {
        let Rows { programs, names, starred, claims, .. } = told;
        let mut map: HashMap<_, ProgramKey, Claim> = hash(&mut self.ebpf, "PROGRAMS")?;
        programs
            .iter()
            .try_for_each(|(key, claim)| map.insert(key, claim, 0).map_err(refused("PROGRAMS")))?;
        let mut map: HashMap<_, NameKey, u64> = hash(&mut self.ebpf, "NAMES")?;
        names.iter().try_for_each(|(key, bits)| map.insert(key, bits, 0).map_err(refused("NAMES")))?;
        fill(&mut self.ebpf, "STARRED", (0..).zip(starred.iter().copied()))?;
        fill(&mut self.ebpf, "CLAIMS", claims.iter().copied())
    }

    /// Makes known which programs are destructive commands with which arguments.
    pub(crate) fn tell_commands(&mut self, rows: &commands::Rows) -> Result<(), MapError> {
        let commands::Rows { programs, words, starred } = rows;
        let mut map: HashMap<_, u64, Command> = hash(&mut self.ebpf, "COMMANDS")?;
        programs.iter().try_for_each(|(name, row)| map.insert(name, row, 0).map_err(refused("COMMANDS")))?;
        let mut map: HashMap<_, WordKey, u64> = hash(&mut self.ebpf, "WORDS")?;
        words.iter().try_for_each(|(key, bits)| map.insert(key, bits, 0).map_err(refused("WORDS")))?;
        fill(&mut self.ebpf, "STARRED_WORDS", (0..).zip(starred.iter().copied()))
    }

    /// Makes the numbers of ways known: of ports, and of roots whose files are jobs.
    pub(crate) fn tell_ways(&mut self, ports: &[(u16, u32)], jobs: &[(u32, u32)]) -> Result<(), MapError> {
        let mut map: HashMap<_, u32, u32> = hash(&mut self.ebpf, "PORTS")?;
        ports
            .iter()
            .try_for_each(|(port, way)| map.insert(u32::from(*port), way, 0).map_err(refused("PORTS")))?;
        fill(&mut self.ebpf, "JOBS", jobs.iter().copied())
    }

    /// Makes the addresses known that this host has now, and no others.
    ///
    /// # Errors
    /// The map is full, or refused.
    pub(crate) fn know_addresses(&mut self) -> Result<(), MapError> {
        let mut map: HashMap<_, [u8; 16], u8> = hash(&mut self.ebpf, "ADDRESSES")?;
        let own: HashSet<_> = own_addresses().collect();
        let known: HashSet<_> = map.keys().filter_map(Result::ok).collect();
        known.difference(&own).try_for_each(|gone| absent_is_fine("ADDRESSES", map.remove(gone)))?;
        own.difference(&known).try_for_each(|new| map.insert(new, 0, 0).map_err(refused("ADDRESSES")))
    }

    /// Makes users known by which processes join an account.
    pub(crate) fn add_users(
        &mut self,
        users: impl Iterator<Item = (UserKey, Claim)>,
    ) -> Result<(), MapError> {
        let mut map = hash(&mut self.ebpf, "USERS")?;
        users.into_iter().try_for_each(|(key, claim)| map.insert(key, claim, 0).map_err(refused("USERS")))
    }

    /// Makes known which unit is the agent's.
    pub(crate) fn unit_is(&mut self, unit: OwnUnit) -> Result<(), MapError> {
        fill(&mut self.ebpf, "UNIT", std::iter::once((0, unit)))
    }

    /// Makes known which maps, programs and attachments are the agent's own, once all are there.
    pub(crate) fn know_own(&mut self) -> Result<(), MapError> {
        let ids = own::ids().map_err(MapError::NoIds)?;
        let mut map: HashMap<_, [u32; 2], u8> = hash(&mut self.ebpf, "OWN")?;
        ids.into_iter().try_for_each(|id| map.insert(id, 0, 0).map_err(refused("OWN")))
    }

    /// Every counter, summed over CPUs.
    pub(crate) fn counters(&mut self) -> Result<Vec<(Counter, u64)>, MapError> {
        let skipped = probes::skipped(&self.ebpf);
        let map = self.ebpf.map("COUNTERS").ok_or(MapError::Missing("COUNTERS"))?;
        let map: PerCpuArray<_, Counts> = map.try_into().map_err(refused("COUNTERS"))?;
        let cpus = map.get(&0, 0).map_err(refused("COUNTERS"))?;
        let total = |counter: &Counter| match counter {
            Counter::Skipped => skipped,
            counted => cpus.iter().map(|counts| counts[*counted as usize]).sum(),
        };
        Ok(Counter::ALL.iter().map(|counter| (*counter, total(counter))).collect())
    }

    /// Takes at most `most` records. A storm of them so cannot keep the caller from its other work.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Result<Record, DecodeError>> {
        take(&mut self.records, most)
    }

    /// Becomes readable when there are records.
    pub(crate) fn records_fd(&self) -> BorrowedFd<'_> {
        // The map's descriptor lives as long as the map does, which `self` keeps.
        self.records.as_fd()
    }
}

impl Deref for Kernel {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Kernel {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

pub(super) fn take(records: &mut RingBuf<MapData>, most: usize) -> Vec<Result<Record, DecodeError>> {
    std::iter::from_fn(|| records.next().map(|bytes| decode(&bytes))).take(most).collect()
}

fn fill<T: Pod>(
    ebpf: &mut Ebpf,
    name: &'static str,
    mut rows: impl Iterator<Item = (u32, T)>,
) -> Result<(), MapError> {
    let map = ebpf.map_mut(name).ok_or(MapError::Missing(name))?;
    let mut array: Array<_, T> = map.try_into().map_err(refused(name))?;
    rows.try_for_each(|(index, row)| array.set(index, row, 0).map_err(refused(name)))
}

fn hash<'a, K: Pod, V: Pod>(
    ebpf: &'a mut Ebpf,
    name: &'static str,
) -> Result<HashMap<&'a mut MapData, K, V>, MapError> {
    let map = ebpf.map_mut(name).ok_or(MapError::Missing(name))?;
    map.try_into().map_err(refused(name))
}
