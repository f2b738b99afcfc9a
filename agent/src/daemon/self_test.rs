//! Proves that the armed tier works, since a hook that is attached and inert looks just like one that works: a process of
//! the self-test's own account deletes past its budget in a tree of its own, and must be stopped exactly there.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use agent_common::{
    rules::{
        identity::Evidence,
        judge::{Standing, Tier},
    },
    wire::row::{Claim, SELF_TEST},
};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process, set_parent_process_death_signal, waitpid,
};

use super::tables::SELF_TEST_BUDGET;
use crate::{
    clock::boot_now,
    processes::proc,
    sensor::{Kernel, Record, What},
};

/// The hidden command that plays the account.
pub(crate) const SUBJECT: &str = "self-test-subject";
const FILES: u32 = SELF_TEST_BUDGET.count() + 3;
const DEADLINE: Duration = Duration::from_secs(5);
/// How long to sleep between two looks at a process, which tells nobody that it has stopped.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// What the self-test found.
pub(crate) struct Proof {
    pub(crate) took: Duration,
    /// Records of others, taken meanwhile.
    pub(crate) records: Vec<Record>,
}

/// Runs the self-test.
pub(crate) fn prove(kernel: &mut Kernel, tier: Tier, tree: &Path) -> Result<Proof> {
    let started = Instant::now();
    // It may have run before.
    kernel.forgive(SELF_TEST, boot_now());
    kernel.set_standing(SELF_TEST, Standing::ARMED);
    for index in 0..FILES {
        File::create(tree.join(index.to_string()))
            .with_context(|| format!("cannot fill {}", tree.display()))?;
    }
    let mut subject = Subject::start(tree)?;
    let process = proc::process(subject.0.id()).context("the self-test's process is not in /proc")?;
    // By the strongest evidence: nobody takes it away.
    let claim = Claim::of(SELF_TEST, Evidence::Launched, 0);
    kernel.adopt(process.id(), claim, process.pid, boot_now())?;
    subject.go()?;
    subject.wait_for_stop()?;
    // A stop comes when the call is done; a held call has not begun.
    expect_left(tree, FILES - SELF_TEST_BUDGET.count() - u32::from(tier == Tier::Tracepoint))?;
    if tier == Tier::Lsm {
        kernel.forgive(SELF_TEST, boot_now());
        kernel.set_standing(SELF_TEST, Standing::ARMED);
        subject.end_well()?;
        expect_left(tree, 0)?;
    }
    drop(subject);
    let mut burst = false;
    let mut records = Vec::new();
    for record in kernel.take(usize::MAX).into_iter().filter_map(Result::ok) {
        match record {
            Record { account: SELF_TEST, what: What::Burst(_), .. } => burst = true,
            Record { account: SELF_TEST, .. } => {}
            other => records.push(other),
        }
    }
    ensure!(burst, "the process was stopped, but the kernel programs did not report why");
    Ok(Proof { took: started.elapsed(), records })
}

fn expect_left(tree: &Path, expected: u32) -> Result<()> {
    let left = fs::read_dir(tree).with_context(|| format!("cannot list {}", tree.display()))?.count();
    ensure!(
        left == expected as usize,
        "with a budget of {} deletions, {left} of {FILES} files are left where {expected} should be",
        SELF_TEST_BUDGET.count()
    );
    Ok(())
}

/// The process that deletes; killed when dropped.
struct Subject(Child);

impl Subject {
    fn start(tree: &Path) -> Result<Self> {
        Command::new("/proc/self/exe")
            .arg(SUBJECT)
            .arg(tree)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map(Self)
            .context("cannot start the self-test's process")
    }

    /// Lets it begin: it waits for a line.
    fn go(&mut self) -> Result<()> {
        let stdin = self.0.stdin.as_mut().context("the self-test's process has no input")?;
        stdin.write_all(b"\n").context("the self-test's process does not listen")
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.0.id()).ok().and_then(Pid::from_raw)
    }

    fn wait_for_stop(&self) -> Result<()> {
        let status = self.wait()?;
        ensure!(status.stopped(), "it went over its budget and was not stopped ({status:?})");
        Ok(())
    }

    /// Lets it go on: it completes the call that was held, and all that come after it.
    fn end_well(&self) -> Result<()> {
        let pid = self.pid().context("the self-test's process has no pid")?;
        kill_process(pid, Signal::CONT).context("cannot let it go on")?;
        let status = self.wait()?;
        ensure!(status.exit_status() == Some(0), "its held call did not complete ({status:?})");
        Ok(())
    }

    /// How it has stopped or ended.
    #[expect(clippy::disallowed_methods, reason = "the loop does not run yet, so nothing is kept waiting")]
    fn wait(&self) -> Result<WaitStatus> {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            let seen = waitpid(self.pid(), WaitOptions::UNTRACED | WaitOptions::NOHANG);
            match seen.context("cannot watch it")? {
                Some((_, status)) => return Ok(status),
                None => std::thread::sleep(LOOK_AGAIN),
            }
        }
        bail!("it neither stopped nor ended within {} s", DEADLINE.as_secs())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The hidden command: deletes the files of the self-test's tree one after the other.
pub(crate) fn subject(tree: &Path) -> Result<()> {
    // An agent that is killed meanwhile leaves nobody behind.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    std::io::stdin().read_exact(&mut [0])?;
    for index in 0..FILES {
        fs::remove_file(tree.join(index.to_string()))?;
    }
    Ok(())
}
