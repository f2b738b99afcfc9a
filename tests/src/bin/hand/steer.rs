//! What one process may do to another of its user.

use std::io;
use std::mem::zeroed;
use std::ptr::null;

use anyhow::{Result, bail, ensure};
use libc::{SIGCONT, siginfo_t, syscall};

/// Continues a stopped process, by the system call of that name.
pub(crate) fn go_on(by: &str, pid: i32) -> Result<()> {
    let info = queued();
    let info = &raw const info;
    // SAFETY: each call is handed numbers, and `info`, which lives until the call is over.
    let result = unsafe {
        match by {
            "kill" => syscall(libc::SYS_kill, pid, SIGCONT),
            "tkill" => syscall(libc::SYS_tkill, pid, SIGCONT),
            "tgkill" => syscall(libc::SYS_tgkill, pid, pid, SIGCONT),
            "rt_sigqueueinfo" => syscall(libc::SYS_rt_sigqueueinfo, pid, SIGCONT, info),
            "rt_tgsigqueueinfo" => syscall(libc::SYS_rt_tgsigqueueinfo, pid, pid, SIGCONT, info),
            "pidfd_send_signal" => {
                let process = syscall(libc::SYS_pidfd_open, pid, 0);
                syscall(libc::SYS_pidfd_send_signal, process, SIGCONT, null::<siginfo_t>(), 0)
            }
            _ => bail!("no system call that signals"),
        }
    };
    ensure!(result == 0, io::Error::last_os_error());
    Ok(())
}

/// The only kind of siginfo that one process may send another.
fn queued() -> siginfo_t {
    // SAFETY: integers and pointers, which may all be zero.
    let mut info: siginfo_t = unsafe { zeroed() };
    info.si_signo = SIGCONT;
    info.si_code = libc::SI_QUEUE;
    info
}

/// Becomes the tracer of a process, and continues it as a tracer may.
pub(crate) fn trace(pid: i32) -> Result<()> {
    for request in [libc::PTRACE_ATTACH, libc::PTRACE_DETACH] {
        // SAFETY: numbers only; the last is a signal to detach with.
        let result = unsafe { libc::ptrace(request, pid, 0, SIGCONT) };
        ensure!(result == 0, io::Error::last_os_error());
    }
    Ok(())
}
