//! What the agent itself does to processes.

#[expect(dead_code, reason = "the loop does not freeze yet")]
pub(crate) mod freezer;
mod pidfd;
pub(crate) mod release;
