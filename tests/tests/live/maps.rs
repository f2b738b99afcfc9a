//! The kernel's memory, seen from outside of the agent.

use agent_common::wire::row::Member;
use anyhow::{Context as _, Result};
use aya::maps::{HashMap, Map, MapData, loaded_maps};
use tests::wait;

/// The ids of the maps of lineages that are loaded: one for each agent that runs.
pub(crate) fn lineages() -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    for map in loaded_maps() {
        let map = map.context("cannot list the kernel's maps")?;
        if map.name() == b"LINEAGE" {
            ids.push(map.id());
        }
    }
    Ok(ids)
}

/// Waits until no agent has left anything: the kernel frees maps a little after their last user has gone.
pub(crate) fn all_gone() -> Result<()> {
    wait::until("no map of an agent is in the kernel", || Ok(lineages()?.is_empty().then_some(())))
}

/// The process ids in the lineages of the agent that runs.
pub(crate) fn members() -> Result<Vec<u32>> {
    let mut members = Vec::new();
    for id in lineages()? {
        let map = Map::HashMap(MapData::from_id(id).context("cannot open the map of lineages")?);
        let map =
            HashMap::<_, u32, Member>::try_from(map).context("the map of lineages has another layout")?;
        members.extend(map.keys().collect::<Result<Vec<_>, _>>().context("cannot read the map of lineages")?);
    }
    Ok(members)
}
