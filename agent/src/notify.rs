//! Messages to the service manager, <https://www.freedesktop.org/software/systemd/man/sd_notify.html>. One that does not read must
//! not keep us waiting: its socket takes a few, and whoever sends another waits until there is room.

use std::{
    env,
    ffi::OsStr,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    time::{Duration, Instant},
};

use rustix::{
    cmsg_space,
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
        SocketType, connect, sendmsg, socket_with,
    },
};

/// How long all messages of one occasion may wait for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells it one thing, if there is a service manager. That it could not be told is said, and changes nothing else.
pub(crate) fn tell(text: &str) {
    told(text, Messages::to_manager());
}

/// The same, or not if it does not read just now: the loop waits for nobody.
pub(crate) fn tell_at_once(text: &str) {
    told(text, Messages::within(Duration::ZERO));
}

fn told(text: &str, manager: io::Result<Option<Messages>>) {
    let told = manager.and_then(|manager| manager.map_or(Ok(()), |manager| manager.send(text, None)));
    if let Err(error) = told {
        log::warn!("the service manager was not told {:?}: {error}", text.trim_end());
    }
}

/// Messages of one occasion.
pub(crate) struct Messages {
    manager: OwnedFd,
    until: Instant,
}

impl Messages {
    /// None without a service manager.
    pub(crate) fn to_manager() -> io::Result<Option<Self>> {
        Self::within(PATIENCE)
    }

    fn within(patience: Duration) -> io::Result<Option<Self>> {
        env::var_os("NOTIFY_SOCKET").map(|address| Self::to(&address, patience)).transpose()
    }

    fn to(address: &OsStr, patience: Duration) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
            path => SocketAddrUnix::new(path)?,
        };
        let manager = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        connect(&manager, &address)?;
        Ok(Self { manager, until: Instant::now() + patience })
    }

    /// Sends one, with a descriptor.
    pub(crate) fn send(&self, text: &str, object: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let objects = object.as_slice();
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        loop {
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !objects.is_empty() {
                control.push(SendAncillaryMessage::ScmRights(objects)); // there is room for one
            }
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match sendmsg(&self.manager, &[IoSlice::new(text.as_bytes())], &mut control, flags) {
                Err(Errno::AGAIN) => self.wait()?,
                sent => return Ok(sent.map(drop)?),
            }
        }
    }

    /// Waits until there is room.
    fn wait(&self) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::from_borrowed_fd(self.manager.as_fd(), PollFlags::OUT)], Some(&left)) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::TimedOut, "the service manager does not read")),
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::net::UnixDatagram, thread};

    use super::*;

    fn manager() -> (tempfile::TempDir, UnixDatagram) {
        let directory = tempfile::tempdir().expect("a directory");
        let manager = UnixDatagram::bind(directory.path().join("notify")).expect("a socket");
        (directory, manager)
    }

    fn messages(directory: &tempfile::TempDir, patience: Duration) -> Messages {
        Messages::to(directory.path().join("notify").as_os_str(), patience).expect("a connection")
    }

    #[test]
    fn one_that_does_not_read_keeps_nobody_waiting_for_long() {
        let (directory, _manager) = manager();
        let messages = messages(&directory, Duration::from_millis(50));
        let sent = (0..100_000).map(|_| messages.send("A=1\n", None)).find_map(Result::err);
        assert_eq!(sent.expect("its socket is full").kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn one_that_reads_slowly_gets_them_all() {
        const MANY: usize = 2000;
        let (directory, manager) = manager();
        let messages = messages(&directory, Duration::from_mins(1));
        let reader = thread::spawn(move || {
            let mut text = [0; 100];
            (0..MANY)
                .filter(|_| manager.recv(&mut text).is_ok_and(|length| &text[..length] == b"A=1\n"))
                .count()
        });
        let object = File::open("/dev/null").expect("a file");
        (0..MANY).for_each(|_| messages.send("A=1\n", Some(object.as_fd())).expect("it reads"));
        assert_eq!(reader.join().expect("its count"), MANY);
    }
}
