//! The signals that tell the agent something.

use std::fs::File;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM end it. SIGHUP has the policy read again, as service managers mean it; but to an agent on a terminal it says
/// that this was closed, and ends it. Made before anything is armed: a signal that comes meanwhile is not lost, and nothing
/// is left half done.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    on_terminal: bool,
}

/// What a signal tells.
pub(super) enum Told {
    End,
    Reload,
}

impl Signals {
    /// From now on these signals end nothing but the loop. Needs a tokio runtime.
    pub(crate) fn catch() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot catch SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot catch SIGTERM")?,
            hangup: signal(SignalKind::hangup()).context("cannot catch SIGHUP")?,
            // The controlling terminal; there is none to open for a service.
            on_terminal: File::open("/dev/tty").is_ok(),
        })
    }

    pub(super) async fn recv(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::End,
            _ = self.terminate.recv() => Told::End,
            _ = self.hangup.recv() => if self.on_terminal { Told::End } else { Told::Reload },
        }
    }
}
