//! The one place where time is read.

use agent_common::rules::BootNs;
use rustix::time::{ClockId, clock_gettime};

/// Now, on the clock of the kernel's records.
pub(crate) fn boot_now() -> BootNs {
    let now = clock_gettime(ClockId::Boottime);
    // Neither part of a boot time is ever negative.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Which boot this is: times on the clock of another one mean nothing in it. None if the kernel does not say.
pub(crate) fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}
