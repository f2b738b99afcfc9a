//! io_uring: system calls that are not made by system calls.

use std::ffi::CString;
use std::io;

use anyhow::{Context as _, Result, ensure};
use io_uring::{IoUring, opcode, squeue, types};

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

/// Unlinks the first `count` files through one ring, many at a time; one that fails hinders no other.
pub(crate) fn unlink_all(count: usize) -> Result<()> {
    const AT_ONCE: usize = 64;
    let mut ring = IoUring::new(AT_ONCE as u32).context("io_uring_setup")?;
    let names = (0..count).map(|number| CString::new(file_name(number)));
    let names: Vec<_> = names.collect::<Result<_, _>>()?;
    for some in names.chunks(AT_ONCE) {
        for name in some {
            let entry = opcode::UnlinkAt::new(HERE, name.as_ptr()).build();
            // SAFETY: the names live until all of them have been completed.
            unsafe { ring.submission().push(&entry) }.context("the ring is full")?;
        }
        ring.submit_and_wait(some.len()).context("io_uring_enter")?;
        ensure!(ring.completion().count() == some.len(), "not all were completed");
    }
    Ok(())
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
