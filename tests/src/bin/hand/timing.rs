//! How long a thing takes that is done many times, undisturbed: the lowest tenth of batches, on one CPU. What other programs take of
//! it, of its caches or of its sibling then counts little, so that a busy machine gives nearly the answer of an idle one.

use std::ffi::CString;
use std::fs::File;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::steps::file_name;

/// What is done to files.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum What {
    Unlink,
    /// And close it
    Create,
    /// To a name of which there is none, which begins with g
    Rename,
    /// For reading, and close it
    Open,
}

/// The ns of one, in CPU time of this thread. Only the calls are timed: the names are made before.
pub(crate) fn files(what: What, cpu: usize, count: usize, prefix: char) -> Result<u64> {
    const BATCH: usize = 500;
    let here = File::open(".").context("cannot open the working directory")?;
    let names = |prefix: char| {
        let name = move |number| CString::new(format!("{prefix}{}", &file_name(number)[1..]));
        (0..count).map(name).collect::<Result<Vec<_>, _>>()
    };
    let names: Vec<_> = names(prefix)?.into_iter().zip(names('g')?).collect();
    let open = |name: &CString, flags| openat(&here, name, flags, Mode::RUSR).map(drop);
    undisturbed(cpu, &names, BATCH, ClockId::ThreadCPUTime, |(name, other)| {
        Ok(match what {
            What::Unlink => unlinkat(&here, name, AtFlags::empty()),
            What::Create => open(name, OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY),
            What::Rename => renameat(&here, name, &here, other),
            What::Open => open(name, OFlags::RDONLY),
        }?)
    })
}

/// The ns from before a program is started until it has been waited for. By the clock: it is another process's time.
pub(crate) fn runs(cpu: usize, count: usize) -> Result<u64> {
    const BATCH: usize = 20;
    undisturbed(cpu, &vec![(); count], BATCH, ClockId::Monotonic, |()| {
        let status = Command::new("/bin/true").status().context("cannot run /bin/true")?;
        ensure!(status.success(), "/bin/true ended with {status}");
        Ok(())
    })
}

fn undisturbed<T>(
    cpu: usize,
    over: &[T],
    batch: usize,
    clock: ClockId,
    act: impl Fn(&T) -> Result<()>,
) -> Result<u64> {
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).with_context(|| format!("cannot stay on CPU {cpu}"))?;
    let mut batches = Vec::new();
    for some in over.chunks_exact(batch) {
        let begun = read(clock);
        some.iter().try_for_each(&act)?;
        batches.push((read(clock) - begun).as_nanos() as u64 / batch as u64);
    }
    batches.sort_unstable();
    batches.get(batches.len() / 10).copied().with_context(|| format!("{} are less than a batch", over.len()))
}

fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
