//! How what is kept stands: how complete it is, and how fresh.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Why;
use crate::api::KeeperView;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Why nothing can be kept, if so.
    pub(crate) degraded: Option<String>,
    /// How often that began.
    pub(crate) failures: u64,
    /// Names of which something is kept that is there now.
    pub(crate) names: u64,
    pub(crate) versions: u64,
    /// What all of it takes, in bytes.
    pub(crate) bytes: u64,
    /// Names that are there and are not kept, in the order of [`Why::ALL`].
    pub(crate) left: [u64; Why::ALL.len()],
    /// Directories with changes that are not kept yet, and since when the first of them has one.
    pub(crate) unsettled: u64,
    pub(crate) since: Option<Instant>,
    /// Directories in which changes are seen only now and then.
    pub(crate) unwatched: u64,
    /// When all was last looked at, from one end to the other; none if that has not been done yet.
    pub(crate) looked: Option<Timestamp>,
    /// How often changes were missed, and all was looked at again.
    pub(crate) lost: u64,
    /// Decisions that went ahead before what they let change was kept.
    pub(crate) late: u64,
}

impl Standing {
    /// For how long the oldest change has not been kept.
    pub(crate) fn behind(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(crate) fn left(&self) -> u64 {
        self.left.iter().sum()
    }

    pub(crate) fn view(&self) -> KeeperView {
        KeeperView {
            degraded: self.degraded.clone(),
            names: self.names,
            versions: self.versions,
            size: self.bytes,
            left: self.left(),
            unsettled: self.unsettled,
            behind_ms: u64::try_from(self.behind().as_millis()).unwrap_or(u64::MAX),
            looked_at: self.looked,
        }
    }
}
