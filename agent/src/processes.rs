//! Processes as /proc shows them.

pub(crate) mod lineage;
pub(crate) mod proc;
