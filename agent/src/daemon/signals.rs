//! The signals that end the agent.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM, and SIGHUP of a terminal that is closed. Made before anything is armed: a signal that comes meanwhile
/// is not lost, and nothing is left half done.
pub(crate) struct ToldToEnd {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl ToldToEnd {
    /// From now on these signals end nothing but the loop. Needs a tokio runtime.
    pub(crate) fn catch() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot catch SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot catch SIGTERM")?,
            hangup: signal(SignalKind::hangup()).context("cannot catch SIGHUP")?,
        })
    }

    pub(super) async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
