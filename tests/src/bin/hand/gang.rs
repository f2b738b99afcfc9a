//! Many who destroy at once: processes, a storm of forks, a ring. Whoever is refused goes on with the next file.

use std::io;
use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result, ensure};

use crate::processes::unlink;

/// Each process unlinks a share of the files; all begin together.
pub(crate) fn processes(processes: usize, count: usize) -> Result<()> {
    let (gate, key) = rustix::pipe::pipe().context("cannot make a pipe")?;
    let key = Some(key);
    let pass = |key: &Option<OwnedFd>| {
        // SAFETY: our end of the pipe, which this child has inherited and uses no more.
        unsafe { libc::close(std::os::fd::AsRawFd::as_raw_fd(key.as_ref().unwrap_or(&gate))) };
        // It ends when nobody has the other end any more: when the parent has made all of us.
        let _ = rustix::io::read(&gate, &mut [0_u8; 1]);
    };
    for first in 0..processes {
        child(|| {
            pass(&key);
            share(first, count, processes);
        })?;
    }
    drop(key);
    wait_for_all()
}

/// One child after another, without a pause, each of which unlinks a share of the files.
pub(crate) fn storm(children: usize, count: usize) -> Result<()> {
    (0..children).try_for_each(|first| child(|| share(first, count, children)))?;
    wait_for_all()
}

fn share(first: usize, count: usize, step: usize) {
    (first..count).step_by(step).for_each(|number| drop(unlink(number)));
}

/// A child that does this and ends.
fn child(work: impl FnOnce()) -> Result<()> {
    // SAFETY: the program has one thread, so the child is as whole as its parent.
    let child = unsafe { libc::fork() };
    ensure!(child >= 0, io::Error::last_os_error());
    if child == 0 {
        work();
        // SAFETY: ends the child without running what belongs to its parent.
        unsafe { libc::_exit(0) };
    }
    Ok(())
}

fn wait_for_all() -> Result<()> {
    // SAFETY: no status is asked for.
    while unsafe { libc::wait(std::ptr::null_mut()) } > 0 {}
    Ok(())
}
