//! Deeds that are about threads and users rather than about single calls.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use rustix::mount::mount_bind;
use rustix::process::{chroot, pivot_root};
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

use crate::calls;
use crate::steps::file_name;

/// Every thread unlinks a share of the files.
pub(crate) fn threads(threads: usize, count: usize) -> Result<()> {
    let together = Arc::new(Barrier::new(threads));
    let share = |first: usize| {
        let together = Arc::clone(&together);
        move || -> Result<()> {
            together.wait();
            (first..count).step_by(threads).try_for_each(unlink)
        }
    };
    let running: Vec<_> = (0..threads).map(|first| thread::spawn(share(first))).collect();
    running.into_iter().try_for_each(join)
}

/// The main thread goes first.
pub(crate) fn without_leader(count: usize) -> Result<()> {
    let leader = rustix::process::getpid().as_raw_nonzero();
    thread::spawn(move || {
        let outcome = wait_for_zombie(&format!("/proc/self/task/{leader}/status"))
            .and_then(|()| (0..count).try_for_each(unlink));
        // The process ends here, since the main thread is gone; its exit status is all that the tests see.
        #[expect(clippy::disallowed_methods, reason = "there is no main to return to")]
        std::process::exit(i32::from(outcome.is_err()));
    });
    calls::exit_thread()
}

/// Another thread than the main one becomes the program.
pub(crate) fn exec_from_thread(program: String, arguments: Vec<String>) -> Result<()> {
    join(thread::spawn(move || -> Result<()> { Err(Command::new(program).args(arguments).exec().into()) }))
}

/// As many children as there may be.
pub(crate) fn brood(most: usize) -> Result<()> {
    let mut brood = Vec::new();
    let refused = loop {
        if brood.len() == most {
            break "nothing".to_owned();
        }
        match Command::new("sleep").arg("60").spawn() {
            Ok(child) => brood.push(child),
            Err(error) => break error.to_string(),
        }
    };
    println!("{} children, then {refused}", brood.len());
    let read = std::io::stdin().read_line(&mut String::new());
    for mut child in brood {
        child.kill()?;
        child.wait()?;
    }
    read.map(drop).context("cannot read the line")
}

/// The ways to another root.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum How {
    Chroot,
    /// In the mount namespace that we have been given
    PivotRoot,
}

/// From now on a directory is the root.
pub(crate) fn enter(how: How, directory: &str) -> Result<()> {
    match how {
        How::Chroot => chroot(directory)?,
        How::PivotRoot => {
            mount_bind(directory, directory).context("cannot bind it to itself")?;
            std::env::set_current_dir(directory)?;
            // The old root comes to lie on the new one, where a path from the root does not look.
            pivot_root(".", ".").context("pivot_root")?;
        }
    }
    Ok(std::env::set_current_dir("/")?)
}

/// Goes to another CPU than this thread is on, if there is one.
pub(crate) fn next_cpu() -> Result<()> {
    static ALL: OnceLock<Vec<usize>> = OnceLock::new();
    if ALL.get().is_none() {
        let allowed = sched_getaffinity(None)?;
        let _ = ALL.set((0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect()); // by nobody else
    }
    let current = sched_getcpu();
    let Some(&other) = ALL.get().and_then(|all| all.iter().find(|&&cpu| cpu != current)) else {
        return Ok(());
    };
    let mut only = CpuSet::new();
    only.set(other);
    Ok(sched_setaffinity(None, &only)?)
}

/// A child that is in another control group from the start, and runs no program of its own.
pub(crate) fn born_in(directory: &str) -> Result<()> {
    let child = calls::fork_into(&File::open(directory)?)?;
    if let Some(child) = child {
        println!("pid {child}");
    }
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

/// The way sshd and cron look into a user's files.
pub(crate) fn as_effective(uid: u32, count: usize) -> Result<()> {
    calls::set_effective_user(uid)?;
    (0..count).try_for_each(unlink)?;
    calls::set_effective_user(0)
}

pub(crate) fn unlink(number: usize) -> Result<()> {
    let name = file_name(number);
    fs::remove_file(&name).with_context(|| format!("cannot unlink {name}"))
}

/// Until the thread has ended and the kernel keeps only its name.
fn wait_for_zombie(status: &str) -> Result<()> {
    loop {
        if fs::read_to_string(status).with_context(|| format!("cannot read {status}"))?.contains("State:\tZ")
        {
            return Ok(());
        }
        thread::yield_now();
    }
}

pub(crate) fn join(thread: thread::JoinHandle<Result<()>>) -> Result<()> {
    thread.join().map_err(|_| anyhow!("a thread panicked"))?
}
