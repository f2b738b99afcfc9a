//! What is there to be told apart, and an agent that does.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{Cgroup, Daemon, Job, Party, Policy, ask_json, proc, wait};

use crate::check::FILES;

/// Prints the id that the process has for everybody, in whichever namespace it is, and stays as it is.
pub(super) const READY: &str = "read pid rest < /proc/self/stat; echo pid $pid; read line";
/// The same of one that has nothing to read from, and stays as another program.
pub(super) const ASLEEP: &str = "read pid rest < /proc/self/stat; echo pid $pid; exec sleep 60";

/// The accounts.
pub(super) const USER: &str = "a0";
pub(super) const PROGRAM: &str = "a1";
pub(super) const UNIT: &str = "a2";
pub(super) const SCRIPT: &str = "a3";
pub(super) const LOGIN: &str = "a4";

/// Login user ids: of an account, and of a person.
pub(super) const LOGGED_IN: u32 = 1_899_000_001;
pub(super) const PERSON: u32 = 1_899_000_002;

/// What is there to be told apart, and an agent that does.
pub(super) struct Host {
    // Dropped in this order.
    daemon: Option<Daemon>,
    pub(super) unit: Cgroup,
    pub(super) container: Cgroup,
    pub(super) elsewhere: Cgroup,
    pub(super) party: Party,
}

impl Host {
    pub(super) fn new() -> Result<Self> {
        let party = Party::new(FILES)?;
        let base = party.ground.base().to_owned();
        fs::create_dir_all(base.join("opt/v1/bin"))?;
        let shell = fs::canonicalize("/bin/sh")?;
        for program in ["prog", "copy", "late", "opt/v1/bin/run"] {
            fs::copy(&shell, base.join(program))
                .with_context(|| format!("cannot copy {}", shell.display()))?;
        }
        fs::copy(&shell, base.join("suid")).with_context(|| format!("cannot copy {}", shell.display()))?;
        fs::set_permissions(base.join("suid"), Permissions::from_mode(0o4755))?;
        fs::hard_link(base.join("prog"), base.join("other"))?;
        symlink("prog", base.join("link"))?;
        for script in ["run.sh", "deploy.sh"] {
            fs::write(base.join(script), format!("#!/bin/sh\n{READY}\n"))?;
            fs::set_permissions(base.join(script), Permissions::from_mode(0o755))?;
        }
        let [unit, container, elsewhere] = ["ci.service", "box", "none"].map(Cgroup::new);
        Ok(Self { daemon: None, unit: unit?, container: container?, elsewhere: elsewhere?, party })
    }

    pub(super) fn watch(&mut self) -> Result<()> {
        let Party { ground, account } = &self.party;
        let base = ground.base().to_string_lossy().into_owned();
        let tree = |name: &str| {
            let tree = ground.home().join(name);
            ground.make_directory(&tree).map(|()| tree)
        };
        let policy = Policy::of_nobody()
            .and(account.name(), &tree("own")?)
            .and_told_by(
                &format!("executables = ['{base}/link', '{base}/o*t/v*/bin/run', '{base}/deploy.sh']"),
                &ground.tree(),
            )
            .and_told_by("units = ['bgtest-*.service', '/bgtest-*-box']", &tree("units")?)
            .and_told_by(&format!("scripts = ['{base}/run.sh']"), &tree("scripts")?)
            .and_told_by(&format!("login = [{LOGGED_IN}]"), &tree("login")?);
        self.daemon = Some(Daemon::start(&policy, ground.base())?);
        Ok(())
    }

    pub(super) fn base(&self, name: &str) -> PathBuf {
        self.party.ground.base().join(name)
    }

    /// As root, without a login.
    pub(super) fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script])
            .env("READY", READY)
            .env("ASLEEP", ASLEEP)
            .current_dir(self.party.ground.base());
        command.env("USER_ID", self.party.account.uid().to_string());
        command
    }

    /// As the user.
    pub(super) fn by_user(&self, program: &str, script: &str) -> Command {
        let mut command = self.party.account.command(program);
        command
            .args(["-c", script])
            .env("READY", READY)
            .env("ASLEEP", ASLEEP)
            .current_dir(self.party.ground.base());
        command
    }

    pub(super) fn end(mut self) -> Result<()> {
        self.party.account.end_processes();
        self.daemon.take().context("it was started")?.end_well().map(drop)
    }
}

/// A command that has printed which process is meant.
pub(super) struct Running {
    pub(super) pid: u32,
    job: Job,
}

impl Running {
    pub(super) fn start(command: Command) -> Result<Self> {
        let job = Job::start(command)?;
        let pid = wait::until("a process says which it is", || {
            let said = job.output()?;
            let line = said.lines().find_map(|line| line.strip_prefix("pid "));
            ensure!(said.ends_with('\n') || line.is_none() || job.goes_on(), "{}", job.complaint()?);
            Ok(line.filter(|_| said.ends_with('\n')).and_then(|pid| pid.parse().ok()))
        })?;
        Ok(Self { pid, job })
    }

    /// Whom it acts for, and by which kind of evidence.
    fn acts_for(&self) -> Result<(Value, Value)> {
        let whois = ask_json(&["whois", &self.pid.to_string()])?;
        Ok((whois["account"].clone(), whois["by"]["kind"].clone()))
    }

    pub(super) fn expect(&self, expected: Expected) -> Result<()> {
        let (account, kind) =
            expected.map_or((Value::Null, Value::Null), |(account, kind)| (account.into(), kind.into()));
        let found = self.acts_for()?;
        ensure!(found == (account.clone(), kind.clone()), "{found:?}, not {account} by {kind}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have left the job's process group.
        proc::Process::look(self.pid)
            .filter(|_| self.pid != self.job.pid())
            .iter()
            .for_each(proc::Process::kill);
    }
}

/// An account and a kind of evidence; none for nobody.
pub(super) type Expected = Option<(&'static str, &'static str)>;
