//! Contents that change by a descriptor whose opening costs nothing: it can only append.

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, Write as _};
use std::os::fd::AsRawFd as _;
use std::ptr::null_mut;

use anyhow::{Result, ensure};
use rustix::fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags, fallocate, fcntl_setfl, linkat, openat};
use rustix::io::{ReadWriteFlags, pwritev2};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::steps::file_name;

fn open(path: &str) -> Result<File> {
    Ok(OpenOptions::new().read(true).append(true).open(path)?)
}

/// Stores a byte through a shared mapping.
pub(crate) fn store(path: &str) -> Result<()> {
    const LENGTH: usize = 1;
    let file = open(path)?;
    ensure!(file.metadata()?.len() >= LENGTH as u64, "there is nothing to store to");
    // SAFETY: a new mapping at an address of the kernel's choice; the byte is within the file, and nobody shortens it.
    unsafe {
        let mapping = mmap(null_mut(), LENGTH, ProtFlags::WRITE, MapFlags::SHARED, &file, 0)?;
        mapping.cast::<u8>().write_volatile(b'X');
        munmap(mapping, LENGTH)?;
    }
    Ok(())
}

/// Makes the whole file a hole.
pub(crate) fn punch(path: &str) -> Result<()> {
    let file = open(path)?;
    Ok(fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, file.metadata()?.len())?)
}

/// Takes its first block out of a file of more than one.
pub(crate) fn collapse(path: &str) -> Result<()> {
    const BLOCK: u64 = 4096;
    Ok(fallocate(open(path)?, FallocateFlags::COLLAPSE_RANGE, 0, BLOCK)?)
}

/// Has the descriptor append no more, and overwrites.
pub(crate) fn append_no_more(path: &str) -> Result<()> {
    let mut file = open(path)?;
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file.write_all(b"X")?)
}

/// Overwrites all the same.
pub(crate) fn write_no_append(path: &str) -> Result<()> {
    let flag = ReadWriteFlags::from_bits_retain(libc::RWF_NOAPPEND as u32);
    Ok(pwritev2(open(path)?, &[IoSlice::new(b"X")], 0, flag).map(drop)?)
}

/// Gives a file without a name one.
pub(crate) fn link_nameless(directory: &str, path: &str) -> Result<()> {
    let file = openat(CWD, directory, OFlags::TMPFILE | OFlags::RDWR, Mode::RUSR | Mode::WUSR)?;
    let here = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, here, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Opens the first file for overwriting again and again, and writes nothing.
pub(crate) fn overwrite(count: usize) -> Result<()> {
    for _ in 0..count {
        openat(CWD, file_name(0), OFlags::WRONLY, Mode::empty())?;
    }
    Ok(())
}
