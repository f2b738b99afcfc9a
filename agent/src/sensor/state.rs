//! What a generation knows: the maps that another one, or whoever lets go without an agent, can carry on from.

use std::{io, os::fd::AsFd as _, path::Path, sync::atomic::Ordering};

use agent_common::{rules::BootNs, wire::row};
use aya::maps::{Array, HashMap, IterableMap as _, Map, MapData, MapError as AyaMapError};

use super::{
    error::{MapError, refused, unpinned},
    grants::{DIRECTORIES, GRANTS, Grants},
    held::{HELD, HeldCalls},
    launches::{LAUNCHED, LAUNCHES, Launches},
    ledger::{LEDGER, Ledger},
    moved::{MARKS, MOVED, MovedDirectories},
    shared::Shared,
};
use crate::processes::proc::ProcessId;

pub(super) const ACCOUNTS: &str = "ACCOUNTS";
const SLOTS: &str = "SLOTS";
pub(super) const LINEAGE: &str = "LINEAGE";
pub(super) const SPARED: &str = "SPARED";
const TAKEN: &str = "TAKEN";
const HEARTBEAT: &str = "HEARTBEAT";
const AGENT: &str = "AGENT";

/// To write a row that must not be there.
pub(super) const BPF_NOEXIST: u64 = 1;
/// To write one that must.
pub(super) const BPF_EXIST: u64 = 2;

/// The maps.
pub(crate) struct State {
    pub(super) accounts: Shared,
    pub(super) rows: Array<MapData, row::Account>,
    pub(super) slots: Shared,
    pub(super) lineage: HashMap<MapData, u32, row::Member>,
    /// How many places of it are taken; whoever adds or removes a member counts it.
    taken: Shared,
    /// Not mapped: it is large, and wanted only for a take-over.
    ledger: MapData,
    pub(super) spared: HashMap<MapData, u32, u64>,
    /// The calls that wait.
    pub(crate) held: HeldCalls,
    /// What responders have granted.
    pub(super) grants: Grants,
    /// Directories that were moved out of their trees.
    pub(super) moved: MovedDirectories,
    /// Units that accounts had started.
    pub(crate) launches: Launches,
    heartbeat: Shared,
    agent: Array<MapData, [u64; 2]>,
}

impl State {
    /// Of the maps that `take` hands over by name.
    pub(super) fn of(mut take: impl FnMut(&'static str) -> Result<Map, MapError>) -> Result<Self, MapError> {
        let accounts = Shared::new(ACCOUNTS, take(ACCOUNTS)?)?;
        let rows = again(accounts.data()).and_then(|data| Array::try_from(Map::Array(data)));
        Ok(Self {
            rows: rows.map_err(refused(ACCOUNTS))?,
            accounts,
            slots: Shared::new(SLOTS, take(SLOTS)?)?,
            lineage: take(LINEAGE)?.try_into().map_err(refused(LINEAGE))?,
            taken: Shared::new(TAKEN, take(TAKEN)?)?,
            ledger: Ledger::data(take(LEDGER)?)?,
            spared: take(SPARED)?.try_into().map_err(refused(SPARED))?,
            held: HeldCalls::new(take(HELD)?)?,
            grants: Grants::new(take(GRANTS)?, take(DIRECTORIES)?)?,
            moved: MovedDirectories::new(take(MARKS)?, take(MOVED)?)?,
            launches: Launches::new(take(LAUNCHES)?, take(LAUNCHED)?)?,
            heartbeat: Shared::new(HEARTBEAT, take(HEARTBEAT)?)?,
            agent: take(AGENT)?.try_into().map_err(refused(AGENT))?,
        })
    }

    /// Of a generation that is pinned.
    pub(crate) fn open(directory: &Path) -> Result<Self, MapError> {
        Self::of(|name| open(directory, name))
    }

    /// Pins them.
    pub(super) fn pin(&self, directory: &Path) -> Result<(), MapError> {
        let Self {
            accounts,
            slots,
            lineage,
            taken,
            ledger,
            spared,
            held,
            grants,
            moved,
            launches,
            heartbeat,
            agent,
            rows: _,
        } = self;
        [
            (ACCOUNTS, accounts.data()),
            (SLOTS, slots.data()),
            (LINEAGE, lineage.map()),
            (TAKEN, taken.data()),
            (LEDGER, ledger),
            (SPARED, spared.map()),
            (HELD, held.map()),
            (HEARTBEAT, heartbeat.data()),
            (AGENT, agent.map()),
        ]
        .into_iter()
        .chain(grants.maps())
        .chain(moved.maps())
        .chain(launches.maps())
        .try_for_each(|(name, data)| data.pin(directory.join(name)).map_err(unpinned(name)))
    }

    /// From now on this process is the agent, whom nobody of a lineage touches.
    pub(crate) fn agent_is(&mut self, agent: ProcessId) -> Result<(), MapError> {
        self.agent.set(0, [u64::from(agent.pid), agent.start], 0).map_err(refused(AGENT))
    }

    /// The agent is there.
    pub(crate) fn beat(&self, now: BootNs) {
        self.heartbeat.set(0, 0, now);
    }

    /// There are more members now, or fewer.
    pub(super) fn count_members(&self, change: i64) {
        if let Some(taken) = self.taken.word(0, 0) {
            taken.fetch_add(change.cast_unsigned(), Ordering::SeqCst); // which wraps, and so subtracts
        }
    }

    /// Whether there are any, or places kept for some.
    pub(super) fn has_members(&self) -> bool {
        self.taken.word(0, 0).is_none_or(|taken| taken.load(Ordering::SeqCst) != 0)
    }

    /// What is remembered of names, as memory.
    pub(super) fn ledger(&self) -> Result<Ledger, MapError> {
        Ledger::new(Map::Array(again(&self.ledger).map_err(refused(LEDGER))?))
    }
}

/// A pinned map.
pub(super) fn open(directory: &Path, name: &'static str) -> Result<Map, MapError> {
    MapData::from_pin(directory.join(name)).and_then(Map::from_map_data).map_err(refused(name))
}

/// A second handle of a map.
pub(super) fn again(data: &MapData) -> Result<MapData, AyaMapError> {
    MapData::from_fd(data.fd().as_fd().try_clone_to_owned()?)
}

pub(super) fn absent_is_fine(map: &'static str, done: Result<(), AyaMapError>) -> Result<(), MapError> {
    match done {
        Err(AyaMapError::KeyNotFound) => Ok(()),
        Err(error) if kind(&error) == Some(io::ErrorKind::NotFound) => Ok(()),
        done => done.map_err(refused(map)),
    }
}

pub(super) fn kind(error: &AyaMapError) -> Option<io::ErrorKind> {
    match error {
        AyaMapError::SyscallError(error) => Some(error.io_error.kind()),
        _ => None,
    }
}
