//! auditd: rules in the kernel, a daemon that hears what they match, and a plugin of its, which counts and signals.
//!
//! A daemon of our own, with a configuration and a log of its own. There can be one only: where the host has one, there is none of
//! ours. Once audit was in use, the kernel keeps a record of the call for every process that is made from then on, until the next
//! boot (<https://github.com/torvalds/linux/blob/v6.12/kernel/auditsc.c#L1053>), unless a rule says that no process needs one:
//! [`Unaudited`] has that rule while others are measured.

use std::fs::{self, Permissions};
use std::io::BufRead as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ::tests::{end_with_us, wait};
use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::stopper::Stopper;
use super::{Orders, last_line, packages};

/// The calls that remove.
pub(crate) const REMOVES: &[&str] = &["unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2"];
const KEY: &str = "burstguard-bench";
/// What the plugin makes when it listens.
const LISTENS: &str = "listens";

/// What the kernel is to tell of a user.
pub(crate) struct Rule {
    pub(crate) uid: u32,
    /// Below this; anywhere if there is none.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) calls: &'static [&'static str],
}

/// The daemon, with its rules. Dropping it takes all away again.
pub(crate) struct Auditd {
    child: Child,
    rules: Vec<Vec<String>>,
    before: Status,
    _home: TempDir,
}

/// What the kernel says of its audit.
#[derive(Clone, Copy, Debug)]
struct Status {
    enabled: u32,
    pid: u32,
    backlog_limit: u32,
}

impl Auditd {
    /// An error is why there is none here.
    pub(crate) fn start(rules: &[Rule], plugin: Option<&Orders>) -> Result<Self> {
        packages::provide("auditd", "/sbin/auditd")?;
        let before = Status::of_now()?;
        ensure!(before.pid == 0, "the host has an auditd of its own, process {}", before.pid);
        ensure!(before.enabled != 2, "the host's audit rules cannot be changed before the next boot");
        let home = TempDir::with_prefix("burstguard-audit-").context("cannot make a directory")?;
        configure(home.path(), plugin)?;
        let log = fs::File::create(home.path().join("said"))?;
        let mut command = Command::new("/sbin/auditd");
        command.args(["-n", "-c"]).arg(home.path()).stdin(Stdio::null());
        end_with_us(&mut command, rustix::process::Signal::TERM);
        let child = command.stdout(log.try_clone()?).stderr(log).spawn().context("cannot start auditd")?;
        // From here on all is taken away again, whatever fails.
        let mut auditd = Self { child, rules: Vec::new(), before, _home: home };
        auditd.until_it_listens(plugin.is_some())?;
        // As Debian's own configuration says.
        auditctl(&["-b", "8192"])?;
        rules.iter().try_for_each(|rule| auditd.add(rule))?;
        Ok(auditd)
    }

    fn until_it_listens(&mut self, has_plugin: bool) -> Result<()> {
        let home = self._home.path().to_owned();
        wait::until("auditd listens", || {
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(home.join("said")).unwrap_or_default();
                bail!("auditd ended with {status}: {}", last_line(&said));
            }
            let hears = Status::of_now()?.pid == self.child.id();
            Ok((hears && (!has_plugin || home.join(LISTENS).exists())).then_some(()))
        })
    }

    fn add(&mut self, rule: &Rule) -> Result<()> {
        let mut words = vec!["always,exit".to_owned(), "-F".to_owned(), "arch=b64".to_owned()];
        rule.calls.iter().for_each(|call| words.extend(["-S".to_owned(), (*call).to_owned()]));
        words.extend(["-F".to_owned(), format!("uid={}", rule.uid)]);
        if let Some(directory) = &rule.directory {
            words.extend(["-F".to_owned(), format!("dir={}", directory.display())]);
        }
        words.extend(["-k".to_owned(), KEY.to_owned()]);
        change("-a", &words)?;
        self.rules.push(words);
        Ok(())
    }
}

impl Drop for Auditd {
    fn drop(&mut self) {
        let Status { enabled, backlog_limit, .. } = self.before;
        let rules = std::mem::take(&mut self.rules);
        let mut outcomes: Vec<_> = rules.iter().map(|words| change("-d", words)).collect();
        let pid = Pid::from_raw(self.child.id().cast_signed());
        let _ = kill(pid, Signal::SIGTERM); // it may have ended by itself
        outcomes.push(self.child.wait().map(drop).context("auditd"));
        outcomes.push(auditctl(&["-b", &backlog_limit.to_string()]).map(drop));
        outcomes.push(auditctl(&["-e", &enabled.to_string()]).map(drop));
        for error in outcomes.into_iter().filter_map(Result::err) {
            eprintln!("the kernel's audit is not as it was: {error:#}");
        }
    }
}

