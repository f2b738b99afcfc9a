//! A throwaway user.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Signal, getpid, set_parent_process_death_signal};

use crate::{proc, wait};

static MADE: AtomicU32 = AtomicU32::new(0);

/// A user that did not exist before and does not after.
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
    /// Whether the system's list of users has it.
    listed: bool,
}

impl Account {
    /// Makes the user: without a home, a password or a shell.
    pub fn new() -> Result<Self> {
        let number = begin()?;
        let name = format!("bgtest-{}-{number}", getpid().as_raw_nonzero());
        let quiet = ["--system", "--no-create-home", "--no-log-init", "--user-group"];
        tool(Command::new("useradd").args(quiet).args(["--shell", "/usr/sbin/nologin", "--", &name]))?;
        // From here on the user is taken away again, whatever fails.
        let mut account = Self { name, uid: u32::MAX, gid: u32::MAX, listed: true };
        account.uid = id(&account.name, "--user")?;
        account.gid = id(&account.name, "--group")?;
        ensure!(account.uid != 0, "useradd made {} an alias of root", account.name);
        account.ensure_unused()?;
        Ok(account)
    }

    /// A mere user id that no user has: where many are needed, since it takes no time to make one.
    pub fn unlisted() -> Result<Self> {
        // Far above the ids that systems give out, and of our own, as the process id is.
        let uid =
            1_900_000_000 + getpid().as_raw_nonzero().get().unsigned_abs() % 1_000_000 * 100 + begin()? % 100;
        let account = Self { name: uid.to_string(), uid, gid: uid, listed: false };
        ensure!(id(&account.name, "--user").is_err(), "the user id {uid} belongs to a user");
        account.ensure_unused()?;
        Ok(account)
    }

    fn ensure_unused(&self) -> Result<()> {
        let mut processes = proc::of_user(self.uid)?;
        // One that has ended does nothing more, whenever its parent takes notice.
        processes.retain(|process| !process.is_zombie());
        ensure!(processes.is_empty(), "the user id {} is in use by others: {processes:?}", self.uid);
        Ok(())
    }

    /// Its name; of an unlisted one, its number.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its user id.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Its group id.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// A command that it runs: real, effective and saved ids are its own, it has no other groups.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.uid(self.uid).gid(self.gid).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        end_with_us(&mut command, Signal::KILL);
        command
    }

    /// A line of shell that it runs.
    #[must_use]
    pub fn shell(&self, script: &str) -> Command {
        let mut command = self.command("/bin/sh");
        command.args(["-c", script]);
        command
    }

    /// Ends every process it has.
    pub fn end_processes(&self) {
        if self.uid == u32::MAX {
            return;
        }
        let gone = wait::settle(|| {
            let left = proc::of_user(self.uid).unwrap_or_default();
            left.iter().filter(|process| !process.is_zombie()).for_each(proc::Process::kill);
            left.iter().all(proc::Process::is_zombie)
        });
        if !gone {
            eprintln!("processes of the throwaway user {} do not end", self.name);
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.end_processes();
        if !self.listed {
            return;
        }
        if let Err(error) = tool(Command::new("userdel").args(["--", &self.name])) {
            eprintln!("the throwaway user {} is left behind: {error:#}", self.name);
        }
    }
}

/// A child that we start gets this signal if we end without having ended it, as when we are killed.
pub fn end_with_us(command: &mut Command, signal: Signal) {
    // SAFETY: one system call without memory of its own. It comes after the change of user, which would undo it.
    unsafe {
        command.pre_exec(move || Ok(set_parent_process_death_signal(Some(signal))?));
    }
}

/// What has to be true before a user is made; the number of the one to make.
fn begin() -> Result<u32> {
    wait::catch_signals()?;
    wait::go_on()?;
    ensure!(rustix::process::geteuid().is_root(), "only root can make a throwaway user: run this as root");
    log_out()?;
    Ok(MADE.fetch_add(1, Ordering::Relaxed))
}

/// Whatever this thread starts from now on was started by nobody who has logged in: what a person does is no account's doing,
/// whatever user that person becomes.
fn log_out() -> Result<()> {
    const NOBODY: &str = "4294967295";
    let file = "/proc/thread-self/loginuid";
    match fs::read_to_string(file) {
        Ok(login) if login.trim() != NOBODY => fs::write(file, NOBODY)
            .with_context(|| format!("cannot write {file}: does auditctl make login user ids immutable?")),
        // Without audit nobody logs in.
        _ => Ok(()),
    }
}

fn id(name: &str, which: &str) -> Result<u32> {
    let answer = tool(Command::new("id").args([which, "--", name]))?;
    answer.trim().parse().with_context(|| format!("id {which} {name} answered {answer:?}"))
}

/// Runs a tool of the system to its end, for what it prints. In a process group of its own, so that Ctrl-C on our
/// terminal does not leave its work half done.
pub(crate) fn tool(command: &mut Command) -> Result<String> {
    let output = command
        .process_group(0)
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}: {}", output.status, complaint.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{command:?} printed something not UTF-8"))
}
