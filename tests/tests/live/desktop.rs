//! Notifications, on a session's bus of its own with somebody there who takes them.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tests::{Job, wait};

use crate::check::filled;
use crate::commands::decide;

/// What may be done on the bus: everything.
const POLICY: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>ADDRESS</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"#;

/// The bus, and who listens to what is said on it.
struct Bus {
    // Dropped in this order.
    ears: Job,
    taker: Option<Job>,
    _bus: Job,
    address: String,
    _directory: TempDir,
}

impl Bus {
    fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("bus");
        let address = format!("unix:path={}", socket.display());
        let policy = directory.path().join("bus.conf");
        fs::write(&policy, POLICY.replace("ADDRESS", &address))?;
        let mut bus = Command::new("dbus-daemon");
        bus.arg("--nofork").arg(format!("--config-file={}", policy.display()));
        let bus = Job::start(bus).context("cargo xtask setup installs it")?;
        wait::until("the bus", || Ok(socket.exists().then_some(())))?;
        let mut ears = Command::new("dbus-monitor");
        ears.args(["--address", &address, "interface='org.freedesktop.Notifications'"]);
        let ears = Job::start(ears)?;
        ears.until_says("NameAcquired")?;
        Ok(Self { ears, taker: None, _bus: bus, address, _directory: directory })
    }

    /// Somebody who takes notifications.
    fn take(&mut self) -> Result<()> {
        let mut taker = Command::new("dbus-test-tool");
        taker.args(["echo", "--name=org.freedesktop.Notifications"]);
        taker.env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        self.taker = Some(Job::start(taker).context("cargo xtask setup installs it")?);
        wait::until("somebody takes notifications", || {
            Ok(self.notify(&["--test"])?.status.success().then_some(()))
        })
    }

    fn notify(&self, words: &[&str]) -> Result<std::process::Output> {
        self.command(words)?.output().context("burstguard")
    }

    fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(tests::agent()?);
        command.arg("notify").args(words).env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        Ok(command)
    }
}

#[test]
fn a_burst_and_its_end_are_told_on_the_desktop() -> Result<()> {
    let mut scene = filled()?;
    let mut bus = Bus::start()?;
    // Nobody takes them: it says so, and does not go on as if.
    let alone = bus.notify(&[])?;
    let said = String::from_utf8_lossy(&alone.stderr).into_owned();
    ensure!(alone.status.code() == Some(1) && said.contains("nothing shows notifications here"), "{said}");
    bus.take()?;
    let notify = Job::start(bus.command(&[])?)?;
    let job = scene.shell("exec rm -f f*")?;
    job.until_stopped()?;
    scene.daemon.burst()?;
    // As it comes, or as what waits when it begins to listen.
    let told = ["a0: A budget was exceeded", "a0: It waits for a decision"];
    wait::until("it is told", || {
        let (heard, complaint) = (bus.ears.output()?, notify.complaint()?);
        ensure!(complaint.is_empty(), "{complaint}");
        Ok(told.iter().any(|one| heard.contains(one)).then_some(()))
    })?;
    bus.ears.until_says("burstguard incident 1")?;
    decide(&["thaw", "1"])?;
    bus.ears.until_says("thaw, by ")?;
    ensure!(notify.goes_on(), "{}", notify.complaint()?);
    drop(job);
    scene.end().map(drop)
}
