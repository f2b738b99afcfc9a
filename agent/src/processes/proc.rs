//! Reads of /proc. A process that ends meanwhile is simply not there.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
    sync::LazyLock,
};

use agent_common::rules::BootNs;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// /proc cannot be listed.
#[derive(Debug, Error)]
#[error("cannot list the processes in /proc, which must be mounted for this pid namespace")]
pub(crate) struct ProcError(#[from] io::Error);

/// A clock tick of /proc (ns): USER_HZ is 100 on every architecture that BPF has, whatever the kernel itself counts by.
pub(crate) const TICK: BootNs = 10_000_000;

/// A process for good: its pid, and its start in clock ticks since boot, which tells it from a later one of that pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub(crate) pid: u32,
    pub(crate) start: u64,
}

impl ProcessId {
    /// When it started, to the clock tick.
    pub(crate) fn started_at(self) -> BootNs {
        self.start * TICK
    }
}

/// What one process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// In clock ticks since boot; with the pid, what tells it from a later process of the same pid.
    pub(crate) start: u64,
    /// Whether all of it is stopped (state `T`).
    pub(crate) stopped: bool,
    /// The real user id.
    pub(crate) uid: u32,
    /// The login user id; `u32::MAX` if there was no login.
    pub(crate) login: u32,
}

impl Process {
    pub(crate) fn id(&self) -> ProcessId {
        ProcessId { pid: self.pid, start: self.start }
    }
}

/// What the stat line of a process says: cheaper than all of a [`Process`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: char,
    pub(crate) parent: u32,
    /// Its session, which is the pid of whoever leads that.
    pub(crate) session: u32,
    /// The controlling terminal as the kernel's device number; 0 if it has none.
    pub(crate) terminal: u32,
    pub(crate) start: u64,
    /// A thread of the kernel's own, which runs no program.
    pub(crate) kernel_thread: bool,
    /// How long it was at work in its own program, in clock ticks.
    pub(crate) user_time: u64,
    /// The signal that stopped it, which the parent has not asked for yet; none once it has.
    unseen: Option<u32>,
    threads: u32,
    /// Its first thread is on its way out, whatever its state says.
    exiting: bool,
}

impl Stat {
    /// Whether all of the process is stopped by a signal.
    pub(crate) fn stopped(self) -> bool {
        self.state == 'T'
    }

    /// Whether it is stopped and its parent, which asks for stops (`WUNTRACED`), has heard of it: who hears of it clears the word. So
    /// it is with the process's line, not with a thread's, and only when each thread is stopped, which is looked at here.
    /// <https://github.com/torvalds/linux/blob/v6.12/kernel/exit.c#L1255>
    pub(crate) fn seen_to_stop(self, pid: u32) -> bool {
        self.stopped()
            && self.unseen.is_none()
            && threads(pid).filter_map(|thread| stat_of_thread(pid, thread)).all(Stat::stopped)
    }

    /// Whether the process has ended, or is about to, though its parent has not asked for its status yet. The line tells the state of the first
    /// thread, which may have ended before the others.
    pub(crate) fn ended(self) -> bool {
        (self.exiting || matches!(self.state, 'Z' | 'X')) && self.threads <= 1
    }
}

/// The stat line of whichever process has the pid now.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    parse(&text(pid, "stat")?)
}

/// One of the short files of a process.
fn text(pid: u32, file: &str) -> Option<String> {
    read(format!("/proc/{pid}/{file}")).ok()
}

/// A short file of /proc, of which the first 16 KiB count. In one read where the kernel gives it whole, as it does if there is
/// room: the library begins with a few bytes, since such a file says that it has none, and the kernel writes it anew for each.
pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(bytes(path)?).map_err(io::Error::other)
}

/// The same of one that need not be text.
pub(crate) fn bytes(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    const LONGEST: usize = 16 << 10;
    let mut bytes = vec![0; LONGEST];
    let read = File::open(path)?.read(&mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Whether the kernel tells which children a thread has (`CONFIG_PROC_CHILDREN`).
pub(crate) fn tells_children() -> bool {
    static TELLS: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/thread-self/children").exists());
    *TELLS
}

/// The children of a process, where the kernel [tells](tells_children) them. One that is just being made may be missed.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let of_thread = |thread| text(pid, &format!("task/{thread}/children")).unwrap_or_default();
    let pids =
        |text: String| text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>();
    threads(pid).flat_map(|thread| pids(of_thread(thread))).collect()
}

/// The same of one thread.
pub(crate) fn stat_of_thread(pid: u32, tid: u32) -> Option<Stat> {
    parse(&text(pid, &format!("task/{tid}/stat"))?)
}

fn threads(pid: u32) -> impl Iterator<Item = u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok())
}

