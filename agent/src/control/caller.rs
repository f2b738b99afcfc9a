//! Who is at the other end of a connection, as the kernel says.

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    sync::Arc,
};

use nix::{
    errno::Errno,
    sys::socket::{GetSockOpt as _, sockopt},
    unistd::{Uid, User},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use thiserror::Error;

use crate::processes::proc;

/// The process that connected. A process that was handed the connection asks in its name.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) pid: u32,
    /// In clock ticks since boot, as in /proc.
    pub(crate) start: u64,
    /// Effective when it connected, as are the groups.
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    /// The login user id; `u32::MAX` if there was no login.
    pub(crate) login: u32,
    /// Who sits there: the login user id, else the real one. The effective one is that of a program with the set-user-id bit.
    pub(crate) person: u32,
    /// The user's, if it has one.
    pub(crate) name: Option<String>,
    process: Option<Arc<OwnedFd>>,
}

/// Why it cannot be told who connected.
#[derive(Debug, Error)]
pub(crate) enum Unknown {
    #[error("the process that connected has ended, so it cannot be told who asks")]
    Gone,
    #[error(
        "the process that connected is in a pid namespace outside the daemon's, so it cannot be told who asks"
    )]
    OutsideNamespace,
    #[error("cannot tell who asks")]
    Kernel(#[from] io::Error),
}

impl Caller {
    /// The effective user at the other end: all that is needed to decide whether to serve a connection at all.
    pub(super) fn uid(stream: &impl AsFd) -> io::Result<u32> {
        Ok(sockopt::PeerCredentials.get(stream)?.uid())
    }

    /// All that is known of the other end. Reads /proc.
    pub(super) fn of(stream: &impl AsFd) -> Result<Self, Unknown> {
        let peer = sockopt::PeerCredentials.get(stream).map_err(io::Error::from)?;
        let pid = u32::try_from(peer.pid()).ok().filter(|pid| *pid > 0).ok_or(Unknown::OutsideNamespace)?;
        let pidfd = pidfd(stream, peer.pid())?;
        let process = proc::process(pid).ok_or(Unknown::Gone)?;
        let caller = Self {
            pid,
            start: process.start,
            uid: peer.uid(),
            gid: peer.gid(),
            groups: groups(stream)?,
            login: process.login,
            person: if process.login == u32::MAX { process.uid } else { process.login },
            name: None,
            process: Some(Arc::new(pidfd)),
        };
        // Only now is it known that what was read from /proc was about the process that connected.
        if caller.is_there() { Ok(caller) } else { Err(Unknown::Gone) }
    }

    /// Whether the process that connected still runs. If not, whoever else holds the connection must not ask in its name: a
    /// process of an account would escape from it by connecting, forking and exiting. What is decided by the pid holds only
    /// if this is asked afterwards.
    pub(crate) fn is_there(&self) -> bool {
        let Some(process) = &self.process else { return true };
        let mut ended = [PollFd::new(process, PollFlags::IN)];
        matches!(poll(&mut ended, Some(&Timespec::default())), Ok(0))
    }

    /// Root, of whom it is not asked whether it is still there.
    #[cfg(any(fuzzing, test))]
    pub(super) fn unwatched() -> Self {
        let groups = Vec::new();
        Self {
            pid: 1,
            start: 0,
            uid: 0,
            gid: 0,
            groups,
            login: u32::MAX,
            person: 0,
            name: None,
            process: None,
        }
    }

    pub(super) fn named(self) -> Self {
        let name = User::from_uid(Uid::from_raw(self.uid)).ok().flatten().map(|user| user.name);
        Self { name, ..self }
    }
}

/// A descriptor of the process that connected, whoever has its pid now. Before Linux 6.5 the kernel does not give one: there
/// a pid that was reused between connecting and now is not noticed.
fn pidfd(stream: &impl AsFd, pid: i32) -> Result<OwnedFd, Unknown> {
    match sockopt::PeerPidfd.get(stream) {
        Ok(pidfd) => return Ok(pidfd),
        Err(Errno::ENOPROTOOPT) => {}
        // Reaped, before Linux 6.16.
        Err(Errno::ESRCH | Errno::EINVAL | Errno::ENODATA) => return Err(Unknown::Gone),
        Err(error) => return Err(io::Error::from(error).into()),
    }
    let pid = Pid::from_raw(pid).ok_or(Unknown::OutsideNamespace)?;
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(pidfd),
        Err(rustix::io::Errno::SRCH) => Err(Unknown::Gone),
        Err(error) => Err(io::Error::from(error).into()),
    }
}

/// The supplementary groups when it connected.
fn groups(stream: &impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups = vec![0_u32; 32];
    loop {
        let mut bytes = libc::socklen_t::try_from(size_of_val(&groups[..])).map_err(io::Error::other)?;
        // SAFETY: the kernel writes at most `bytes` bytes to the buffer, which has so many.
        let done = unsafe {
            libc::getsockopt(
                stream.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        let error = (done != 0).then(io::Error::last_os_error);
        // With ERANGE too it is how much there is.
        groups.resize(bytes as usize / size_of::<u32>(), 0);
        match error {
            None => return Ok(groups),
            Some(error) if error.raw_os_error() == Some(libc::ERANGE) => {}
            Some(error) => return Err(error),
        }
    }
}
