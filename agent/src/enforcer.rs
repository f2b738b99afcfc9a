//! What the agent itself does to processes.

pub(crate) mod freezer;
pub(crate) mod pidfd;
pub(crate) mod release;
