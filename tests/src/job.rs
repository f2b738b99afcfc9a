//! A command that runs, and what becomes of it: it may end, and it may be stopped.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context as _, Result, bail};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process, kill_process_group, waitid,
};

use crate::{clock, wait};

/// A command in a process group of its own. Dropping it ends that group.
pub struct Job {
    pid: Pid,
    words: String,
    stdin: Option<ChildStdin>,
    output: File,
    complaints: File,
    changes: Receiver<Change>,
}

/// What happened to the job's process, and when we knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub outcome: Outcome,
    /// When, on the clock of the agent's records.
    pub at_ns: u64,
}

/// What may happen to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ended by itself, with this code.
    Exited(i32),
    /// A signal ended it.
    Killed(i32),
    /// A signal stopped it.
    Stopped(i32),
}

impl Job {
    /// Starts it.
    pub fn start(mut command: Command) -> Result<Self> {
        wait::go_on()?;
        let (output, complaints) = (tempfile::tempfile()?, tempfile::tempfile()?);
        command.process_group(0).stdin(Stdio::piped());
        command.stdout(output.try_clone()?).stderr(complaints.try_clone()?);
        let words = format!("{command:?}");
        let mut child = command.spawn().with_context(|| format!("cannot start {words}"))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a child has an id")?;
        let (sender, changes) = channel();
        thread::spawn(move || watch(pid, &sender));
        Ok(Self { pid, words, stdin: child.stdin.take(), output, complaints, changes })
    }

    /// The id of its process, and of its process group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits until it is stopped; an error if it ends instead.
    pub fn until_stopped(&self) -> Result<Change> {
        match self.next_change()? {
            change @ Change { outcome: Outcome::Stopped(_), .. } => Ok(change),
            other => {
                bail!("{}: {:?} instead of stopped; {}", self.words, other.outcome, self.words_of_its_own())
            }
        }
    }

    /// Waits until it ends; an error if it is stopped instead.
    pub fn until_ended(&self) -> Result<Outcome> {
        match self.next_change()?.outcome {
            Outcome::Stopped(signal) => bail!("{}: stopped by signal {signal} instead of ended", self.words),
            ended => Ok(ended),
        }
    }

    /// Waits until it ends, and is content with success only.
    pub fn until_done(&self) -> Result<()> {
        match self.until_ended()? {
            Outcome::Exited(0) => Ok(()),
            other => bail!("{}: {other:?}; {}", self.words, self.words_of_its_own()),
        }
    }

    /// Waits until it ends, however often it is stopped on the way: sudo, when it goes on before its child does, stops
    /// itself anew.
    pub fn until_ended_at_last(&self) -> Result<Outcome> {
        loop {
            match self.next_change()?.outcome {
                Outcome::Stopped(_) => {}
                ended => return Ok(ended),
            }
        }
    }

    /// The same, and is content with success only.
    pub fn until_done_in_the_end(&self) -> Result<()> {
        match self.until_ended_at_last()? {
            Outcome::Exited(0) => Ok(()),
            other => bail!("{}: {other:?}; {}", self.words, self.words_of_its_own()),
        }
    }

    /// Waits for whatever happens to it next.
    pub fn next_change(&self) -> Result<Change> {
        wait::next(&format!("{} ends or is stopped", self.words), &self.changes)?
            .with_context(|| format!("{} has ended already", self.words))
    }

    /// What has happened to it that was not asked for yet.
    #[must_use]
    pub fn try_change(&self) -> Option<Outcome> {
        self.changes.try_recv().ok().map(|change| change.outcome)
    }

    /// Whether nothing has happened to it that was not asked for yet.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.changes.try_recv().is_err()
    }

    /// Gives it a line to read.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("its input is open until it is dropped")?;
        writeln!(stdin, "{line}").with_context(|| format!("{} does not read", self.words))
    }

    /// Continues its process, as anyone may who has the right to.
    pub fn continue_it(&self) -> Result<()> {
        kill_process(self.pid, Signal::CONT).with_context(|| format!("cannot continue {}", self.words))
    }

    /// Waits until it has printed this.
    pub fn until_says(&self, words: &str) -> Result<()> {
        let says = || Ok(self.output()?.contains(words).then_some(()));
        wait::until(&format!("{} says {words:?}", self.words), says)
    }

    /// What it has printed so far.
    pub fn output(&self) -> Result<String> {
        text(&self.output)
    }

    /// What it has complained about so far.
    pub fn complaint(&self) -> Result<String> {
        text(&self.complaints)
    }

    fn words_of_its_own(&self) -> String {
        text(&self.complaints).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Nobody but us takes its exit status, so neither id can be another's before the last line.
        let _ = kill_process_group(self.pid, Signal::KILL); // it may have gone by itself
        let _ = waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED);
    }
}

/// Reports every stop and the end of a child, and leaves the ended one to be waited for.
fn watch(pid: Pid, sender: &Sender<Change>) {
    let look = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
    loop {
        let status = match waitid(WaitId::Pid(pid), look) {
            Ok(Some(status)) => status,
            Ok(None) | Err(Errno::INTR) => continue,
            Err(_) => return, // dropped meanwhile
        };
        let at_ns = clock::boot_ns();
        let Some(outcome) = Outcome::of(&status) else { return };
        let stopped = matches!(outcome, Outcome::Stopped(_));
        if stopped {
            // Taken, so that the next look waits for the next stop.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG);
        }
        if sender.send(Change { outcome, at_ns }).is_err() || !stopped {
            return;
        }
    }
}

impl Outcome {
    fn of(status: &WaitIdStatus) -> Option<Self> {
        let exited = status.exit_status().map(Self::Exited);
        let killed = || status.terminating_signal().map(Self::Killed);
        let stopped = || status.stopping_signal().map(Self::Stopped);
        exited.or_else(killed).or_else(stopped)
    }
}

/// Without moving the place that the job, which shares it with us, writes to.
fn text(file: &File) -> Result<String> {
    let read = || {
        let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0)?;
        anyhow::Ok(bytes)
    };
    let bytes = read().context("reading what a job wrote")?;
    String::from_utf8(bytes).context("a job wrote something not UTF-8")
}
