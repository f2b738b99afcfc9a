//! The commands that ask the daemon, one file each.

pub(crate) mod bundle;
