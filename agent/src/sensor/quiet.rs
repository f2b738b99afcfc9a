//! Kernel programs that are just running.

use rustix::thread::{MembarrierCommand, membarrier};

/// Waits until every program that runs now has ended: what is told to them before this, each that begins later knows, and what
/// those before have done is done. All of them read under RCU, whose grace period this command waits for:
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/sched/membarrier.c#L620>.
pub(crate) fn until_programs_have_ended() {
    if let Err(error) = membarrier(MembarrierCommand::Global) {
        log::warn!("cannot wait for kernel programs that are just running: {error}");
    }
}
