//! io_uring: system calls that are not made by system calls.

use std::ffi::CString;
use std::io;

use anyhow::{Context as _, Result, ensure};
use io_uring::{IoUring, opcode, types};

/// A ring.
pub(crate) fn make() -> Result<IoUring> {
    IoUring::new(2).context("io_uring_setup")
}

/// Unlinks a file through a ring.
pub(crate) fn unlink(path: &str) -> Result<()> {
    let mut ring = make()?;
    let path = CString::new(path)?;
    let entry = opcode::UnlinkAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr()).build();
    // SAFETY: the text lives until the operation has been waited for.
    unsafe { ring.submission().push(&entry) }.context("the ring is full")?;
    ring.submit_and_wait(1).context("io_uring_enter")?;
    let result = ring.completion().next().context("nothing was completed")?.result();
    ensure!(result == 0, io::Error::from_raw_os_error(-result));
    Ok(())
}
