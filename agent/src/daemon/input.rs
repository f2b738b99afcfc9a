//! Everything that can wake the agent. What is not listed here cannot happen.

use agent_common::wire::Counter;

use crate::sensor::Record;

/// One reason to wake up.
#[derive(Debug)]
pub(crate) enum Input {
    /// The kernel programs reported.
    Records(Vec<Record>),
    /// The kernel programs' counters, as they stand now.
    Counters(Vec<(Counter, u64)>),
    /// The agent was told to end.
    End,
}