/// While it is held, processes that are made have no record of their calls, as on a host whose audit was never in use.
pub(crate) struct Unaudited {
    ours: bool,
}

impl Unaudited {
    const RULE: &str = "never,task";

    /// A host that uses audit, or has none at all, is measured as it is.
    pub(crate) fn new() -> Self {
        let unused = || Status::of_now().is_ok_and(|status| status.enabled == 0 && status.pid == 0);
        let ours = Path::new("/sbin/auditctl").exists() && unused() && auditctl(&["-a", Self::RULE]).is_ok();
        Self { ours }
    }

    /// Until the answer is dropped, it is not.
    pub(crate) fn suspend(&self) -> Result<Suspended> {
        if self.ours {
            auditctl(&["-d", Self::RULE])?;
        }
        Ok(Suspended { ours: self.ours })
    }
}

impl Drop for Unaudited {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = auditctl(&["-d", Self::RULE])
        {
            eprintln!("the audit rule {} is left behind: {error:#}", Self::RULE);
        }
    }
}

/// The time in which audit is measured.
pub(crate) struct Suspended {
    ours: bool,
}

impl Drop for Suspended {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = auditctl(&["-a", Unaudited::RULE])
        {
            eprintln!("what is measured from now on is audited: {error:#}");
        }
    }
}

impl Status {
    fn of_now() -> Result<Self> {
        let text = auditctl(&["-s"])?;
        let number = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            value.with_context(|| format!("`auditctl -s` does not say {name}: {text:?}"))
        };
        Ok(Self {
            enabled: number("enabled ")?,
            pid: number("pid ")?,
            backlog_limit: number("backlog_limit ")?,
        })
    }
}

fn configure(home: &Path, plugin: Option<&Orders>) -> Result<()> {
    let write = |name: &str, text: &str| {
        let file = home.join(name);
        fs::write(&file, text)
            .and_then(|()| fs::set_permissions(&file, Permissions::from_mode(0o640)))
            .with_context(|| format!("cannot write {}", file.display()))
    };
    let (log, plugins) = (home.join("log"), home.join("plugins.d"));
    fs::create_dir(&plugins).with_context(|| format!("cannot make {}", plugins.display()))?;
    // All else as in Debian's.
    let text = "local_events = yes\nwrite_logs = yes\nlog_format = RAW\nflush = INCREMENTAL_ASYNC\nfreq = 50\n\
        max_log_file = 64\nnum_logs = 2\nmax_log_file_action = ROTATE\nspace_left = 75\nspace_left_action = IGNORE\n\
        admin_space_left = 50\nadmin_space_left_action = IGNORE\ndisk_full_action = IGNORE\ndisk_error_action = IGNORE\n\
        q_depth = 2000\noverflow_action = IGNORE\n";
    let places = format!("log_file = {}\nplugin_dir = {}\n", log.display(), plugins.display());
    write("auditd.conf", &format!("{text}{places}"))?;
    let Some(orders) = plugin else { return Ok(()) };
    let command = orders.command(home)?;
    let arguments: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let program = command.get_program().display();
    write(
        "plugins.d/counts.conf",
        &format!(
            "active = yes\ndirection = out\npath = {program}\ntype = always\nargs = {}\nformat = string\n",
            arguments.join(" ")
        ),
    )
}

/// As the plugin: each event that our rules match is a removal.
pub(super) fn listen(mut stopper: Stopper) -> Result<()> {
    let orders = std::env::args_os().next_back().context("where the orders are")?;
    let listens = Path::new(&orders).with_file_name(LISTENS);
    fs::write(&listens, "").with_context(|| format!("cannot write {}", listens.display()))?;
    for line in std::io::stdin().lock().lines() {
        let line = line.context("what auditd says")?;
        if line.starts_with("type=SYSCALL")
            && line.contains(KEY)
            && let Some(uid) = user(&line)
        {
            stopper.removed(uid, 1);
        }
    }
    Ok(())
}

fn user(line: &str) -> Option<u32> {
    line.split_ascii_whitespace().find_map(|word| word.strip_prefix("uid=")?.parse().ok())
}

fn change(how: &str, words: &[String]) -> Result<()> {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    auditctl(&[&[how], &words[..]].concat()).map(drop)
}

fn auditctl(words: &[&str]) -> Result<String> {
    let output = Command::new("/sbin/auditctl").args(words).output().context("cannot run auditctl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "auditctl {}: {}", words.join(" "), last_line(&said));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_an_event_is_the_real_one() {
        let line = "type=SYSCALL msg=audit(1.2:3): arch=c000003e syscall=87 ppid=1 pid=2 auid=4294967295 uid=1900 euid=7";
        assert_eq!((user(line), user("type=SYSCALL")), (Some(1900), None));
    }
}
