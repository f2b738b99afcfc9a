//! Units that accounts had started: their processes are the accounts', by the name of the unit.

use std::io::ErrorKind;

use agent_common::{
    rules::BootNs,
    wire::{identity::Launch, row::Claim},
};
use aya::maps::{Array, HashMap, IterableMap as _, Map, MapData, MapError as AyaMapError};

use super::{
    decode::until_nul,
    error::{MapError, refused},
    state::{BPF_NOEXIST, absent_is_fine, kind},
};

pub(super) const LAUNCHES: &str = "LAUNCHES";
pub(super) const LAUNCHED: &str = "LAUNCHED";

/// A unit is there this long (ns) after it was asked for, or will not be.
const SOON: u64 = 5_000_000_000;

/// Whether a unit of a name is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// It is not.
    Not,
    /// Since before it was asked for: it is somebody else's, who was told that there is one.
    Before,
    Since,
}
/// The maps of them.
pub(crate) struct Launches {
    units: HashMap<MapData, u64, Launch>,
    /// Whether there was ever one.
    any: Array<MapData, u64>,
}

impl Launches {
    pub(super) fn new(units: Map, any: Map) -> Result<Self, MapError> {
        Ok(Self {
            units: units.try_into().map_err(refused(LAUNCHES))?,
            any: any.try_into().map_err(refused(LAUNCHED))?,
        })
    }

    /// By name.
    pub(super) fn maps(&self) -> [(&'static str, &MapData); 2] {
        [(LAUNCHES, self.units.map()), (LAUNCHED, self.any.map())]
    }

    /// Carries over what another generation knows; what this one has seen itself stays. `heir` tells a claim in the numbers of this one.
    pub(super) fn carry_from(
        &mut self,
        old: &Self,
        heir: impl Fn(Claim) -> Option<Claim>,
    ) -> Result<(), MapError> {
        let mut any = false;
        for (name, launch) in old.units.iter().filter_map(Result::ok) {
            let Some(claim) = heir(launch.claim) else { continue };
            match self.units.insert(name, Launch { claim, ..launch }, BPF_NOEXIST) {
                Err(error) if kind(&error) == Some(ErrorKind::AlreadyExists) => {}
                done => done.map_err(refused(LAUNCHES))?,
            }
            any = true;
        }
        if any { self.any.set(0, 1, 0).map_err(refused(LAUNCHED)) } else { Ok(()) }
    }

    /// Forgets units that have ended, or never were the account's; `made` tells of a name and a time (ns).
    pub(crate) fn forget(
        &mut self,
        now: BootNs,
        made: impl Fn(&str, BootNs) -> Made,
    ) -> Result<(), MapError> {
        let has_ended = |launch: &Launch| {
            let name = until_nul(&launch.name);
            match str::from_utf8(&name).map_or(Made::Not, |name| made(name, launch.at)) {
                Made::Before => true,
                Made::Not => launch.again + SOON < now,
                Made::Since => false,
            }
        };
        let units = self.units.iter().collect::<Result<Vec<_>, AyaMapError>>().map_err(refused(LAUNCHES))?;
        units
            .iter()
            .filter(|(_, launch)| has_ended(launch))
            .try_for_each(|(name, _)| absent_is_fine(LAUNCHES, self.units.remove(name)))
    }
}
