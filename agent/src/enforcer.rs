//! What the agent itself does to processes.

pub(crate) mod release;
