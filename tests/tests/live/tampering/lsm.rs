//! Where it is refused.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tests::{Job, Outcome, Tier};

use super::{Stage, systemctl, tamperings, told, until_told};

/// What root of an account may not do, and the word for it.
const WAYS: &[(&str, &str)] = &[
    ("true >>{base}/policy.toml", "policy"),
    ("rm -f {base}/policy.toml", "policy"),
    ("mv {base}/policy.toml {base}/other", "policy"),
    ("touch {base}/new && mv {base}/new {base}/policy.toml", "policy"),
    ("ln {base}/policy.toml {base}/other", "policy"),
    ("mkdir {base}/policy.d", "policy"),
    ("chmod 666 {base}/policy.toml", "policy"),
    ("chown 1 {base}/policy.toml", "policy"),
    ("truncate -s 0 {base}/policy.toml", "policy"),
    ("true >{base}/state/mine", "state"),
    ("cat {base}/state/keeper/versions.db", "state"),
    ("ls {base}/state/keeper/contents", "state"),
    ("mv {base} {base}-away", "above"),
    ("mkdir /run/burstguard/mine", "run"),
    ("rm /sys/fs/bpf/burstguard/*/MANIFEST", "pins"),
    ("mkdir /sys/fs/bpf/burstguard/mine", "pins"),
    ("umount -l /sys/fs/bpf", "mount"),
    ("mount -t tmpfs none {base}/state", "mount"),
    ("mount -t tmpfs none /run", "mount"),
    ("kill -TERM {pid}", "signal"),
    ("kill -STOP {pid}", "signal"),
    ("kill -HUP {pid}", "signal"),
    ("renice -n 19 -p {pid}", "limits"),
    ("prlimit --pid {pid} --nofile=1", "limits"),
    ("true >/proc/{pid}/oom_score_adj", "process"),
];

/// The same, by what no tool does.
const STEPS: &[(&str, &str)] = &[("trace {pid}", "trace"), ("bpf-objects-of {pid}", "bpf")];

/// EPERM, as tools say it, and as `mount` and `umount` do.
const REFUSALS: [&str; 3] = ["not permitted", "permission denied", "must be superuser"];

/// What is the agent's, as it is on the host.
fn own(stage: &Stage) -> Result<(Vec<u8>, Vec<String>)> {
    let policy = fs::read(stage.party().ground.base().join("policy.toml")).context("the policy")?;
    let mut pins = Vec::new();
    for generation in fs::read_dir("/sys/fs/bpf/burstguard").context("the pins")? {
        for pin in fs::read_dir(generation?.path())? {
            pins.push(pin?.path().display().to_string());
        }
    }
    pins.sort();
    Ok((policy, pins))
}

fn is_refused(job: &Job, what: &str, before: u64) -> Result<()> {
    let ended = job.until_ended()?;
    let complaint = job.complaint()?;
    let is_said = REFUSALS.iter().any(|words| complaint.contains(words));
    ensure!(ended != Outcome::Exited(0) && is_said, "{ended:?} {complaint}");
    until_told("denied", what, before).with_context(|| format!("{:?}", tamperings()))
}

#[test]
fn each_way_fails_and_changes_nothing() -> Result<()> {
    let stage = Stage::new(|policy| policy)?;
    let before = own(&stage)?;
    let mut wrong = Vec::new();
    let mut look = |line: &str, what: &str, start: &dyn Fn(&str) -> Result<Job>| {
        let outcome = told().and_then(|(times, _)| is_refused(&start(line)?, what, times));
        wrong.extend(outcome.err().map(|error| format!("{line}: {error:#}")));
    };
    for (line, what) in WAYS {
        look(line, what, &|line| stage.as_root(line));
    }
    for (step, what) in STEPS {
        look(step, what, &|step| stage.step_as_root(step));
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(own(&stage)? == before, "something is not what it was");
    stage.end()
}

#[test]
fn whoever_acts_for_no_account_is_free() -> Result<()> {
    let stage = Stage::new(|policy| policy)?;
    let line = "set -e; cat >>{base}/policy.toml </dev/null; mkdir {base}/policy.d; rmdir {base}/policy.d; true \
                >{base}/state/mine; rm {base}/state/mine; kill -CONT {pid}; renice -n 0 -p {pid} >/dev/null";
    ensure!(Command::new("sh").args(["-c", &stage.expand(line)]).status()?.success());
    ensure!(tamperings()?.is_empty());
    stage.end()
}

#[test]
fn what_is_only_observed_passes_and_is_told() -> Result<()> {
    let stage = Stage::new(tests::Policy::observe)?;
    for (line, what) in [("true >>{base}/policy.toml", "policy"), ("kill -CONT {pid}", "signal")] {
        let (times, _) = told()?;
        stage.as_root(line)?.until_done()?;
        until_told("observed", what, times)?;
    }
    stage.end()
}

#[test]
fn a_lease_of_that_very_directory_lets_pass() -> Result<()> {
    let stage = Stage::new(|policy| policy)?;
    let state = stage.expand("{base}/state");
    crate::commands::decide(&["lease", "grant", "--account", "a0", "--tree", &state, "--for", "10m"])?;
    stage.as_root("true >{base}/state/mine && rm {base}/state/mine")?.until_done()?;
    ensure!(tamperings()?.is_empty());
    is_refused(&stage.as_root("true >>{base}/policy.toml")?, "policy", 0)?;
    stage.end()
}

#[test]
fn to_stop_its_unit_is_one_too() -> Result<()> {
    systemctl::to_stop_it_is_tampering(Tier::Lsm)
}
