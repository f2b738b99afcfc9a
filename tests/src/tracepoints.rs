//! Keeps the kernel's tracepoints in use between one agent and the next.
//!
//! The last user of a tracepoint that leaves has to wait, under one lock of the whole kernel, until nobody can be in it
//! any more (<https://github.com/torvalds/linux/blob/v6.12/kernel/trace/trace_event_perf.c#L168>). An agent has some
//! seventy of them: three seconds. While we hold them too, it leaves at once, and we wait once, at our own end.

use std::fs;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::LazyLock;

use perf_event_open_sys::bindings::{PERF_FLAG_FD_CLOEXEC, PERF_TYPE_TRACEPOINT, perf_event_attr};
use perf_event_open_sys::perf_event_open;

/// The system calls that agents attach to. One that is missing here costs time and nothing else.
const CALLS: &[&str] = &[
    "clone",
    "clone3",
    "creat",
    "fork",
    "ftruncate",
    "io_uring_setup",
    "kill",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "open",
    "openat",
    "openat2",
    "pidfd_send_signal",
    "ptrace",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "setresuid",
    "setreuid",
    "setuid",
    "symlink",
    "symlinkat",
    "tgkill",
    "tkill",
    "truncate",
    "unlink",
    "unlinkat",
    "vfork",
];

static HELD: LazyLock<Vec<OwnedFd>> = LazyLock::new(|| {
    let ends = CALLS.iter().flat_map(|call| [format!("sys_enter_{call}"), format!("sys_exit_{call}")]);
    ends.filter_map(|event| hold(&event)).collect()
});

/// From now on, until this process ends. To be called while an agent runs: it has mounted tracefs. Not for measurements:
/// every system call of the host then looks whether there is somebody to tell.
pub fn keep_in_use() {
    LazyLock::force(&HELD);
}

/// A counter of this thread's own calls, which never counts; none: no such event, or nobody has mounted tracefs.
fn hold(event: &str) -> Option<OwnedFd> {
    const THIS_THREAD: i32 = 0;
    const ANY_CPU: i32 = -1;
    const NO_GROUP: i32 = -1;
    let id = fs::read_to_string(format!("/sys/kernel/tracing/events/syscalls/{event}/id")).ok()?;
    let mut counter = perf_event_attr {
        type_: PERF_TYPE_TRACEPOINT,
        size: size_of::<perf_event_attr>() as u32,
        config: id.trim().parse().ok()?,
        ..perf_event_attr::default()
    };
    counter.set_disabled(1);
    let flags = PERF_FLAG_FD_CLOEXEC.into();
    // SAFETY: the kernel reads the attributes and no more than their size, which is told.
    let descriptor = unsafe { perf_event_open(&raw mut counter, THIS_THREAD, ANY_CPU, NO_GROUP, flags) };
    // SAFETY: a new descriptor, which nobody else knows.
    (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor) })
}
