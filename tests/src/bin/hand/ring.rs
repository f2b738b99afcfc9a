//! io_uring: system calls that are not made by system calls.

use std::ffi::CString;
use std::io;

use anyhow::{Context as _, Result, ensure};
use io_uring::{IoUring, opcode, squeue, types};

/// A ring.
pub(crate) fn make() -> Result<IoUring> {
    IoUring::new(2).context("io_uring_setup")
}

/// Unlinks a file through a ring.
pub(crate) fn unlink(path: &str) -> Result<()> {
    let path = CString::new(path)?;
    submit(&opcode::UnlinkAt::new(HERE, path.as_ptr()).build())
}

/// Renames a file through a ring.
pub(crate) fn rename(from: &str, to: &str) -> Result<()> {
    let (from, to) = (CString::new(from)?, CString::new(to)?);
    submit(&opcode::RenameAt::new(HERE, from.as_ptr(), HERE, to.as_ptr()).build())
}

/// Opens a file, and so empties it, through a ring.
pub(crate) fn empty(path: &str) -> Result<()> {
    let path = CString::new(path)?;
    let flags = libc::O_WRONLY | libc::O_TRUNC;
    submit(&opcode::OpenAt::new(HERE, path.as_ptr()).flags(flags).build())
}

const HERE: types::Fd = types::Fd(libc::AT_FDCWD);

fn submit(entry: &squeue::Entry) -> Result<()> {
    let mut ring = make()?;
    // SAFETY: the texts that the entry points to are the caller's, who waits until the operation is over.
    unsafe { ring.submission().push(entry) }.context("the ring is full")?;
    ring.submit_and_wait(1).context("io_uring_enter")?;
    let result = ring.completion().next().context("nothing was completed")?.result();
    ensure!(result >= 0, io::Error::from_raw_os_error(-result));
    Ok(())
}
