//! The controlling terminal of a process, and a line written to it. The account may have made whatever its process sees under a
//! name, so no path of the process's is followed, and nothing is asked of a file system that it may have mounted: /proc alone says
//! which file it has open, and that has to be the very terminal that we see under the usual name.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
    path::PathBuf,
};

use rustix::{
    fs::{FileType, Mode, OFlags, fstat, makedev, open},
    io::Errno,
};
use thiserror::Error;

use super::{
    mountinfo,
    proc::{self, Process, ProcessId},
};

/// A terminal, told from others under the same number: each mount of devpts numbers its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TerminalId {
    device: u64,
    inode: u64,
}

/// A terminal that a process has and that may be written to.
#[derive(Debug)]
pub(crate) struct Terminal {
    pub(crate) id: TerminalId,
    /// Opened without access to it.
    file: OwnedFd,
}

/// Why a line was not written.
#[derive(Debug, Error)]
pub(crate) enum NotWritten {
    /// Nobody reads, or output is stopped.
    #[error("it would have to wait")]
    Blocked,
    /// What is there is not the terminal that the process has.
    #[error("{0}")]
    NotIts(&'static str),
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// Who a process's terminal may belong to, besides root.
fn owners(process: &Process, leader: Option<&Process>) -> impl Iterator<Item = u32> {
    [Some(0), Some(process.uid), Some(process.login), leader.map(|leader| leader.uid)].into_iter().flatten()
}

/// The usual name of a terminal by the kernel's device number, and that number as a file system has it; none of one that people do
/// not sit at.
fn named(number: u32) -> Option<(PathBuf, u64)> {
    // https://github.com/torvalds/linux/blob/v6.12/include/linux/kdev_t.h#L39
    let (major, minor) = (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xfff00);
    let path = match (major, minor) {
        (4, 1..=63) => format!("/dev/tty{minor}"),
        (136, minor) => format!("/dev/pts/{minor}"),
        _ => return None,
    };
    Some((path.into(), makedev(major, minor)))
}

/// The usual name of a terminal by the kernel's device number.
pub(crate) fn path(number: u32) -> Option<PathBuf> {
    named(number).map(|(path, _)| path)
}

impl Terminal {
    /// The controlling terminal of a process; none if it has none that people sit at, or has ended.
    pub(crate) fn of(id: ProcessId) -> Result<Option<Self>, NotWritten> {
        let Some(process) = proc::process(id.pid).filter(|process| process.start == id.start) else {
            return Ok(None);
        };
        let Some((stat, (path, number))) =
            proc::stat(id.pid).and_then(|stat| Some((stat, named(stat.terminal)?)))
        else {
            return Ok(None);
        };
        // Following no link; nothing of a device happens when it is opened so.
        let file = open(&path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
            .map_err(io::Error::from)?;
        let there = fstat(&file).map_err(io::Error::from)?;
        if FileType::from_raw_mode(there.st_mode) != FileType::CharacterDevice || there.st_rdev != number {
            return Err(NotWritten::NotIts("what has its name is another file"));
        }
        let leader = proc::process(stat.session);
        if !owners(&process, leader.as_ref()).any(|uid| uid == there.st_uid) {
            return Err(NotWritten::NotIts("it belongs to somebody else"));
        }
        let terminal = Self { id: TerminalId { device: there.st_dev, inode: there.st_ino }, file };
        let has = [id.pid, stat.session].into_iter().any(|pid| opened(pid).any(|id| id == terminal.id));
        let is_still = || proc::stat(id.pid).is_some_and(|now| now.start == id.start);
        if !(has && is_still()) {
            return Err(NotWritten::NotIts("the process has another of that number"));
        }
        Ok(Some(terminal))
    }

    /// Writes a line on a line of its own, or drops it if it would have to wait.
    pub(crate) fn write(&self, line: &str) -> Result<(), NotWritten> {
        let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits().cast_signed();
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let mut tty = fs::OpenOptions::new().write(true).custom_flags(flags).open(own)?;
        let line = format!("\r\n{line}\r\n");
        match tty.write(line.as_bytes()) {
            Ok(written) if written == line.len() => Ok(()),
            Ok(_) => Err(NotWritten::Blocked),
            Err(error) if error.raw_os_error() == Some(Errno::AGAIN.raw_os_error()) => {
                Err(NotWritten::Blocked)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What a process has open as its first three files, as far as that is on a mount of its own mount namespace.
fn opened(pid: u32) -> impl Iterator<Item = TerminalId> {
    let mounts = mounts(pid);
    (0..3).filter_map(move |fd| {
        let info = proc::read(format!("/proc/{pid}/fdinfo/{fd}")).ok()?;
        let (mount, inode) = (field(&info, "mnt_id:")?, field(&info, "ino:")?);
        let mount = mountinfo::parse(&mounts).find(|one| one.id == mount)?;
        let (major, minor) = mount.device.split_once(':')?;
        Some(TerminalId { device: makedev(major.parse().ok()?, minor.parse().ok()?), inode })
    })
}

/// The mounts that a process sees: as much of the list as any host has. Whoever may mount in a namespace of his own makes it as long
/// as he likes.
fn mounts(pid: u32) -> String {
    const LONGEST: u64 = 1 << 20;
    let mut list = Vec::new();
    // What cannot be read is no terminal of its.
    let _ = fs::File::open(format!("/proc/{pid}/mountinfo"))
        .and_then(|file| file.take(LONGEST).read_to_end(&mut list));
    String::from_utf8_lossy(&list).into_owned()
}

pub(super) fn field(info: &str, name: &str) -> Option<u64> {
    info.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_number_is_a_name() {
        let is = |number: u32, path: &str, device: (u32, u32)| {
            assert_eq!(named(number), Some((path.into(), makedev(device.0, device.1))), "{number}");
        };
        is(34_816, "/dev/pts/0", (136, 0));
        is(34_819, "/dev/pts/3", (136, 3));
        is(1_083_394, "/dev/pts/258", (136, 258));
        is(1_025, "/dev/tty1", (4, 1));
        // None, a serial line, /dev/tty0, an old pseudo terminal.
        for number in [0, 4 << 8 | 64, 4 << 8, 3 << 8 | 1, u32::MAX] {
            assert_eq!(named(number), None, "{number}");
        }
    }

    #[test]
    fn what_is_open_is_told_without_asking_its_file_system() {
        let own = std::process::id();
        let expected: Vec<_> = (0..3)
            .filter_map(|fd| {
                let metadata = fs::metadata(format!("/proc/self/fd/{fd}")).ok()?;
                Some(TerminalId { device: metadata.dev(), inode: metadata.ino() })
            })
            .collect();
        // Pipes and sockets are on no mount that is listed.
        assert!(opened(own).all(|id| expected.contains(&id)));
        let null = fs::File::open("/dev/null").expect("a file");
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(null.try_clone().expect("a file"))
            .spawn()
            .expect("a child");
        let found: Vec<_> = opened(child.id()).collect();
        child.kill().expect("a signal");
        child.wait().expect("its status");
        let metadata = null.metadata().expect("a file");
        assert!(found.contains(&TerminalId { device: metadata.dev(), inode: metadata.ino() }), "{found:?}");
    }
}
