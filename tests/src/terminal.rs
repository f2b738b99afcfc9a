//! A terminal, and what runs on it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context as _, Result};
use rustix::fs::OFlags;
use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{ptsname, unlockpt};
use rustix::stdio::stdin;
use rustix::termios::{Action, tcflow};

use crate::{Outcome, wait};

/// A pseudo terminal whose other side we are.
pub struct Terminal {
    controller: File,
    path: PathBuf,
    shown: String,
}

/// A session on a terminal. Dropping it ends its leader.
pub struct Session(Child);

impl Terminal {
    /// One that everybody sees.
    pub fn new() -> Result<Self> {
        Self::of(Path::new("/dev/pts"))
    }

    /// One of a file system of terminals that is mounted there.
    pub fn of(devpts: &Path) -> Result<Self> {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let controller = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags)
            .open(devpts.join("ptmx"))
            .with_context(|| format!("cannot make a terminal in {}", devpts.display()))?;
        unlockpt(&controller)?;
        let name = ptsname(&controller, Vec::new())?.into_string()?;
        let number = name.rsplit('/').next().context("a terminal has a number")?;
        Ok(Self { controller, path: devpts.join(number), shown: String::new() })
    }

    /// Its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// It belongs to this user from now on.
    pub fn give(&self, uid: u32) -> Result<()> {
        std::os::unix::fs::chown(&self.path, Some(uid), None)
            .with_context(|| format!("cannot give away {}", self.path.display()))
    }

    /// Starts a command as the leader of a session of its own, with this terminal as its own.
    pub fn start(&self, command: Command) -> Result<Session> {
        let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&self.path)?);
        self.start_given_to(command, owner)
    }

    /// The same; the terminal belongs to this user once the command has it.
    pub fn start_given_to(&self, mut command: Command, uid: u32) -> Result<Session> {
        wait::go_on()?;
        command.stdin(self.side()?).stdout(self.side()?).stderr(self.side()?);
        self.give(uid)?;
        // SAFETY: two system calls without memory of their own.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                Ok(ioctl_tiocsctty(stdin())?)
            });
        }
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Session(child))
    }

    /// The side of whatever runs on it.
    pub(crate) fn side(&self) -> Result<File> {
        let flags = OFlags::NOCTTY.bits().cast_signed();
        let side = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&self.path);
        side.with_context(|| format!("cannot open {}", self.path.display()))
    }

    /// What it has shown so far.
    pub fn shown(&mut self) -> Result<&str> {
        let mut bytes = [0; 4096];
        loop {
            match self.controller.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => self.shown.push_str(&String::from_utf8_lossy(&bytes[..read])),
                // EIO: nobody has the other side open.
                Err(error) if error.raw_os_error() == Some(libc::EIO) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("cannot read what a terminal shows"),
            }
        }
        Ok(&self.shown)
    }

    /// Waits until it shows this; everything that it has shown by then.
    pub fn until_shows(&mut self, words: &str) -> Result<String> {
        let shown = wait::until(&format!("the terminal shows {words:?}"), || {
            Ok(self.shown()?.contains(words).then(|| self.shown.clone()))
        });
        shown.with_context(|| format!("it shows {:?}", self.shown))
    }

    /// What is written to it waits from now on, as after Ctrl-S.
    pub fn stop_output(&self) -> Result<()> {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let side = OpenOptions::new().write(true).custom_flags(flags).open(&self.path)?;
        tcflow(&side, Action::OOff).context("cannot stop the output of a terminal")
    }
}

impl Session {
    /// Its leader.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Waits until its leader ends, however often it is stopped on the way.
    pub fn until_ended(mut self) -> Result<Outcome> {
        let status = wait::until("the leader of the session ends", || Ok(self.0.try_wait()?))?;
        let killed = || status.signal().map(Outcome::Killed);
        status.code().map(Outcome::Exited).or_else(killed).context("it has ended somehow")
    }

    /// Waits until it is stopped.
    pub fn until_stopped(&self) -> Result<()> {
        wait::until("the leader of the session is stopped", || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
            Ok(stat.rsplit_once(") ").is_some_and(|(_, after)| after.starts_with('T')).then_some(()))
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait(); // nothing is to be done about an error here
    }
}
