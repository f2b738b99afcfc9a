//! What people use today, to measure beside: each on the same machine, in the same run, and about users of ours alone.
//!
//! All have the same orders: past so many files that a user has removed, stop all that the user runs. Two are small programs as
//! one would write them, which we are ourselves when we are started so; the others are Debian's packages.

pub(crate) mod auditd;
pub(crate) mod bpftrace;
mod fanotify;
mod inotify;
mod packages;
mod stopper;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tests::{Job, Outcome, end_with_us, wait};

/// One of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Inotify,
    Fanotify,
    Auditd,
    BpftraceSignal,
    BpftraceScript,
}

/// What a peer is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) by: By,
    /// How many files a user may remove.
    pub(crate) budget: u64,
    pub(crate) watched: Vec<Watched>,
}

/// Where a peer that is a program of ours hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum By {
    Inotify,
    Fanotify,
    /// As a plugin of auditd.
    Audit,
    /// From who prints users, a line each.
    Printed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Watched {
    pub(crate) uid: u32,
    pub(crate) directory: PathBuf,
}

/// A peer that is ready. Dropping it ends it.
#[expect(dead_code, reason = "held for their ends")]
pub(crate) enum Running {
    Job(Job, TempDir),
    Auditd(auditd::Auditd),
}

/// What a program of ours says when it is ready.
const READY: &str = "the peer is ready";

impl Peer {
    pub(crate) const ALL: [Self; 5] =
        [Self::Inotify, Self::Fanotify, Self::Auditd, Self::BpftraceSignal, Self::BpftraceScript];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Inotify => "inotify, then SIGSTOP",
            Self::Fanotify => "fanotify, then SIGSTOP",
            Self::Auditd => "auditd with a dispatcher",
            Self::BpftraceSignal => "bpftrace with a signal",
            Self::BpftraceScript => "bpftrace to a script",
        }
    }

    /// Starts it and waits until it is ready. An error is why there is none here.
    pub(crate) fn start(self, budget: u64, watched: &[Watched]) -> Result<Running> {
        let home = TempDir::with_prefix("burstguard-peer-").context("cannot make a directory")?;
        let orders = |by| Orders { by, budget, watched: watched.to_vec() }.command(home.path());
        let job = match self {
            Self::Inotify => begin(orders(By::Inotify)?, READY)?,
            Self::Fanotify => begin(orders(By::Fanotify)?, READY)?,
            Self::Auditd => {
                let rules = watched.iter().map(|Watched { uid, directory }| auditd::Rule {
                    uid: *uid,
                    directory: Some(directory.clone()),
                    calls: auditd::REMOVES,
                });
                let plugin = Orders { by: By::Audit, budget, watched: watched.to_vec() };
                return auditd::Auditd::start(&rules.collect::<Vec<_>>(), Some(&plugin)).map(Running::Auditd);
            }
            Self::BpftraceSignal => bpftrace::signals(budget, watched)?,
            Self::BpftraceScript => bpftrace::prints(watched, &orders(By::Printed)?)?,
        };
        Ok(Running::Job(job, home))
    }
}

impl Orders {
    /// Us, as this peer; its orders lie in a directory that outlives it.
    pub(crate) fn command(&self, directory: &Path) -> Result<Command> {
        let file = directory.join("orders");
        fs::write(&file, serde_json::to_vec(self)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = Command::new(std::env::current_exe().context("cannot tell which program this is")?);
        command.arg("peer").arg(file);
        Ok(command)
    }
}

/// Starts a program and waits until it says that it is ready.
pub(crate) fn begin(mut command: Command, ready: &str) -> Result<Job> {
    let words = command.get_program().display().to_string();
    end_with_us(&mut command, Signal::TERM);
    let job = Job::start(command)?;
    wait::until(&format!("{words} is ready"), || {
        if job.output()?.contains(ready) || job.complaint()?.contains(ready) {
            return Ok(Some(()));
        }
        match job.try_change() {
            None | Some(Outcome::Stopped(_)) => Ok(None),
            Some(ended) => bail!("{words}: {ended:?}: {}", last_line(&job.complaint()?)),
        }
    })?;
    Ok(job)
}

/// What a program has said last of why it ends.
pub(crate) fn last_line(complaint: &str) -> String {
    let mut lines = complaint.lines().map(str::trim).filter(|line| line.chars().any(char::is_alphabetic));
    lines.next_back().unwrap_or("it said nothing").to_owned()
}

/// Be the peer that is ordered.
pub(crate) fn be(orders: &Path) -> Result<()> {
    let text = fs::read(orders).with_context(|| format!("cannot read {}", orders.display()))?;
    let orders: Orders = serde_json::from_slice(&text).context("what the bench has ordered")?;
    let stopper = stopper::Stopper::new(&orders);
    match orders.by {
        By::Inotify => inotify::watch(&orders, stopper),
        By::Fanotify => fanotify::watch(&orders, stopper),
        By::Audit => auditd::listen(stopper),
        By::Printed => bpftrace::listen(stopper),
    }
}

/// Says so to whoever has started us.
fn say_ready() -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{READY}").and_then(|()| out.flush()).context("nobody listens")
}
