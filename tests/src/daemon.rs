//! The agent under test: the real binary, its policy and the events it prints.

mod refused;

use std::fs::{self, File};
use std::io::Read as _;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process, setsid};

use crate::account::end_with_us;
use crate::ear::Ear;
use crate::event::{Armed, Held, Operation};
use crate::policy::Tier;
use crate::{Account, Burst, Counters, Event, Incident, Job, Manager, Policy, Terminal, ask, program, wait};

pub use refused::Refusal;

/// The directory of an agent's record, beside its policy.
const STATE: &str = "state";

/// An agent that runs and is armed.
pub struct Daemon {
    child: Child,
    ear: Ear,
    seen: Vec<Event>,
    complaints: File,
    armed: Armed,
    until_armed: Duration,
}

impl Daemon {
    /// Starts the agent with this policy, kept as a file in `directory`, and waits until it is armed. It lets go when it
    /// ends.
    pub fn start(policy: &Policy, directory: &Path) -> Result<Self> {
        Self::start_with(policy, directory, "off", &["--release-on-exit"])
    }

    /// The same; when it ends, what it has put into the kernel stays in force, until [`crate::release`].
    pub fn start_to_stay(policy: &Policy, directory: &Path) -> Result<Self> {
        Self::start_with(policy, directory, "off", &[])
    }

    /// As [`Self::start`], with metrics at an address.
    pub fn start_measured(policy: &Policy, directory: &Path, metrics: SocketAddr) -> Result<Self> {
        Self::start_with(policy, directory, &metrics.to_string(), &["--release-on-exit"])
    }

    /// As [`Self::start`], with the policy of this file and its drop-ins; the built-in one if there is none at its usual place.
    /// Its record is where it usually is.
    pub fn start_by_file(policy_file: &Path, tier: Tier) -> Result<Self> {
        let mut command = called(Command::new(program::agent()?), policy_file, "off", tier);
        command.arg("--release-on-exit");
        Self::begin(command, tier)
    }

    /// As [`Self::start_to_stay`], as the service of this manager.
    pub fn start_as_service(policy: &Policy, directory: &Path, manager: &Manager) -> Result<Self> {
        let (program, _passed) = manager.service(&program::agent()?)?;
        Self::begin(as_agent(program, &policy.write(directory)?, "off", policy.tier()), policy.tier())
    }

    /// As [`Self::start`], by this command, which becomes the agent: what the agent is told stands behind it.
    pub fn start_by(command: Command, policy: &Policy, directory: &Path) -> Result<Self> {
        let mut command = as_agent(command, &policy.write(directory)?, "off", policy.tier());
        command.arg("--release-on-exit");
        Self::begin(command, policy.tier())
    }

    /// As [`Self::start`], from this terminal.
    pub fn start_on(terminal: &Terminal, policy: &Policy, directory: &Path) -> Result<Self> {
        let mut command = Command::new(program::agent()?);
        as_called(
            &mut command,
            &policy.write(directory)?,
            "off",
            policy.tier(),
            Some(terminal.side()?.into()),
        );
        command.arg("--release-on-exit").arg("--state").arg(directory.join(STATE));
        Self::begin(command, policy.tier())
    }

    /// Has it read its policy again, as service managers do.
    pub fn hang_up(&self) -> Result<()> {
        signal(&self.child, Signal::HUP)
    }

    fn start_with(policy: &Policy, directory: &Path, metrics: &str, options: &[&str]) -> Result<Self> {
        let mut command = command(&policy.write(directory)?, metrics, policy.tier())?;
        command.args(options);
        Self::begin(command, policy.tier())
    }

    fn begin(mut command: Command, tier: Tier) -> Result<Self> {
        wait::go_on()?;
        let complaints = tempfile::tempfile().context("cannot make a temporary file")?;
        command.stdout(Stdio::piped()).stderr(complaints.try_clone()?);
        let begun = Instant::now();
        let mut child = command.spawn().context("cannot start the agent")?;
        let ear = Ear::to(child.stdout.take().context("the agent's output was piped just above")?);
        let armed = Armed { tier: String::new(), start_ms: 0.0 };
        let until_armed = Duration::ZERO;
        let mut daemon = Self { child, ear, seen: Vec::new(), complaints, armed, until_armed };
        let first = daemon.wait_for("armed", |event| match event {
            Event::Armed(armed) => Some(armed.clone()),
            _ => None,
        });
        daemon.until_armed = begun.elapsed();
        daemon.armed = first?;
        ensure!(daemon.armed.tier == tier.name(), "armed in another tier: {:?}", daemon.armed);
        Ok(daemon)
    }

