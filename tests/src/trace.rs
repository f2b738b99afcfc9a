//! One thread of an agent, followed call by call, so that the agent can be killed at one very point.

use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::{Daemon, wait};

/// Lets an agent go on, and kills it before its thread of this name goes on from the first system call after which it is
/// `so_far`. `meanwhile` is done while it is followed, by somebody else.
pub fn killed_when<T: Send>(
    daemon: &mut Daemon,
    thread: &str,
    mut so_far: impl FnMut() -> Result<bool>,
    meanwhile: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let process = pid(daemon.pid())?;
    let followed = Followed::seize(daemon.pid(), thread)?;
    std::thread::scope(|scope| {
        let meanwhile = scope.spawn(meanwhile);
        let point = followed.until(&mut so_far);
        // Also if it never came so far: whoever waits for it must not wait for ever.
        kill(process, Signal::SIGKILL).context("cannot kill the agent")?;
        followed.until_ended()?;
        daemon.kill()?;
        let done = meanwhile.join().map_err(|_| anyhow::anyhow!("what was done meanwhile panicked"))?;
        point.and(done)
    })
}

/// A thread that stops at each system call.
struct Followed(Pid);

impl Followed {
    fn seize(process: u32, thread: &str) -> Result<Self> {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).context("the agent has ended")?;
        let named = tasks.flatten().find(|task| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == thread)
        });
        let name = named.with_context(|| format!("the agent has no thread {thread}"))?.file_name();
        let thread = pid(name.to_str().context("a number")?.parse()?)?;
        ptrace::seize(thread, Options::PTRACE_O_TRACESYSGOOD).context("cannot follow the thread")?;
        ptrace::interrupt(thread).context("cannot stop the thread")?;
        Ok(Self(thread))
    }

    /// Until it stands still behind a call after which it is so far. Nothing may take long here: the agent waits for this thread.
    fn until(&self, so_far: &mut impl FnMut() -> Result<bool>) -> Result<()> {
        let end = Instant::now() + wait::patience();
        loop {
            let signal = match waitpid(self.0, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG))? {
                WaitStatus::StillAlive if Instant::now() > end => bail!("the thread never comes so far"),
                WaitStatus::StillAlive => {
                    wait::go_on()?;
                    std::thread::yield_now();
                    continue;
                }
                WaitStatus::Stopped(_, signal) => Some(signal),
                WaitStatus::PtraceSyscall(_) | WaitStatus::PtraceEvent(..) => None,
                other => bail!("the thread has ended: {other:?}"),
            };
            if so_far()? {
                return Ok(());
            }
            ptrace::syscall(self.0, signal).context("cannot let the thread go on")?;
        }
    }

    /// A process does not end before whoever follows a thread of it has heard of the end.
    fn until_ended(&self) -> Result<()> {
        loop {
            match waitpid(self.0, Some(WaitPidFlag::__WALL)) {
                Err(Errno::ECHILD) | Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error).context("cannot wait for the thread"),
            }
        }
    }
}

fn pid(id: u32) -> Result<Pid> {
    Ok(Pid::from_raw(id.try_into()?))
}
