//! A generation that is still attached, of an agent that has ended or of one that is about to be succeeded.

use aya::{
    maps::{Map, MapData, RingBuf},
    programs::links::FdLink,
};
use thiserror::Error;

use super::{
    decode::Record,
    error::{MapError, refused},
    kernel::{RECORDS, take},
    manifest::{Manifest, ManifestError},
    pins::{Directory, PinsError},
    state::{State, open},
};

/// A generation that is pinned and cannot be read.
#[derive(Debug, Error)]
pub(crate) enum Unreadable {
    #[error("its maps are laid out for another version of burstguard")]
    OtherAbi,
    #[error("it was not pinned to the end")]
    HalfMade,
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Map(#[from] MapError),
}

/// A generation, opened by its pins.
pub(crate) struct Predecessor {
    directory: Directory,
    pub(crate) manifest: Manifest,
    pub(crate) state: State,
    records: RingBuf<MapData>,
}

impl Predecessor {
    /// Opens it.
    pub(crate) fn open(directory: &Directory) -> Result<Self, Unreadable> {
        if !directory.is_ours() {
            return Err(Unreadable::OtherAbi);
        }
        if !directory.is_complete() {
            return Err(Unreadable::HalfMade);
        }
        let records: Map = open(directory.path(), RECORDS)?;
        Ok(Self {
            directory: directory.clone(),
            manifest: Manifest::open(directory.path())?,
            state: State::open(directory.path())?,
            records: records.try_into().map_err(refused(RECORDS))?,
        })
    }

    /// What nobody has read of what its programs reported.
    pub(crate) fn unread(&mut self) -> Vec<Record> {
        take(&mut self.records, usize::MAX).into_iter().filter_map(Result::ok).collect()
    }

    /// Removes its pins and hands over its attachments: it ends when they are dropped, which takes the kernel seconds.
    pub(crate) fn retire(&self) -> Result<Vec<FdLink>, PinsError> {
        let links = self.directory.take_links()?;
        self.directory.remove()?;
        Ok(links)
    }
}
