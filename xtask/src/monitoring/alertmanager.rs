//! The example for Alertmanager: whether it is one, and whether of what a fleet says at once one alert is left.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::{Judges, shipped};
use crate::run;
use crate::workspace::Workspace;

const CONFIG: &str = "alertmanager.yml";
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// What it is told: an account on two hosts, another one on one of them, and something that pages on its own.
const TOLD: [&[&str]; 7] = [
    &["alertname=BurstguardFleetBurst", "severity=page", "account=deploy"],
    &["alertname=BurstguardBurst", "severity=ticket", "account=deploy", "instance=h1", "response=hold"],
    &["alertname=BurstguardBurstWaiting", "severity=page", "account=deploy", "instance=h1", "state=held"],
    &["alertname=BurstguardCallWaiting", "severity=page", "account=deploy", "instance=h2"],
    &["alertname=BurstguardBurst", "severity=ticket", "account=runner", "instance=h1", "response=hold"],
    &["alertname=BurstguardTampering", "severity=page", "account=deploy", "instance=h1", "what=pins"],
    &["alertname=BurstguardDown", "severity=page", "instance=h3"],
];
/// What it then notifies of.
const LEFT: [&str; 4] = [
    "BurstguardBurst of runner",
    "BurstguardDown of -",
    "BurstguardFleetBurst of deploy",
    "BurstguardTampering of deploy",
];

/// Whether it is a configuration, and who hears of a page and of a ticket.
pub(super) fn config(judges: &Judges, workspace: &Workspace) -> Result<()> {
    let file = shipped(workspace).join(CONFIG);
    run::to_the_end(judges.program("amtool").arg("check-config").arg(&file))?;
    for (severity, receiver) in [("page", "burstguard-pages"), ("ticket", "burstguard-tickets")] {
        let mut route = judges.program("amtool");
        route.args(["config", "routes", "test", "--config.file"]).arg(&file);
        route.args(["alertname=BurstguardBurst", "account=deploy", &format!("severity={severity}")]);
        let said = run::for_output(&mut route)?;
        ensure!(said.trim() == receiver, "a {severity} goes to {}, not to {receiver}", said.trim());
    }
    Ok(())
}

/// Tells a real one, and asks it what is left.
pub(super) fn inhibits(judges: &Judges, workspace: &Workspace) -> Result<()> {
    let running = Running::start(judges, workspace)?;
    for labels in TOLD {
        run::for_output(running.amtool(judges).args(["alert", "add"]).args(labels))?;
    }
    let listed =
        run::for_output(running.amtool(judges).args(["--output", "json", "alert", "query", "--active"]))?;
    let alerts: Vec<Value> = serde_json::from_str(&listed).context("what amtool lists is no JSON")?;
    let word = |alert: &Value, label: &str| alert["labels"][label].as_str().unwrap_or("-").to_owned();
    let left: BTreeSet<String> = alerts
        .iter()
        .map(|alert| format!("{} of {}", word(alert, "alertname"), word(alert, "account")))
        .collect();
    ensure!(left == LEFT.map(str::to_owned).into(), "left are {left:?}, not {LEFT:?}");
    Ok(())
}

/// An Alertmanager on the loopback, until it is dropped.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(judges: &Judges, workspace: &Workspace) -> Result<Self> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = free.context("cannot find a free port")?.to_string();
        let storage = judges.directory.join("alertmanager");
        let _ = fs::remove_dir_all(&storage); // of an earlier run
        let log =
            fs::File::create(judges.directory.join("alertmanager.log")).context("cannot keep its log")?;
        // Debian's looks for its templates in /usr/share, whatever it is told: in a mount namespace of its own that is what was unpacked.
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", r#"mount --bind "$1" /usr/share && shift && exec "$@""#, "sh"]);
        command.arg(judges.directory.join("usr/share"));
        command.arg(judges.directory.join("usr/bin/prometheus-alertmanager"));
        command.arg(format!("--config.file={}", shipped(workspace).join(CONFIG).display()));
        command.arg(format!("--storage.path={}", storage.display()));
        // Alone: no cluster of them.
        command.args([&format!("--web.listen-address={address}"), "--cluster.listen-address="]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().context("cannot start an alertmanager")?;
        let mut running = Self { child, url: format!("http://{address}") };
        running.wait(judges)?;
        Ok(running)
    }

    /// Until it answers.
    fn wait(&mut self, judges: &Judges) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = run::for_output(self.amtool(judges).args(["alert", "query"]));
            let Err(error) = answer else { return Ok(()) };
            if let Some(status) = self.child.try_wait().context("cannot look after the alertmanager")? {
                bail!("the alertmanager has ended, {status}: see target/monitoring/alertmanager.log");
            }
            ensure!(Instant::now() < deadline, "the alertmanager does not answer: {error:#}");
            thread::park_timeout(Duration::from_millis(100));
        }
    }

    fn amtool(&self, judges: &Judges) -> Command {
        let mut amtool = judges.program("amtool");
        amtool.arg(format!("--alertmanager.url={}", self.url));
        amtool
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended already
        let _ = self.child.wait();
    }
}
