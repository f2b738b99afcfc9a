//! io_uring: system calls that are not made by system calls.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use io_uring::squeue::{Entry, Flags};
use io_uring::{IoUring, opcode, types};
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, socket};

use crate::steps::file_name;

/// A ring.
pub(crate) fn make() -> Result<IoUring> {
    IoUring::new(2).context("io_uring_setup")
}

/// Unlinks a file through a ring.
pub(crate) fn unlink(path: &str) -> Result<()> {
    let path = CString::new(path)?;
    submit(&opcode::UnlinkAt::new(HERE, path.as_ptr()).build())
}

/// The same by a descriptor of its directory.
pub(crate) fn unlink_at(directory: &str, name: &str) -> Result<()> {
    let (directory, name) = (File::open(directory)?, CString::new(name)?);
    submit(&opcode::UnlinkAt::new(types::Fd(directory.as_raw_fd()), name.as_ptr()).build())
}

/// How requests are handed over.
#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
pub(crate) enum How {
    /// Each call waits for all that it hands over
    #[default]
    Waiting,
    /// The kernel has a thread that looks for them
    Polled,
    /// Nobody ever asks what became of them
    Deferred,
    /// Each after the one before has succeeded
    Linked,
    /// Each after all before are done
    Drained,
    /// The success of all but the last is told to nobody
    Untold,
}

/// How many are handed over at a time.
const AT_ONCE: usize = 64;

/// Unlinks the first `count` files through one ring, many at a time; one that fails hinders no other.
pub(crate) fn unlink_all(count: usize, how: How) -> Result<()> {
    const IDLE_MS: u32 = 100;
    let mut builder = IoUring::builder();
    match how {
        How::Polled => drop(builder.setup_sqpoll(IDLE_MS)),
        How::Deferred => drop(builder.setup_single_issuer().setup_defer_taskrun()),
        How::Waiting | How::Linked | How::Drained | How::Untold => {}
    }
    let mut ring: IoUring = builder.build(AT_ONCE as u32).context("io_uring_setup")?;
    let names = (0..count).map(|number| CString::new(file_name(number)));
    let names: Vec<_> = names.collect::<Result<_, _>>()?;
    for some in names.chunks(AT_ONCE) {
        for (at, name) in some.iter().enumerate() {
            let flags = how.flags(at + 1 == some.len());
            let entry = opcode::UnlinkAt::new(HERE, name.as_ptr()).build().flags(flags);
            // SAFETY: the names live until all of them have been completed, or this process has ended.
            unsafe { ring.submission().push(&entry) }.context("the ring is full")?;
        }
        match how {
            How::Deferred => drop(ring.submit().context("io_uring_enter")?),
            How::Untold => drop(wait_for(&mut ring, 1)?),
            _ => drop(wait_for(&mut ring, some.len())?),
        }
    }
    Ok(())
}

impl How {
    fn flags(self, is_last: bool) -> Flags {
        match self {
            Self::Linked if !is_last => Flags::IO_LINK,
            Self::Drained => Flags::IO_DRAIN,
            Self::Untold if !is_last => Flags::SKIP_SUCCESS,
            _ => Flags::empty(),
        }
    }
}

/// Hands over what there is, and waits until so many are done; a stop in between breaks off the call.
fn wait_for(ring: &mut IoUring, count: usize) -> Result<Vec<i32>> {
    let mut results = Vec::new();
    while results.len() < count {
        match ring.submit_and_wait(count - results.len()) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(error).context("io_uring_enter");
            }
            _ => results.extend(ring.completion().map(|entry| entry.result())),
        }
    }
    Ok(results)
}

/// Renames a file through a ring.
pub(crate) fn rename(from: &str, to: &str) -> Result<()> {
    let (from, to) = (CString::new(from)?, CString::new(to)?);
    submit(&opcode::RenameAt::new(HERE, from.as_ptr(), HERE, to.as_ptr()).build())
}

/// Opens a file, and so empties it, through a ring.
pub(crate) fn empty(path: &str) -> Result<()> {
    open(path, libc::O_WRONLY | libc::O_TRUNC)
}

/// The same, or makes it.
pub(crate) fn create(path: &str) -> Result<()> {
    open(path, libc::O_WRONLY | libc::O_TRUNC | libc::O_CREAT)
}

fn open(path: &str, flags: i32) -> Result<()> {
    const MODE: u32 = 0o644;
    let path = CString::new(path)?;
    submit(&opcode::OpenAt::new(HERE, path.as_ptr()).flags(flags).mode(MODE).build())
}

/// Opens a file for overwriting through a ring, into a descriptor of the ring's own.
pub(crate) fn overwrite(path: &str) -> Result<()> {
    let path = CString::new(path)?;
    let mut ring = make()?;
    ring.submitter().register_files_sparse(1).context("io_uring_register")?;
    let slot = types::DestinationSlot::try_from_slot_target(0).ok();
    let open = opcode::OpenAt::new(HERE, path.as_ptr()).flags(libc::O_WRONLY).file_index(slot);
    submit_to(&mut ring, &open.build())
}

/// Makes a directory through a ring.
pub(crate) fn mkdir(path: &str) -> Result<()> {
    const MODE: u32 = 0o755;
    let path = CString::new(path)?;
    submit(&opcode::MkDirAt::new(HERE, path.as_ptr()).mode(MODE).build())
}

/// Makes a symbolic link through a ring.
pub(crate) fn symlink(target: &str, path: &str) -> Result<()> {
    let (target, path) = (CString::new(target)?, CString::new(path)?);
    submit(&opcode::SymlinkAt::new(HERE, target.as_ptr(), path.as_ptr()).build())
}

/// Makes a second name for a file through a ring.
pub(crate) fn link(from: &str, to: &str) -> Result<()> {
    let (from, to) = (CString::new(from)?, CString::new(to)?);
    submit(&opcode::LinkAt::new(HERE, from.as_ptr(), HERE, to.as_ptr()).build())
}

/// Changes a file's length through a ring, opened in a way that does not count by itself.
pub(crate) fn truncate(path: &str, length: u64) -> Result<()> {
    let file = OpenOptions::new().append(true).open(path)?;
    submit(&opcode::Ftruncate::new(types::Fd(file.as_raw_fd()), length).build())
}

/// Connects to a socket through a ring.
pub(crate) fn connect(path: &str) -> Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    let descriptor = types::Fd(socket.as_raw_fd());
    let to = address.as_any();
    submit(&opcode::Connect::new(descriptor, to.as_ptr().cast(), to.addr_len()).build())?;
    Ok(socket.into())
}

const HERE: types::Fd = types::Fd(libc::AT_FDCWD);

fn submit(entry: &Entry) -> Result<()> {
    submit_to(&mut make()?, entry)
}

fn submit_to(ring: &mut IoUring, entry: &Entry) -> Result<()> {
    // SAFETY: the texts that the entry points to are the caller's, who waits until the operation is over.
    unsafe { ring.submission().push(entry) }.context("the ring is full")?;
    let result = wait_for(ring, 1)?[0];
    ensure!(result >= 0, io::Error::from_raw_os_error(-result));
    Ok(())
}
