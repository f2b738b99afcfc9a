//! One process, held by a descriptor: nobody else is ever meant, whoever gets its pid next.

use std::{io, os::fd::OwnedFd};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::processes::proc::{self, ProcessId};

/// A process that was alive when it was opened.
pub(crate) struct Handle {
    fd: OwnedFd,
}

impl Handle {
    /// None if the process has ended. First the descriptor, then the look: a pid is not given away while its process
    /// lives, so a start that is right now belongs to what the descriptor holds.
    pub(crate) fn open(id: ProcessId) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(id.pid).ok()?)?;
        let fd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let now = proc::stat(id.pid)?;
        (now.start == id.start && !now.ended()).then_some(Self { fd })
    }

    pub(crate) fn alive(&self) -> bool {
        let mut ended = [PollFd::new(&self.fd, PollFlags::IN)];
        // A failure is no sign of an end.
        poll(&mut ended, Some(&Timespec::default())).map_or(true, |count| count == 0)
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.fd, signal)?)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_handle_is_for_one_process_only() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep");
        let id = proc::process(child.id()).expect("the child").id();
        assert!(Handle::open(ProcessId { start: id.start + 1, ..id }).is_none(), "another of the same pid");
        let handle = Handle::open(id).expect("the child");
        assert!(handle.alive());
        handle.signal(Signal::KILL).expect("a signal");
        child.wait().expect("its status");
        assert!(!handle.alive());
        assert!(handle.signal(Signal::CONT).is_err());
        assert!(Handle::open(id).is_none());
    }
}