    /// Starts it, tells it to end as soon as it is so far, and waits until it has ended.
    pub fn told_to_end_when(
        policy: &Policy,
        directory: &Path,
        so_far: impl Fn(u32) -> Result<bool>,
    ) -> Result<ExitStatus> {
        let mut command = command(&policy.write(directory)?, "off", policy.tier())?;
        command.arg("--release-on-exit");
        let mut child = command.stdout(Stdio::null()).spawn().context("cannot start the agent")?;
        let pid = child.id();
        let status = wait::until("the agent is so far", || Ok(so_far(pid)?.then_some(())))
            .and_then(|()| signal(&child, Signal::TERM))
            .and_then(|()| wait::until("the agent ends", || Ok(child.try_wait()?)));
        end(&mut child);
        status
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its first line.
    #[must_use]
    pub fn armed(&self) -> &Armed {
        &self.armed
    }

    /// From its start until we had read its first line.
    #[must_use]
    pub fn until_armed(&self) -> Duration {
        self.until_armed
    }

    /// Everything it has printed so far.
    pub fn seen(&mut self) -> Result<&[Event]> {
        while let Ok(event) = self.ear.inbox.try_recv() {
            self.seen.push(event?);
        }
        Ok(&self.seen)
    }

    /// Waits for an event, of those before now too.
    pub fn wait_for<T>(&mut self, what: &str, choose: impl Fn(&Event) -> Option<T>) -> Result<T> {
        if let Some(answer) = self.seen.iter().find_map(&choose) {
            return Ok(answer);
        }
        loop {
            let Some(event) = wait::next(what, &self.ear.inbox)? else {
                let status = self.child.wait().context("cannot wait for the agent")?;
                let complaint = read_all(&self.complaints)?;
                bail!("{what}: the agent has ended ({status}): {}", complaint.trim());
            };
            let event = event?;
            let answer = choose(&event);
            self.seen.push(event);
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }

    /// Waits for the burst; there should be no more than one account that makes one.
    pub fn burst(&mut self) -> Result<Burst> {
        self.wait_for("a burst", |event| match event {
            Event::Burst(burst) => Some(burst.clone()),
            _ => None,
        })
    }

    /// Waits for the burst that this process began.
    pub fn burst_by(&mut self, process: u32) -> Result<Burst> {
        self.wait_for("a burst of this process", |event| match event {
            Event::Burst(burst) if burst.pid == process => Some(burst.clone()),
            _ => None,
        })
    }

    /// Waits until it has reported that a call like this one waits.
    pub fn held(&mut self, like: impl Fn(&Held) -> bool) -> Result<Held> {
        self.wait_for("a held call", |event| match event {
            Event::Held(held) if held.incident != Incident::NONE && like(held) => Some(held.clone()),
            _ => None,
        })
    }

    /// The same of the first call of this process.
    pub fn held_by(&mut self, process: u32) -> Result<Held> {
        self.held(|held| held.pid == process)
    }

    /// The same of the first call of any process of this account.
    pub fn held_of(&mut self, account: &str) -> Result<Held> {
        self.held(|held| held.account == account)
    }

    /// Waits until it has reported that this process joined.
    pub fn joined(&mut self, process: u32) -> Result<()> {
        self.wait_for("the process joins", |event| {
            matches!(event, Event::Joined { pid } if *pid == process).then_some(())
        })
    }

    /// The operations it has reported so far.
    pub fn operations(&mut self) -> Result<Vec<Operation>> {
        let operations = self.seen()?.iter().filter_map(|event| match event {
            Event::Operation(operation) => Some(operation.clone()),
            _ => None,
        });
        Ok(operations.collect())
    }

    /// Whether it has reported a burst.
    pub fn has_burst(&mut self) -> Result<bool> {
        Ok(self.seen()?.iter().any(|event| matches!(event, Event::Burst(_))))
    }

    /// The first burst that it has reported of this account.
    pub fn burst_so_far(&mut self, account: &str) -> Result<Option<Burst>> {
        Ok(self.seen()?.iter().find_map(|event| match event {
            Event::Burst(burst) if burst.account == account => Some(burst.clone()),
            _ => None,
        }))
    }

    /// The processes it has reported as stopped so far.
    pub fn stopped(&mut self) -> Result<Vec<u32>> {
        let stopped = self.seen()?.iter().filter_map(|event| match event {
            Event::Stopped { pid, .. } => Some(*pid),
            _ => None,
        });
        Ok(stopped.collect())
    }

    /// Waits until it has read everything that happened before: records keep their order, so once it reports a process
    /// that we start now, it has reported all that was before. Returns that process's id.
    pub fn catch_up(&mut self, account: &Account) -> Result<u32> {
        let job = Job::start(account.command("/bin/true"))?;
        self.joined(job.pid()).context("the agent does not report what happens")?;
        Ok(job.pid())
    }

    /// Does something while it reloads its policy, and waits until that has come into force.
    pub fn during_a_reload<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        thread::scope(|scope| {
            let reload = scope.spawn(|| ask(&["reload", "--reason", "a test"]));
            wait::until("it reloads", || Ok(self.has_thread("reload")?.then_some(())))?;
            let done = act();
            let said = reload.join().map_err(|_| anyhow!("the reload panicked"))??;
            ensure!(said.exit == Some(0), "{said:?}");
            done
        })
    }

    /// Whether it has a thread of this name now.
    pub fn has_thread(&self, name: &str) -> Result<bool> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).context("the agent has ended")?;
        let names =
            threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
        Ok(names.into_iter().any(|comm| comm.trim_end() == name))
    }

    /// Ends it; anything that must not happen and did is an error.
    pub fn end_well(mut self) -> Result<Counters> {
        let counters = self.end()?;
        ensure!(counters.faults().is_empty(), "the agent counted faults: {:?}", counters.faults());
        Ok(counters)
    }

    /// Asks it to end, reads what it still prints, and returns what it counted.
    pub fn end(&mut self) -> Result<Counters> {
        self.end_by(Signal::TERM)
    }

    /// The same by another signal.
    pub fn end_by(&mut self, by: Signal) -> Result<Counters> {
        signal(&self.child, by)?;
        let counters = self.wait_for("the last line", |event| match event {
            Event::Ended { counters } => Some(counters.clone()),
            _ => None,
        })?;
        self.until_ended()?;
        Ok(counters)
    }

    /// From now on nobody reads what it prints, although the pipe stays open.
    pub fn turn_away(&self) {
        self.ear.turn_away();
    }

    /// Asks it to end without listening to it any more.
    pub fn end_unheard(&mut self) -> Result<()> {
        signal(&self.child, Signal::TERM)?;
        self.until_ended()
    }

    fn until_ended(&mut self) -> Result<()> {
        let status = wait::until("the agent ends", || Ok(self.child.try_wait()?))?;
        ensure!(status.success(), "the agent ended with {status}: {}", read_all(&self.complaints)?.trim());
        Ok(())
    }

    /// What it has complained about so far.
    pub fn complaints(&self) -> Result<String> {
        read_all(&self.complaints)
    }

    /// Waits until it has complained of this: what it says to standard error comes by another way than the events, and may be
    /// later than those that follow.
    pub fn until_complains(&self, of: &str) -> Result<()> {
        let complains = || Ok(self.complaints()?.contains(of).then_some(()));
        wait::until(&format!("it complains of {of:?}"), complains)
            .with_context(|| self.complaints().unwrap_or_default())
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("cannot kill the agent")?;
        self.child.wait().context("cannot wait for the agent")?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// How the agent is called.
fn command(policy_file: &Path, metrics: &str, tier: Tier) -> Result<Command> {
    Ok(as_agent(Command::new(program::agent()?), policy_file, metrics, tier))
}

/// With a record of its own, beside its policy.
fn as_agent(command: Command, policy_file: &Path, metrics: &str, tier: Tier) -> Command {
    let mut command = called(command, policy_file, metrics, tier);
    command.arg("--state").arg(policy_file.with_file_name(STATE));
    command
}

fn called(mut command: Command, policy_file: &Path, metrics: &str, tier: Tier) -> Command {
    as_called(&mut command, policy_file, metrics, tier, None);
    command
}

fn as_called(
    command: &mut Command,
    policy_file: &Path,
    metrics: &str,
    tier: Tier,
    terminal: Option<OwnedFd>,
) {
    command.args(["run", "--json", "--tier", tier.name(), "--metrics", metrics, "--policy"]).arg(policy_file);
    own_session(command, terminal);
    command.stdin(Stdio::null());
    end_with_us(command, Signal::TERM);
}

/// A session of its own: Ctrl-C on our terminal is for us, and we end it. It has this terminal, or none.
fn own_session(command: &mut Command, terminal: Option<OwnedFd>) {
    // SAFETY: two system calls without memory of their own.
    unsafe {
        command.pre_exec(move || {
            setsid()?;
            terminal.as_ref().map_or(Ok(()), |terminal| Ok(ioctl_tiocsctty(terminal)?))
        });
    }
}

fn signal(child: &Child, signal: Signal) -> Result<()> {
    // Not waited for yet, so the id cannot be another's.
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a child has an id")?;
    kill_process(pid, signal).with_context(|| format!("cannot signal the agent, process {}", child.id()))
}

/// Ends an agent for good: gently, so that it lets go of what it has stopped, or else not.
fn end(child: &mut Child) {
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    let _ = signal(child, Signal::TERM); // it may just have ended
    let pid = child.id();
    let gone = wait::settle(|| crate::proc::Process::look(pid).is_none_or(|process| process.is_zombie()));
    if !gone {
        eprintln!("the agent, process {pid}, does not end on SIGTERM: killing it");
        let _ = child.kill(); // as above
    }
    let _ = child.wait(); // nothing is to be done about an error here
}

fn read_all(mut file: &File) -> Result<String> {
    use std::io::Seek as _;
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).context("reading what the agent wrote")?;
    Ok(text)
}
