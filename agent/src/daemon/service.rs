//! What the service manager hears of the daemon: when it is ready, how things stand, and that its loop turns. Without a service
//! manager nobody does.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Interval;

use super::agent::every;
use crate::{
    api::{Mode, Status},
    notify::{tell, tell_at_once},
};

/// How many signs of life there are in the time after which the service manager takes the daemon for dead.
const SIGNS: u32 = 3;

/// The daemon as a service.
pub(super) struct Service {
    /// When the next sign of life is due; none if nobody looks for one.
    sign: Option<Interval>,
    /// How things stood when that was told last.
    status: String,
}

impl Service {
    /// As the service manager has told our process. Needs a tokio runtime.
    pub(super) fn new() -> Self {
        let sign = sd_notify::watchdog_enabled().filter(|longest| !longest.is_zero());
        Self { sign: sign.map(|longest| every(longest / SIGNS)), status: String::new() }
    }

    /// When a sign of life is due.
    pub(super) async fn sign_is_due(&mut self) {
        match &mut self.sign {
            Some(sign) => drop(sign.tick().await),
            None => std::future::pending().await,
        }
    }

    /// Only the loop says this, and only from where it takes its next input: one that hangs is restarted.
    pub(super) fn give_sign() {
        tell_at_once("WATCHDOG=1\n");
    }

    /// Enforcement is proven, and requests are answered.
    pub(super) fn ready() {
        tell("READY=1\n");
    }

    /// Another policy is being brought into force.
    pub(super) fn reloading() {
        tell(&reloading(monotonic()));
    }

    pub(super) fn stopping() {
        tell("STOPPING=1\nSTATUS=ending\n");
    }

    /// How things stand, told if that is new.
    pub(super) fn stands(&mut self, status: &Status) {
        let status = line(status);
        if status != self.status {
            tell_at_once(&format!("STATUS={status}\n"));
            self.status = status;
        }
    }
}

/// Since when, on its clock: a later systemd (Type=notify-reload) takes none without for an answer to its signal.
fn reloading(at: Duration) -> String {
    format!("RELOADING=1\nMONOTONIC_USEC={}\n", at.as_micros())
}

fn monotonic() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

/// Nothing in it changes by itself as time passes.
fn line(status: &Status) -> String {
    let mode = match status.mode {
        Mode::Enforce => "enforcing",
        Mode::Observe => "only observing",
        Mode::Off => "OFF, only observing",
    };
    let governor = if status.governor.is_some() { ", governor engaged" } else { "" };
    format!(
        "{mode}{governor}; tier {}; accounts watched: {}; open incidents: {}",
        status.tier,
        status.accounts.len(),
        status.open_incidents
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_has_a_time() {
        assert_eq!(reloading(Duration::from_millis(1500)), "RELOADING=1\nMONOTONIC_USEC=1500000\n");
    }
}
