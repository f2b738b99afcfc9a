//! The loaded kernel programs behind one type, with verbs of the policy's words.

use std::os::fd::{AsFd, BorrowedFd};

use agent_common::wire::{
    Counter,
    row::{self, EdgeKey, UserKey},
};
use aya::{
    Ebpf, Pod,
    maps::{Array, HashMap, Map, MapData, MapError as AyaMapError, PerCpuArray, RingBuf},
};
use aya_log::EbpfLogger;
use rustix::{
    fs::{Mode, mkdirat},
    io::Errno,
};
use thiserror::Error;

use super::{
    decode::{DecodeError, Record, decode},
    load::LoadError,
    probes,
};

/// A map operation that failed.
#[derive(Debug, Error)]
pub(crate) enum MapError {
    /// A map of ours is not in the object.
    #[error("the kernel object holds no map {0}: agent and kernel programs are of two builds")]
    Missing(&'static str),
    /// The kernel refused it.
    #[error("the kernel refused an operation on map {map}")]
    Refused { map: &'static str, source: AyaMapError },
    /// A directory was shown to the kernel programs and they did not answer.
    #[error(
        "the kernel programs did not mark a directory (mkdirat answered {0}); is another tracer in the way?"
    )]
    NotMarked(String),
}

/// A process that acts for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) pid: u32,
    /// When it started, in clock ticks since boot.
    pub(crate) start: u64,
    pub(crate) account: u32,
    /// Whether we stopped it.
    pub(crate) stopped: bool,
    /// Which of its ancestors were stopped before it was, the parent in bit 0.
    pub(crate) stopped_ancestors: u32,
}

/// The kernel programs, loaded.
pub(crate) struct Kernel {
    ebpf: Ebpf,
    links: Vec<probes::Link>,
    warnings: EbpfLogger<&'static dyn log::Log>,
    records: RingBuf<MapData>,
}

impl Kernel {
    pub(super) fn new(mut ebpf: Ebpf, warnings: EbpfLogger<&'static dyn log::Log>) -> Result<Self, MapError> {
        let map = ebpf.take_map("RECORDS").ok_or(MapError::Missing("RECORDS"))?;
        let records =
            RingBuf::try_from(map).map_err(|source| MapError::Refused { map: "RECORDS", source })?;
        Ok(Self { ebpf, links: Vec::new(), warnings, records })
    }

    /// Attaches every program: from now on what accounts do is judged.
    pub(crate) fn attach(&mut self) -> Result<(), LoadError> {
        self.links = probes::attach_all(&mut self.ebpf)?;
        Ok(())
    }

    /// Detaches every program: from now on nothing is stopped. The maps stay readable.
    pub(crate) fn detach(&mut self) {
        probes::detach_all(std::mem::take(&mut self.links));
    }

    /// Makes the directory behind each descriptor known as its node. The descriptors must stay open as long as the
    /// programs run: the kernel side knows an inode by its address.
    pub(crate) fn mark<'fd>(
        &mut self,
        nodes: impl Iterator<Item = (BorrowedFd<'fd>, u64)>,
    ) -> Result<(), LoadError> {
        let marking = probes::attach_mark(&mut self.ebpf)?;
        let mut request: HashMap<_, u32, u64> = hash(&mut self.ebpf, "MARK_REQUEST")?;
        for (directory, node) in nodes {
            request.insert(0, node, 0).map_err(refused("MARK_REQUEST"))?;
            let answer = mkdirat(directory, "", Mode::empty());
            if request.get(&0, 0).is_ok() || answer != Err(Errno::NOENT) {
                return Err(MapError::NotMarked(format!("{answer:?}")).into());
            }
        }
        probes::detach_all(marking);
        Ok(())
    }

    /// Makes names known that lead from a carrier towards a root.
    pub(crate) fn add_edges(&mut self, edges: impl Iterator<Item = (EdgeKey, u64)>) -> Result<(), MapError> {
        let mut map = hash(&mut self.ebpf, "EDGES")?;
        edges.into_iter().try_for_each(|(key, node)| map.insert(key, node, 0).map_err(refused("EDGES")))
    }

    /// Makes users known by which processes join an account.
    pub(crate) fn add_users(&mut self, users: impl Iterator<Item = (UserKey, u32)>) -> Result<(), MapError> {
        let mut map = hash(&mut self.ebpf, "USERS")?;
        users.into_iter().try_for_each(|(key, account)| map.insert(key, account, 0).map_err(refused("USERS")))
    }

    /// Sets an account's row.
    pub(crate) fn set_account(&mut self, index: u32, account: row::Account) -> Result<(), MapError> {
        let mut map: Array<_, row::Account> = typed(&mut self.ebpf, "ACCOUNTS")?;
        map.set(index, account, 0).map_err(refused("ACCOUNTS"))
    }

