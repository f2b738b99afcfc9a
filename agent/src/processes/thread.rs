//! What one thread does, as far as /proc tells.

use super::proc;

/// A thread at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doing {
    /// It is stopped by a signal.
    pub(crate) stopped: bool,
    pub(crate) call: Call,
    /// How long it was at work in its own program so far, in clock ticks.
    pub(crate) user_time: u64,
}

/// Where it sleeps or is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// In a system call: its number, arguments, stack and place, or that it is in none. A call that the kernel begins anew is
    /// the same in all of them.
    In(String),
    /// It has a CPU, or waits for one.
    Running,
    /// We may not know: `ptrace_scope` forbids it to everybody.
    Unknown,
}

impl Doing {
    /// None if the thread has ended.
    pub(crate) fn look(pid: u32, tid: u32) -> Option<Self> {
        let before = proc::stat_of_thread(pid, tid)?;
        let line = proc::read(format!("/proc/{pid}/task/{tid}/syscall"));
        let after = proc::stat_of_thread(pid, tid)?;
        let call = line.map_or(Call::Unknown, |line| Call::of(line.trim_end()));
        Some(Self { stopped: before.stopped() && after.stopped(), call, user_time: after.user_time })
    }
}

impl Call {
    fn of(line: &str) -> Self {
        if line == "running" { Self::Running } else { Self::In(line.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn shell(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().expect("a shell")
    }

    /// Looks at it until it is so, then ends it.
    fn until(mut child: Child, so: impl Fn(Doing) -> bool) {
        while !so(Doing::look(child.id(), child.id()).expect("the child")) {
            std::thread::yield_now();
        }
        assert_eq!(Doing::look(child.id(), 1), None, "another process's thread");
        child.kill().expect("a signal");
        child.wait().expect("its status");
    }

    #[test]
    fn a_thread_sleeps_in_a_call_or_works() {
        // The call number of read, of its standard input.
        until(shell("read go"), |doing| matches!(doing.call, Call::In(line) if line.starts_with("0 0x0 ")));
        let works = shell("while :; do :; done");
        until(works, |doing| !doing.stopped && doing.call == Call::Running && doing.user_time > 0);
        until(shell("kill -STOP $$"), |doing| doing.stopped);
    }
}
