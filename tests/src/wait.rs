//! The only way to wait: for a condition, with a deadline, and not on after Ctrl-C.

use std::env;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How long anything may take before it counts as failed: generous, for a machine under load. An emulated one is slower
/// still, and says so in `BURSTGUARD_TEST_PATIENCE`, in seconds.
#[must_use]
pub fn patience() -> Duration {
    static PATIENCE: LazyLock<Duration> = LazyLock::new(|| {
        let seconds = env::var("BURSTGUARD_TEST_PATIENCE").ok().and_then(|seconds| seconds.parse().ok());
        Duration::from_secs(seconds.unwrap_or(20))
    });
    *PATIENCE
}

/// How often a condition that nothing announces is looked at.
const SLICE: Duration = Duration::from_millis(2);

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| Arc::new(AtomicBool::new(false)));

/// From now on Ctrl-C, SIGTERM and SIGHUP end every wait with an error instead of ending us, so that whatever was made
/// is taken away again on the way out.
pub fn catch_signals() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED))
            .with_context(|| format!("cannot catch signal {signal}"))?;
    }
    Ok(())
}

/// Whether a signal has asked us to end.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Fails if a signal has asked us to end.
pub fn go_on() -> Result<()> {
    ensure!(!interrupted(), "interrupted");
    Ok(())
}

/// Waits until `ready` answers something.
pub fn until<T>(what: &str, mut ready: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + patience();
    loop {
        go_on()?;
        if let Some(answer) = ready()? {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!("{what}: not within {} s", patience().as_secs());
        }
        pause();
    }
}

/// Waits for the next of `inbox`; none: its senders are gone.
pub fn next<T>(what: &str, inbox: &Receiver<T>) -> Result<Option<T>> {
    let end = Instant::now() + patience();
    loop {
        go_on()?;
        // In pieces, so that a signal is noticed; a message ends the wait at once.
        match inbox.recv_timeout(Duration::from_millis(50)) {
            Ok(message) => return Ok(Some(message)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) if Instant::now() >= end => {
                bail!("{what}: not within {} s", patience().as_secs());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Waits, when everything is being taken away, until `gone` holds: a signal does not cut it short, and it cannot fail.
pub(crate) fn settle(mut gone: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience();
    while !gone() {
        if Instant::now() >= end {
            return false;
        }
        pause();
    }
    true
}

/// Waits that long: for measurements that need distance in time, not for something to happen.
pub fn keep_distance(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        go_on()?;
        pause();
    }
    Ok(())
}

fn pause() {
    #[expect(clippy::disallowed_methods, reason = "the one helper that waits")]
    std::thread::sleep(SLICE);
}
