//! The kernel's own sandbox, to compare with: it goes from a file up to the root as well, and looks for rules on the way.
//! There is no wrapper in the C library (<https://docs.kernel.org/userspace-api/landlock.html>).

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use anyhow::{Context as _, Result, ensure};

/// Removing files and directories, and moving them elsewhere.
const DESTROYS: u64 = 1 << 4 | 1 << 5 | 1 << 13;
/// A rule about all that lies below a directory.
const PATH_BENEATH: i32 = 1;

#[repr(C)]
struct Ruleset {
    handled: u64,
}

#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: i32,
}

/// From now on this process destroys below these directories only; without any, nothing changes.
pub(crate) fn restrict(directories: &[String]) -> Result<()> {
    if directories.is_empty() {
        return Ok(());
    }
    let ruleset = Ruleset { handled: DESTROYS };
    let size = size_of::<Ruleset>();
    // SAFETY: the kernel reads the attributes, whose size is told; the answer is a new descriptor.
    let ruleset = unsafe {
        let made = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const ruleset, size, 0);
        ensure!(made >= 0, "landlock_create_ruleset: {}", io::Error::last_os_error());
        OwnedFd::from_raw_fd(made as i32)
    };
    for directory in directories {
        let parent = File::open(directory).with_context(|| format!("cannot open {directory}"))?;
        let rule = Beneath { allowed: DESTROYS, parent: parent.as_raw_fd() };
        let number = ruleset.as_raw_fd();
        // SAFETY: the kernel reads the rule, whose kind tells its size.
        done(unsafe { libc::syscall(libc::SYS_landlock_add_rule, number, PATH_BENEATH, &raw const rule, 0) })
            .with_context(|| format!("landlock_add_rule for {directory}"))?;
    }
    // SAFETY: numbers only.
    done(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into()).context("no_new_privs")?;
    // SAFETY: numbers only.
    done(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) })
        .context("landlock_restrict_self")
}

fn done(result: libc::c_long) -> Result<()> {
    ensure!(result == 0, io::Error::last_os_error());
    Ok(())
}
