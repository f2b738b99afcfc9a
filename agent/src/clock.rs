//! The one place where time is read.

use agent_common::rules::BootNs;
use rustix::time::{ClockId, clock_gettime};

/// Now, on the clock of the kernel's records.
pub(crate) fn boot_now() -> BootNs {
    let now = clock_gettime(ClockId::Boottime);
    // Neither part of a boot time is ever negative.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}
