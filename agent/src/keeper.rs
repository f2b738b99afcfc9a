//! The keeper: copies of small files in protected trees, so that what got through comes back.
//!
//! ```text
//!   kernel ──a change──► a thread of its own ──what has settled──► shelf: index and contents
//!   loop ──orders──────►        └──news──► loop
//! ```
//!
//! A *version* is what is kept of a name at one time, a *content* the bytes of a file, kept once however many versions have them.
//! Both lie on the [`Shelf`], which the daemon's thread fills, and a command that root runs may read and fill at the same time.
//! Nobody waits for it: no verdict, and not the loop. A decision that lets something go on is held back for a moment, until what it may
//! change is kept, and no longer.

mod changes;
mod copy;
mod look;
mod room;
mod seen;
mod shelf;
mod standing;
#[cfg(test)]
mod tests;
mod there;
mod thread;
mod trees;
mod version;
mod watches;
mod worker;

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
};

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(crate) use copy::{Side, copy};
pub(crate) use seen::{At, open_directory};
pub(crate) use shelf::{Limits, Shelf};
pub(crate) use standing::Standing;
pub(crate) use there::what_is_at;
pub(crate) use version::{Hash, Meta, Moment, Version, What, Why};
use worker::Worker;

use crate::{
    policy,
    store::{Shared, make_directory},
};

/// In the state directory.
pub(crate) const DIRECTORY: &str = "keeper";
/// How many orders may wait.
const WAITING: usize = 64;

/// Makes the directory, so that the kernel programs know it from the start.
pub(crate) fn prepare(state: &Path) {
    for directory in [state, &state.join(DIRECTORY)] {
        if let Err(fault) = make_directory(directory) {
            log::warn!("{fault}");
        }
    }
}

enum Order {
    /// These are the trees now.
    Follow(Vec<policy::Tree>),
    /// What has changed there is to be kept before somebody goes on.
    Now { ticket: u64, there: About },
}

/// What calls are about to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// Names, and what lies beside them.
    pub(crate) names: Vec<PathBuf>,
    /// In these directories or below them something that has no name here: of the second of a call's two names the kernel tells where
    /// its tree is.
    pub(crate) below: Vec<PathBuf>,
}

impl About {
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.below.is_empty()
    }
}

/// What was to be kept now has been, as far as it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) ticket: u64,
}

/// The keeper, as the loop has it. Its thread ends once it is gone.
pub(crate) struct Keeper {
    orders: SyncSender<Order>,
    news: UnboundedReceiver<News>,
    shared: Arc<Shared<Standing>>,
    wake: Option<Arc<OwnedFd>>,
}

impl Keeper {
    /// Begins to keep these trees. Nothing is waited for.
    pub(crate) fn open(state: PathBuf, trees: &[policy::Tree]) -> Self {
        let (orders, waiting) = sync_channel(WAITING);
        let (tell, news) = unbounded_channel();
        let shared = Arc::<Shared<Standing>>::default();
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok().map(Arc::new);
        let started = wake.clone().ok_or_else(|| anyhow::anyhow!("no event descriptor")).and_then(|wake| {
            let worker = Worker::new(state, Arc::clone(&shared), tell, wake)?;
            let thread = std::thread::Builder::new().name("keeper".to_owned());
            Ok(thread.spawn(move || worker.run(&waiting)).map(drop)?)
        });
        if let Err(error) = started {
            log::error!("what is in protected trees is not kept, and cannot be restored: {error:#}");
            shared.standing().degraded = Some(format!("cannot start a thread for it: {error:#}"));
        }
        let keeper = Self { orders, news, shared, wake };
        keeper.follow(trees);
        keeper
    }

    /// Another policy is in force.
    pub(crate) fn follow(&self, trees: &[policy::Tree]) {
        if !self.order(Order::Follow(trees.to_vec())) {
            log::warn!(
                "trees are kept as the policy before said: the keeper is behind, or its thread has ended"
            );
        }
    }

    /// Keeps what has changed there. Whoever has the ticket hears when that is done; not if this is false.
    #[must_use]
    pub(crate) fn keep_now(&self, ticket: u64, there: About) -> bool {
        self.order(Order::Now { ticket, there })
    }

    fn order(&self, order: Order) -> bool {
        let taken = self.orders.try_send(order).is_ok();
        self.stir();
        taken
    }

    fn stir(&self) {
        if let Some(wake) = &self.wake {
            let _ = rustix::io::write(&**wake, &1_u64.to_ne_bytes()); // full: it is awake already
        }
    }

    /// The next news; for ever none if the thread has ended.
    pub(crate) async fn news(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        self.shared.standing().clone()
    }

    /// A decision was not held back any longer.
    pub(crate) fn was_late(&self) {
        self.shared.standing().late += 1;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The thread sees that there is nobody any more once the sender has gone, and that is when it is next awake.
        let (none, _) = sync_channel(1);
        self.orders = none;
        self.stir();
    }
}
