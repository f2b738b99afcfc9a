//! The kernel's memory, seen from outside of the agent.

use std::fs;

use agent_common::wire::row::Member;
use anyhow::{Context as _, Result};
use aya::maps::{HashMap, Map, MapData, loaded_maps};
use tests::{Daemon, wait};

/// The maps of lineages that are loaded: one for each agent that runs, of others too.
fn lineages() -> Vec<u32> {
    // A map that goes while it is looked at is an error, and nobody's.
    loaded_maps().flatten().filter(|map| map.name() == b"LINEAGE").map(|map| map.id()).collect()
}

/// The map of lineages of this agent, if it has loaded its programs.
fn lineage_of(agent: u32) -> Option<u32> {
    let descriptors = fs::read_dir(format!("/proc/{agent}/fdinfo")).ok()?;
    let texts = descriptors.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let own: Vec<u32> = texts.filter_map(|text| map_id(&text)).collect();
    lineages().into_iter().find(|id| own.contains(id))
}

fn map_id(fdinfo: &str) -> Option<u32> {
    fdinfo.lines().find_map(|line| line.strip_prefix("map_id:"))?.trim().parse().ok()
}

/// What an agent has in the kernel.
pub(crate) struct Loaded(u32);

impl Loaded {
    /// Of an agent that is armed.
    pub(crate) fn by(daemon: &Daemon) -> Result<Self> {
        Self::so_far(daemon.pid()).context("the agent has no map of lineages")
    }

    /// Of an agent that may not have loaded its programs yet.
    pub(crate) fn so_far(agent: u32) -> Option<Self> {
        lineage_of(agent).map(Self)
    }

    /// Waits until nothing is left of it: the kernel frees maps a little after their last user has gone.
    pub(crate) fn until_gone(&self) -> Result<()> {
        wait::until("the agent's maps are gone", || Ok((!lineages().contains(&self.0)).then_some(())))
    }

    /// The process ids in its lineages.
    pub(crate) fn members(&self) -> Result<Vec<u32>> {
        let map = Map::HashMap(MapData::from_id(self.0).context("cannot open the map of lineages")?);
        let map =
            HashMap::<_, u32, Member>::try_from(map).context("the map of lineages has another layout")?;
        map.keys().collect::<Result<_, _>>().context("cannot read the map of lineages")
    }
}
