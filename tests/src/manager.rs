//! A service manager that keeps descriptors for an agent, and hears how it does, as systemd does.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};
use rustix::cmsg_space;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// What a service has left with it.
#[derive(Default)]
struct Kept {
    descriptors: Vec<(String, OwnedFd)>,
    /// Every line that is about no descriptor.
    said: Vec<String>,
}

/// After so long without a sign of life a service counts as hung, in microseconds.
const WATCHDOG: &str = "900000";
/// Where descriptors are passed on from, above those of a service.
const PASSED: i32 = 400;

/// Listens until it is dropped.
pub struct Manager {
    address: PathBuf,
    kept: Arc<Mutex<Kept>>,
}

impl Manager {
    /// Its socket is in this directory.
    pub fn new(directory: &Path) -> Result<Self> {
        let address = directory.join("notify");
        let socket = UnixDatagram::bind(&address).context("cannot listen as a service manager")?;
        let kept = Arc::<Mutex<Kept>>::default();
        let theirs = Arc::downgrade(&kept);
        thread::spawn(move || {
            while let Some(message) = receive(&socket)
                && let Some(kept) = theirs.upgrade()
            {
                keep(&kept, message);
            }
        });
        Ok(Self { address, kept })
    }

    /// The names of what it keeps.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.kept().descriptors.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Closes everything.
    pub fn forget(&self) {
        self.kept().descriptors.clear();
    }

    /// What its service has said so far, line by line, without what was about descriptors.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.kept().said.clone()
    }

    /// A program as its service, with what it keeps: to be started while the descriptors are open, and only then.
    pub(crate) fn service(&self, program: &Path) -> Result<(Command, Vec<OwnedFd>)> {
        let mut command = Command::new("bash");
        let mut script = "LISTEN_PID=$$ exec \"$0\" \"$@\"".to_owned();
        let (mut names, mut passed) = (Vec::new(), Vec::new());
        for (at, (name, descriptor)) in (3..).zip(self.kept().descriptors.iter()) {
            let again = fcntl_dupfd_cloexec(descriptor, PASSED)?;
            // Open for the shell, which puts them where they belong.
            fcntl_setfd(&again, FdFlags::empty())?;
            let number = again.as_raw_fd();
            script += &format!(" {at}<&{number} {number}<&-");
            names.push(name.clone());
            passed.push(again);
        }
        command.arg("-c").arg(script).arg(program).env("NOTIFY_SOCKET", &self.address);
        command.env("LISTEN_FDS", names.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
        command.env("WATCHDOG_USEC", WATCHDOG);
        Ok((command, passed))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // Wakes the thread, which then finds that nobody wants it any more.
        self.kept = Arc::default();
        let _ = UnixDatagram::unbound().and_then(|socket| socket.send_to(b"", &self.address));
    }
}

/// A message: its lines, and the descriptor that comes with it.
fn receive(socket: &UnixDatagram) -> Option<(String, Option<OwnedFd>)> {
    let mut text = [0; 4096];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(8))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let length =
        recvmsg(socket, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC).ok()?.bytes;
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Some((String::from_utf8_lossy(&text[..length]).into_owned(), descriptor))
}

fn keep(kept: &Mutex<Kept>, (text, descriptor): (String, Option<OwnedFd>)) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(name) = text.lines().find_map(|line| line.strip_prefix("FDNAME=")) else {
        return kept.said.extend(text.lines().map(str::to_owned));
    };
    if text.lines().any(|line| line == "FDSTOREREMOVE=1") {
        kept.descriptors.retain(|(known, _)| known != name);
    } else if let Some(descriptor) = descriptor {
        kept.descriptors.push((name.to_owned(), descriptor));
    }
}
