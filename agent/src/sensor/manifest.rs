//! What the rows of a generation's maps mean: which name each index stands for. It is a map itself, pinned beside the
//! others, so that it cannot get out of step with them; pinned last, so that a generation which has it is complete.

use std::path::{Path, PathBuf};

use aya::maps::{Array, IterableMap as _, Map, MapData};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    error::{MapError, refused, unpinned},
    state::open,
};

/// The name of its pin.
pub(super) const MANIFEST: &str = "MANIFEST";
const PAGE: usize = 4096;

/// The names behind a generation's indices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// What the keys of the name ledger are hashed with.
    pub(crate) seed: u64,
    /// By account index; the self-test's is the first and has no name.
    pub(crate) accounts: Vec<Option<String>>,
    /// By root id; the self-test's is the first and counts for nothing later.
    pub(crate) roots: Vec<Option<PathBuf>>,
    /// By what processes are members, in words; the first stands for what is not in the policy any more.
    pub(crate) entries: Vec<Option<String>>,
}

/// A manifest that cannot be written or read.
#[derive(Debug, Error)]
pub(crate) enum ManifestError {
    #[error(transparent)]
    Map(#[from] MapError),
    #[error("the manifest of a generation is not what an agent has written")]
    Text(#[from] serde_json::Error),
}

impl Manifest {
    /// Pins it.
    pub(super) fn pin(&self, directory: &Path) -> Result<(), ManifestError> {
        let text = serde_json::to_vec(self)?;
        let pages = u32::try_from(text.len().div_ceil(PAGE)).unwrap_or(u32::MAX);
        let mut map: Array<MapData, [u8; PAGE]> = Array::create(pages, 0).map_err(refused(MANIFEST))?;
        for (index, part) in (0..).zip(text.chunks(PAGE)) {
            let mut page = [0; PAGE];
            page[..part.len()].copy_from_slice(part);
            map.set(index, page, 0).map_err(refused(MANIFEST))?;
        }
        Ok(map.map().pin(directory.join(MANIFEST)).map_err(unpinned(MANIFEST))?)
    }

    /// Reads a pinned one.
    pub(super) fn open(directory: &Path) -> Result<Self, ManifestError> {
        let map: Map = open(directory, MANIFEST)?;
        let map: Array<MapData, [u8; PAGE]> = map.try_into().map_err(refused(MANIFEST))?;
        let pages = map.iter().collect::<Result<Vec<_>, _>>().map_err(refused(MANIFEST))?;
        let text = pages.concat();
        // The text is JSON, which holds no zero; the last page is filled up with them.
        let length = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        Ok(serde_json::from_slice(&text[..length])?)
    }
}
