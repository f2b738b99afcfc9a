//! The clock of the agent's records.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since boot, sleep included.
#[must_use]
pub fn boot_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
