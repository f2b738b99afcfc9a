//! The kernel's memory, seen from outside of the agent.

use std::fs;

use agent_common::wire::row::{MAX_MEMBERS, Member};
use anyhow::{Context as _, Result, ensure};
use aya::maps::{Array, HashMap, Map, MapData, loaded_maps};
use tests::{Daemon, wait};

/// The maps of this name that are loaded: one for each agent that runs, of others too.
fn named(name: &str) -> Vec<u32> {
    // A map that goes while it is looked at is an error, and nobody's.
    loaded_maps().flatten().filter(|map| map.name() == name.as_bytes()).map(|map| map.id()).collect()
}

/// The map of this name of an agent, if it has loaded its programs.
fn map_of(agent: u32, name: &str) -> Option<u32> {
    let descriptors = fs::read_dir(format!("/proc/{agent}/fdinfo")).ok()?;
    let texts = descriptors.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let own: Vec<u32> = texts.filter_map(|text| map_id(&text)).collect();
    named(name).into_iter().find(|id| own.contains(id))
}

fn map_id(fdinfo: &str) -> Option<u32> {
    fdinfo.lines().find_map(|line| line.strip_prefix("map_id:"))?.trim().parse().ok()
}

fn open(id: u32) -> Result<MapData> {
    MapData::from_id(id).with_context(|| format!("cannot open the map {id}"))
}

/// What an agent has in the kernel.
pub(crate) struct Loaded {
    lineage: u32,
    taken: u32,
}

impl Loaded {
    /// Of an agent that is armed.
    pub(crate) fn by(daemon: &Daemon) -> Result<Self> {
        Self::so_far(daemon.pid()).context("the agent has no map of lineages")
    }

    /// Of an agent that may not have loaded its programs yet.
    pub(crate) fn so_far(agent: u32) -> Option<Self> {
        Some(Self { lineage: map_of(agent, LINEAGE)?, taken: map_of(agent, "TAKEN")? })
    }

    /// Waits until nothing is left of it: the kernel frees maps a little after their last user has gone.
    pub(crate) fn until_gone(&self) -> Result<()> {
        wait::until("the agent's maps are gone", || {
            Ok((!named(LINEAGE).contains(&self.lineage)).then_some(()))
        })
    }

    fn lineage(&self) -> Result<HashMap<MapData, u32, Member>> {
        Map::HashMap(open(self.lineage)?).try_into().context("the map of lineages has another layout")
    }

    fn count(&self) -> Result<Array<MapData, u64>> {
        Map::Array(open(self.taken)?).try_into().context("the count of members has another layout")
    }

    /// The process ids in its lineages.
    pub(crate) fn members(&self) -> Result<Vec<u32>> {
        let lineage = self.lineage()?;
        let members = lineage.keys().filter(|pid| !matches!(pid, Ok(pid) if *pid > MOST_PIDS));
        members.collect::<Result<_, _>>().context("cannot read the map of lineages")
    }

    /// How many places are taken, those of [`Self::leave_room`] left out.
    pub(crate) fn taken(&self) -> Result<u64> {
        let fillers = self.lineage()?.keys().flatten().filter(|pid| *pid > MOST_PIDS).count();
        Ok(self.count()?.get(&0, 0).context("cannot read the count of members")? - fillers as u64)
    }

    /// Takes all places but so many, with processes that there cannot be. Nobody may be a member yet.
    pub(crate) fn leave_room(&self, room: u32) -> Result<()> {
        ensure!(self.taken()? == 0, "somebody is a member already");
        let (mut lineage, fillers) = (self.lineage()?, MAX_MEMBERS - room);
        for pid in 1..=fillers {
            lineage
                .insert(MOST_PIDS + pid, Member::default(), 0)
                .context("cannot fill the map of lineages")?;
        }
        self.count()?.set(0, u64::from(fillers), 0).context("cannot write the count of members")
    }
}

const LINEAGE: &str = "LINEAGE";
/// More than there can be process ids (the kernel's PID_MAX_LIMIT).
const MOST_PIDS: u32 = 4 << 20;
