//! How a webhook stands, since the start of the daemon.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::WebhookView;

/// How it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Events that wait, on the disk.
    pub(crate) waiting: u64,
    /// When the oldest of them happened.
    pub(crate) oldest: Option<Timestamp>,
    /// Events that were written down.
    pub(crate) queued: u64,
    pub(crate) delivered: u64,
    pub(crate) failed: BTreeMap<Failed, u64>,
    pub(crate) dropped: BTreeMap<Dropped, u64>,
    /// Why the last attempt failed, if it did.
    pub(crate) failing: Option<String>,
    /// Why events cannot be written down, if so: then they wait in memory.
    pub(crate) degraded: Option<String>,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failed {
    /// Nobody is there, or it cannot be reached.
    Connect,
    /// The receiver is not who it should be, or does not encrypt.
    Tls,
    Timeout,
    /// It has answered with a status that is no success.
    Status,
    /// It has answered something else than HTTP.
    Protocol,
    /// The key cannot be read.
    Secret,
}

/// Why an event is never delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dropped {
    /// More waited than may: the oldest.
    Full,
    /// More came at once than could be written down.
    Busy,
    /// An account makes more of a kind than anybody wants to hear.
    Many,
    /// The receiver does not want it.
    Refused,
}

impl Failed {
    pub(crate) const ALL: [Self; 6] =
        [Self::Connect, Self::Tls, Self::Timeout, Self::Status, Self::Protocol, Self::Secret];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::Protocol => "protocol",
            Self::Secret => "secret",
        }
    }
}

impl Dropped {
    pub(crate) const ALL: [Self; 4] = [Self::Full, Self::Busy, Self::Many, Self::Refused];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Busy => "busy",
            Self::Many => "many",
            Self::Refused => "refused",
        }
    }
}

impl Standing {
    pub(super) fn drop(&mut self, why: Dropped, count: u64) {
        *self.dropped.entry(why).or_default() += count;
    }

    pub(super) fn fail(&mut self, why: Failed) {
        *self.failed.entry(why).or_default() += 1;
    }

    pub(crate) fn failed(&self, why: Failed) -> u64 {
        self.failed.get(&why).copied().unwrap_or_default()
    }

    pub(crate) fn dropped(&self, why: Dropped) -> u64 {
        self.dropped.get(&why).copied().unwrap_or_default()
    }

    /// For whoever asks the daemon.
    pub(crate) fn view(&self, name: &str) -> WebhookView {
        WebhookView {
            name: name.to_owned(),
            waiting: self.waiting,
            oldest: self.oldest,
            delivered: self.delivered,
            // Of what is too much the first has been told.
            dropped: Dropped::ALL
                .iter()
                .filter(|why| **why != Dropped::Many)
                .map(|why| self.dropped(*why))
                .sum(),
            failing: self.failing.clone().or_else(|| self.degraded.clone()),
        }
    }
}
