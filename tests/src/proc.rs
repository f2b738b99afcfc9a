//! What /proc says of processes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// The first letter of its state.
    pub state: char,
    /// Its real user id.
    pub uid: u32,
    /// What it runs.
    pub comm: String,
}

impl Process {
    /// Looks at one process; none: it is gone.
    #[must_use]
    pub fn look(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let state = field(&status, "State:")?.chars().next()?;
        let uid = field(&status, "Uid:")?.split_ascii_whitespace().next()?.parse().ok()?;
        Some(Self { pid, state, uid, comm: field(&status, "Name:")?.to_owned() })
    }

    /// Whether it is stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state == 'T'
    }

    /// Whether it has ended and only waits for its parent to notice.
    #[must_use]
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Kills it, if it is still the process that was looked at.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Stops it, if it is still the process that was looked at.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        // The id may have been given to another process in between; the descriptor now fixes which one is meant.
        if Self::look(self.pid).is_some_and(|now| now.uid == self.uid) {
            // An error means that it has ended meanwhile.
            let _ = pidfd_send_signal(handle, signal);
        }
    }
}

/// Every process with this real user id.
pub fn of_user(uid: u32) -> Result<Vec<Process>> {
    let list = fs::read_dir("/proc").context("cannot list /proc")?;
    let pids = list.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(Process::look).filter(|process| process.uid == uid).collect())
}

/// A thread as it was when it was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    /// The id of its process.
    pub pid: u32,
    /// The first letter of its state.
    pub state: char,
}

/// Every thread of the processes in this group.
pub fn of_group(group: u32) -> Result<Vec<Thread>> {
    let list = fs::read_dir("/proc").context("cannot list /proc")?;
    let pids = list.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let in_group = |pid: &u32| stat(&format!("/proc/{pid}")).is_some_and(|(_, its)| its == group);
    Ok(pids.filter(in_group).flat_map(threads).collect())
}

fn threads(pid: u32) -> Vec<Thread> {
    let list = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    list.filter_map(|thread| Some(Thread { pid, state: stat(&thread.path().to_string_lossy())?.0 })).collect()
}

/// State and process group; none: it has gone.
fn stat(directory: &str) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("{directory}/stat")).ok()?;
    // Behind the name, which may have anything in it: state, parent, group.
    let mut fields = stat.rsplit_once(") ")?.1.split_ascii_whitespace();
    Some((fields.next()?.chars().next()?, fields.nth(1)?.parse().ok()?))
}

/// A size from `/proc/PID/status` (`VmRSS`, `VmHWM`), in KiB.
pub fn memory_kib(pid: u32, which: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    field(&status, &format!("{which}:"))
        .and_then(|value| value.trim_end_matches("kB").trim().parse().ok())
        .with_context(|| format!("{path} has no {which}"))
}

/// The same, in MiB.
pub fn memory_mib(pid: u32, which: &str) -> Result<f64> {
    Ok(memory_kib(pid, which)? as f64 / 1024.0)
}

/// For how long a thread has run, by its directory in /proc.
pub fn ran(task: &Path) -> Result<Duration> {
    let file = task.join("schedstat");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let first = text.split_ascii_whitespace().next().context("no number in schedstat")?;
    Ok(Duration::from_nanos(first.parse()?))
}

/// The kernel's version.
#[must_use]
pub fn kernel() -> String {
    let path = Path::new("/proc/sys/kernel/osrelease");
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
