//! The name ledger of a generation, as memory of this process. The programs may be using it meanwhile.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use agent_common::rules::ledger::{FREE, SPOTS, Shelf, TAKEN, recall, remember};
use aya::maps::{Map, MapData};

use super::{error::MapError, shared::Shared};

/// The name of the map.
pub(super) const LEDGER: &str = "LEDGER";
/// A shelf is its tags, then its words.
const SHELF: usize = 2 * SPOTS;

/// The ledger.
pub(super) struct Ledger(Shared);

struct Words<'a>(&'a [AtomicU64]);

impl Shelf for Words<'_> {
    fn tag(&self, spot: usize) -> u64 {
        self.0[spot].load(SeqCst)
    }

    fn set_tag(&self, spot: usize, tag: u64) {
        self.0[spot].store(tag, SeqCst);
    }

    fn word(&self, spot: usize) -> u64 {
        self.0[SPOTS + spot].load(SeqCst)
    }

    fn replace(&self, spot: usize, from: u64, to: u64) -> bool {
        self.0[SPOTS + spot].compare_exchange(from, to, SeqCst, SeqCst).is_ok()
    }
}

impl Ledger {
    pub(super) fn new(map: Map) -> Result<Self, MapError> {
        Ok(Self(Shared::new(LEDGER, map)?))
    }

    /// The map alone.
    pub(super) fn data(map: Map) -> Result<MapData, MapError> {
        let Map::Array(data) = map else { return Err(MapError::Missing(LEDGER)) };
        Ok(data)
    }

    /// Every name: its tag, and what is remembered of it.
    pub(super) fn names(&self) -> impl Iterator<Item = (u64, u64)> {
        let spots =
            self.shelves().flat_map(|shelf| (0..SPOTS).map(move |spot| (shelf.tag(spot), shelf.word(spot))));
        spots.filter(|(_, word)| *word != FREE && *word != TAKEN)
    }

    /// What is remembered of a name.
    pub(super) fn recall(&self, tag: u64) -> Option<u64> {
        recall(&self.of(tag)?, tag)
    }

    /// Remembers it, unless a program is faster: then it knows better.
    pub(super) fn remember(&self, tag: u64, word: u64) {
        if let Some(shelf) = self.of(tag) {
            let _ = remember(&shelf, tag, Some(word));
        }
    }

    fn shelves(&self) -> impl Iterator<Item = Words<'_>> {
        self.0.words().chunks_exact(SHELF).map(Words)
    }

    /// The shelf of a tag, as the programs choose it.
    fn of(&self, tag: u64) -> Option<Words<'_>> {
        let shelves = self.0.words().len() / SHELF;
        let at = usize::try_from(tag >> 32).ok()?.checked_rem(shelves)? * SHELF;
        self.0.words().get(at..at + SHELF).map(Words)
    }
}
