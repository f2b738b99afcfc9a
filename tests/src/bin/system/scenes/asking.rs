//! Bursts of a service, of cron, and in a container's scope; who is told of them, and who decides.

use std::fs;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::wait;

use crate::book::Book;
use crate::ground::{self, Ground, Job, LEFT};
use crate::{host, prometheus};

const APP: Ground = Ground("app");
const NIGHT: Ground = Ground("night");
const BOX: Ground = Ground("box");

pub fn service(_: &mut Book) -> Result<()> {
    let job = Job::start("deploy-once", "deployer", APP)?;
    let incident = job.until_held()?;
    prometheus::until_firing("BurstguardBurstWaiting")?;
    let id = incident.0.to_string();
    let fields =
        host::run(&["journalctl", "--output=json", "--lines=1", &format!("BURSTGUARD_INCIDENT={id}")])?;
    ensure!(fields.contains("\"BURSTGUARD_ACCOUNT\":\"deployer\""), "the journal has {fields}");
    let fields: Value = serde_json::from_str(&fields)?;
    let kind = fields["MESSAGE_ID"].as_str().context("an entry has the id of its kind")?;
    let told = host::run(&["journalctl", "--catalog", "--lines=1", &format!("MESSAGE_ID={kind}")])?;
    ensure!(told.contains("What to do: "), "the catalog has nothing to say of it: {told}");
    let approve = ["burstguard", "approve", &id, "--reason", "CHG-123"];
    for user in ["visitor", "deployer"] {
        let said = host::attempt_as(user, &approve)?;
        ensure!(said.exit == Some(4), "{user} was not refused: {said:?}");
    }
    APP.expect_left(LEFT)?;
    let said = host::attempt_as(host::RESPONDER, &approve)?;
    ensure!(said.exit == Some(0), "{said:?}");
    job.until_done()?;
    prometheus::until_resolved("BurstguardBurstWaiting")
}

pub fn cron(_: &mut Book) -> Result<()> {
    const TABLE: &str = "/etc/cron.d/nightly";
    NIGHT.fill("nightly")?;
    let outcome = "/srv/night/outcome";
    // It looks for new tables each minute, and starts what is due.
    fs::write(TABLE, format!("* * * * * nightly rm -rf {}; echo $? >{outcome}\n", NIGHT.config().display()))?;
    let incident = ground::incident("nightly", "denied")?;
    wait::until("the job has ended", || {
        Ok(fs::read_to_string(outcome).ok().filter(|text| !text.is_empty()))
    })?;
    fs::remove_file(TABLE).context("cannot take the table away")?;
    NIGHT.expect_left(LEFT)?;
    ensure!(fs::read_to_string(outcome)?.trim() != "0", "rm has not failed");
    prometheus::until_firing("BurstguardBurst")?;
    incident.decide("thaw", &[]).map(drop)
}

pub fn scope(_: &mut Book) -> Result<()> {
    BOX.fill("root")?;
    let mut container = in_scope("box-1", &["rm", "-rf", &BOX.config().display().to_string()])?;
    let incident = ground::incident("box", "held")?;
    BOX.expect_left(LEFT)?;
    host::ensure_active("box-1.scope")?;
    incident.approve(&[])?;
    let status = container.wait().context("cannot wait for the container")?;
    ensure!(status.success(), "it ended with {status}");
    BOX.expect_left(0)
}

pub fn drill(_: &mut Book) -> Result<()> {
    let words = [
        "burstguard",
        "drill",
        "--account",
        "deployer",
        "--prometheus",
        "127.0.0.1:9090",
        "--reason",
        "a drill",
        "--json",
    ];
    let said: Value =
        serde_json::from_str(&host::run(&words)?).context("a drill says something else than JSON")?;
    let drilled = &said["drill"];
    ensure!(drilled["state"] == "held" && drilled["gone"] == drilled["budget"], "{said}");
    ensure!(drilled["alert"].as_str().is_some_and(|alert| alert.starts_with("BurstguardBurst")), "{said}");
    let accounts = host::run(&["burstguard", "accounts"])?;
    ensure!(!accounts.contains("drill"), "the drill is not over: {accounts}");
    Ok(())
}

pub fn tampering(_: &mut Book) -> Result<()> {
    const UNIT: &str = "burstguard.service";
    let mut wrong = Vec::new();
    for line in [
        "systemctl stop burstguard.service",
        "systemctl kill burstguard",
        "systemctl --runtime mask burstguard.service",
        "echo >>/usr/lib/systemd/system/burstguard.service",
        "mkdir /etc/systemd/system/burstguard.service.d",
        "rm /etc/systemd/system/multi-user.target.wants/burstguard.service",
        "echo 1 >/sys/fs/cgroup/system.slice/burstguard.service/cgroup.kill",
        "echo 1 >/sys/fs/cgroup/system.slice/cgroup.freeze",
        "true >>/etc/burstguard/policy.toml",
        "rm -rf /var/lib/burstguard",
    ] {
        let said = host::attempt_as("deployer", &["sudo", "--non-interactive", "sh", "-c", line])?;
        wrong.extend((said.exit == Some(0)).then(|| format!("{line} was not refused: {said:?}")));
        host::ensure_active(UNIT).with_context(|| line)?;
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    host::run(&["systemctl", "daemon-reload"])?;
    ensure!(host::property(UNIT, "LoadState")? == "loaded", "the unit is not what it was");
    prometheus::until_firing("BurstguardTampering")?;
    let incidents = host::run(&["burstguard", "incidents", "--account", "deployer"])?;
    ensure!(incidents.contains("tampered with burstguard"), "{incidents}");
    Ok(())
}

/// Starts a command as container runtimes do: in a scope of its own, with its own processes, mounts and names.
pub fn in_scope(name: &str, words: &[&str]) -> Result<Child> {
    let mut run = Command::new("systemd-run");
    run.args(["--quiet", "--scope", "--unit", name, "--property=Delegate=yes"]);
    run.args(["unshare", "--fork", "--pid", "--mount-proc", "--uts", "--ipc", "--"]).args(words);
    run.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("cannot start a scope")
}
