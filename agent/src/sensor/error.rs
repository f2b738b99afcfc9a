//! What may go wrong with a map.

use std::io;

use aya::{maps::MapError as AyaMapError, pin::PinError};
use rustix::io::Errno;
use thiserror::Error;

/// A map operation that failed.
#[derive(Debug, Error)]
pub(crate) enum MapError {
    /// A map of ours is not in the object.
    #[error("the kernel object holds no map {0}: agent and kernel programs are of two builds")]
    Missing(&'static str),
    /// The kernel refused it.
    #[error("the kernel refused an operation on map {map}")]
    Refused { map: &'static str, source: AyaMapError },
    /// There is no room in it.
    #[error("map {0} is full")]
    Full(&'static str),
    /// It cannot be had as memory.
    #[error("the kernel refused to map the memory of map {map}")]
    Mapped { map: &'static str, source: Errno },
    /// It cannot be pinned.
    #[error("cannot pin {what} in the BPF file system, so it would end with the agent")]
    Pin { what: String, source: PinError },
    /// It is not known which are ours.
    #[error("cannot read in /proc/self/fdinfo which maps and programs are the agent's own")]
    NoIds(#[source] io::Error),
    /// A directory was shown to the kernel programs and they did not answer.
    #[error(
        "the kernel programs did not mark a directory (mkdirat answered {0}); is another tracer in the way?"
    )]
    NotMarked(String),
}

pub(super) fn refused(map: &'static str) -> impl Fn(AyaMapError) -> MapError {
    move |source| MapError::Refused { map, source }
}

pub(super) fn unpinned(what: impl Into<String>) -> impl FnOnce(PinError) -> MapError {
    move |source| MapError::Pin { what: what.into(), source }
}
