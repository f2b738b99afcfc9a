//! Deeds that are about threads, users and time rather than about single calls.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use rustix::fs::{AtFlags, unlinkat};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

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

/// The ns of an undisturbed unlink: the lowest tenth of batches, in CPU time of this thread. What other programs take of
/// the CPU, of its caches or of its sibling then counts little, so that a busy machine gives nearly the answer of an idle
/// one. Only the calls are timed: the names are made before.
pub(crate) fn time(cpu: usize, count: usize) -> Result<u64> {
    const BATCH: usize = 500;
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).with_context(|| format!("cannot stay on CPU {cpu}"))?;
    let here = File::open(".").context("cannot open the working directory")?;
    let names = (0..count).map(|number| CString::new(file_name(number)));
    let names: Vec<_> = names.collect::<Result<_, _>>()?;
    let mut batches = Vec::new();
    for batch in names.chunks_exact(BATCH) {
        let begun = cpu_time();
        for name in batch {
            unlinkat(&here, name, AtFlags::empty())?;
        }
        batches.push((cpu_time() - begun).as_nanos() as u64 / BATCH as u64);
    }
    batches.sort_unstable();
    batches.get(batches.len() / 10).copied().with_context(|| format!("{count} files are less than a batch"))
}

/// How long this thread has had a CPU.
fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
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
