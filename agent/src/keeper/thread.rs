//! How the keeper's thread behaves: it comes last, and knows what it has cost.

use std::time::Duration;

use rustix::{
    event::{Timespec, poll},
    process::setpriority_process,
    thread::gettid,
    time::{ClockId, clock_gettime},
};

/// Lets others go first: on the processor and at the disk. Not the class of those that wait for an idle disk: a directory that is being
/// read is locked, and whoever removes a name from it would wait as well.
pub(super) fn give_way() {
    const LOWEST: i32 = 19;
    if let Err(error) = setpriority_process(Some(gettid()), LOWEST) {
        log::debug!("the keeper runs with the priority of all: {error}");
    }
    const WHO_PROCESS: i32 = 1;
    const BEST_EFFORT_LAST: i32 = 2 << 13 | 7;
    // SAFETY: it takes three numbers; 0 is this thread.
    unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, BEST_EFFORT_LAST) };
}

/// For how long this thread has run: on a busy host it mostly waits, which is nobody's burden.
pub(super) fn ran() -> Duration {
    let ran = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(ran.tv_sec.unsigned_abs(), u32::try_from(ran.tv_nsec).unwrap_or(0))
}

/// Waits, and for less if it is interrupted.
pub(super) fn rest(time: Duration) {
    let timeout = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
    let _ = poll(&mut [], Some(&timeout)); // interrupted: then it was shorter
}