/// One process.
pub(crate) fn process(pid: u32) -> Option<Process> {
    let stat = stat(pid)?;
    Some(Process {
        pid,
        parent: stat.parent,
        start: stat.start,
        stopped: stat.stopped(),
        uid: real_uid(&text(pid, "status")?)?,
        // Absent on a kernel without audit: then nobody has logged in.
        login: text(pid, "loginuid").and_then(|text| text.trim().parse().ok()).unwrap_or(u32::MAX),
    })
}

/// Every process there is.
pub(crate) fn processes() -> Result<Vec<Process>, ProcError> {
    let pids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(process).collect())
}

/// A process's parent, that one's parent and so on, without pid 1.
pub(crate) fn ancestors(pid: u32) -> impl Iterator<Item = Process> {
    let parent = |process: &Process| (process.parent > 1).then_some(process.parent).and_then(self::process);
    std::iter::successors(process(pid), parent).skip(1)
}

/// The same, as their stat lines tell it: a third of the work.
pub(crate) fn stats_above(pid: u32) -> impl Iterator<Item = (u32, Stat)> {
    let known = |pid| Some((pid, stat(pid)?));
    let parent = move |(_, stat): &(u32, Stat)| (stat.parent > 1).then_some(stat.parent).and_then(known);
    std::iter::successors(known(pid), parent).skip(1)
}

/// Reads a stat line. The name in parentheses may itself hold spaces and parentheses.
pub(super) fn parse(line: &str) -> Option<Stat> {
    // https://github.com/torvalds/linux/blob/v6.12/include/linux/sched.h#L1692
    const PF_KTHREAD: u32 = 0x0020_0000;
    const PF_EXITING: u32 = 0x4;
    let mut fields = line[line.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    // Written as a signed number.
    let terminal = fields.next()?.parse::<i32>().ok()?.cast_unsigned();
    let flags: u32 = fields.nth(1)?.parse().ok()?;
    let user_time = fields.nth(4)?.parse().ok()?;
    let threads = fields.nth(5)?.parse().ok()?;
    let start = fields.nth(1)?.parse().ok()?;
    // The exit code, which is the signal while it is stopped:
    // https://github.com/torvalds/linux/blob/v6.12/fs/proc/array.c#L550
    let unseen = fields.nth(29).and_then(|code| code.parse().ok()).filter(|signal| *signal != 0);
    let [kernel_thread, exiting] = [PF_KTHREAD, PF_EXITING].map(|flag| flags & flag != 0);
    Some(Stat { state, parent, session, terminal, start, kernel_thread, user_time, unseen, threads, exiting })
}

pub(super) fn real_uid(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = "42 (a) S 1 (x) T 7 42 41 34819 -1 4194560 1 0 0 0 31 2 0 0 20 0 1 0 12345 1000 10";
        let stat = Stat {
            state: 'T',
            parent: 7,
            session: 41,
            terminal: 34_819,
            start: 12_345,
            kernel_thread: false,
            user_time: 31,
            unseen: None,
            threads: 1,
            exiting: false,
        };
        assert_eq!(parse(line), Some(stat));
        let whole = format!("{line}{} 19", " 0".repeat(27));
        assert_eq!(parse(&whole), Some(Stat { unseen: Some(19), ..stat }));
    }

    #[test]
    fn half_a_line_is_no_process() {
        for line in ["", "42", "42 (a) S", "42 (a) S x", ")"] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_kernel_thread_says_so() {
        let line = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0";
        assert!(parse(line).expect("a stat line").kernel_thread);
    }

    #[test]
    fn a_process_has_the_children_of_each_of_its_threads() {
        if !tells_children() {
            return;
        }
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().expect("a child");
        assert!(children(std::process::id()).contains(&child.id()) && children(child.id()).is_empty());
        child.kill().expect("a signal");
        child.wait().expect("its status");
    }

    #[test]
    fn this_process_is_there() {
        let own = process(std::process::id()).expect("own entry");
        assert!(own.start > 0 && !own.stopped);
        assert!(processes().expect("/proc").contains(&own));
        let above: Vec<_> = ancestors(own.pid).map(|process| (process.pid, process.parent)).collect();
        assert!(stats_above(own.pid).map(|(pid, stat)| (pid, stat.parent)).eq(above));
    }
}