    /// From now on the programs only observe: nothing is stopped any more, except by a program that is just running. Takes
    /// effect at once, where detaching takes the kernel seconds.
    pub(crate) fn observe(&mut self) -> Result<(), MapError> {
        let mut map: Array<_, row::Account> = typed(&mut self.ebpf, "ACCOUNTS")?;
        for index in 0..map.len() {
            let account = map.get(&index, 0).map_err(refused("ACCOUNTS"))?;
            // The programs write budgets and standing meanwhile; what is overwritten here matters to nobody any more.
            map.set(index, row::Account { response: row::response::OBSERVE, ..account }, 0)
                .map_err(refused("ACCOUNTS"))?;
        }
        Ok(())
    }

    /// Sees to it that a process is never labelled.
    pub(crate) fn spare(&mut self, pid: u32, start: u64) -> Result<(), MapError> {
        hash(&mut self.ebpf, "SPARED")?.insert(pid, start, 0).map_err(refused("SPARED"))
    }

    /// Makes a process that runs already a member of an account, unless the kernel programs were faster.
    pub(crate) fn adopt(&mut self, pid: u32, start: u64, account: u32) -> Result<(), MapError> {
        const BPF_NOEXIST: u64 = 1;
        let member = row::Member { start, stopped_at: 0, account, stopped_ancestors: 0 };
        match hash(&mut self.ebpf, "LINEAGE")?.insert(pid, member, BPF_NOEXIST) {
            Err(AyaMapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(17) => Ok(()),
            done => done.map_err(refused("LINEAGE")),
        }
    }

    /// Takes a process off the list of members.
    pub(crate) fn forget(&mut self, pid: u32) -> Result<(), MapError> {
        match hash::<u32, row::Member>(&mut self.ebpf, "LINEAGE")?.remove(&pid) {
            Ok(()) | Err(AyaMapError::KeyNotFound) => Ok(()),
            Err(AyaMapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(2) => Ok(()),
            Err(source) => Err(refused("LINEAGE")(source)),
        }
    }

    /// Every process that acts for an account. A process that comes or goes meanwhile may be left out.
    pub(crate) fn members(&mut self) -> Result<Vec<Member>, MapError> {
        let map: HashMap<_, u32, row::Member> = hash(&mut self.ebpf, "LINEAGE")?;
        Ok(map
            .iter()
            .filter_map(Result::ok)
            .map(|(pid, member)| Member {
                pid,
                start: member.start,
                account: member.account,
                stopped: member.stopped_at != 0,
                stopped_ancestors: member.stopped_ancestors,
            })
            .collect())
    }

    /// Every counter, summed over CPUs.
    pub(crate) fn counters(&mut self) -> Result<Vec<(Counter, u64)>, MapError> {
        let skipped = probes::skipped(&self.ebpf);
        let map: PerCpuArray<_, u64> = typed(&mut self.ebpf, "COUNTERS")?;
        Counter::ALL
            .iter()
            .map(|counter| {
                if *counter == Counter::Skipped {
                    return Ok((*counter, skipped));
                }
                let cpus = map.get(&(*counter as u32), 0).map_err(refused("COUNTERS"))?;
                Ok((*counter, cpus.iter().sum()))
            })
            .collect()
    }

    /// Takes at most `most` records. A storm of them so cannot keep the caller from its other work.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Result<Record, DecodeError>> {
        std::iter::from_fn(|| self.records.next().map(|bytes| decode(&bytes))).take(most).collect()
    }

    /// Becomes readable when there are records.
    pub(crate) fn records_fd(&self) -> BorrowedFd<'_> {
        // The map's descriptor lives as long as the map does, which `self` keeps.
        self.records.as_fd()
    }

    /// Hands the kernel programs' warnings to the log.
    pub(crate) fn flush_warnings(&mut self) {
        self.warnings.flush();
    }
}

fn refused(map: &'static str) -> impl Fn(AyaMapError) -> MapError {
    move |source| MapError::Refused { map, source }
}

fn typed<'a, T>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<T, MapError>
where
    T: TryFrom<&'a mut Map, Error = AyaMapError>,
{
    let map = ebpf.map_mut(name).ok_or(MapError::Missing(name))?;
    T::try_from(map).map_err(refused(name))
}

fn hash<'a, K: Pod, V: Pod>(
    ebpf: &'a mut Ebpf,
    name: &'static str,
) -> Result<HashMap<&'a mut MapData, K, V>, MapError> {
    typed(ebpf, name)
}
