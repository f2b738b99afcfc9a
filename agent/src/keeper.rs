//! The keeper: copies of small files in protected trees, so that what got through comes back.
//!
//! A *version* is what is kept of a name at one time, a *content* the bytes of a file, kept once however many versions have them.
//! Both lie in the [`Shelf`], which the daemon's thread fills, and a command that root runs may read and fill at the same time.
//! Nothing waits for it: no verdict, and not the loop.

mod seen;
mod shelf;
mod there;
mod version;

pub(crate) use seen::At;
pub(crate) use shelf::{Limits, Shelf};
pub(crate) use there::what_is_at;
pub(crate) use version::{Hash, Meta, Moment, Version, What, Why};

/// In the state directory.
pub(crate) const DIRECTORY: &str = "keeper";
