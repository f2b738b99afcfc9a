//! inotify: the kernel queues what was removed, and does not say by whom.

use std::collections::HashMap;
use std::mem::MaybeUninit;

use anyhow::{Context as _, Result};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};

use super::stopper::Stopper;
use super::{Orders, say_ready};

pub(super) fn watch(orders: &Orders, mut stopper: Stopper) -> Result<()> {
    let inotify = init(CreateFlags::CLOEXEC).context("inotify_init1")?;
    let mut users = HashMap::new();
    for watched in &orders.watched {
        let what = WatchFlags::DELETE | WatchFlags::MOVED_FROM;
        let number = add_watch(&inotify, &watched.directory, what).context("inotify_add_watch")?;
        users.insert(number, watched.uid);
    }
    say_ready()?;
    let mut buffer = [const { MaybeUninit::uninit() }; 65_536];
    let mut reader = Reader::new(&inotify, &mut buffer);
    loop {
        let event = reader.next().context("reading of inotify")?;
        let user = users.get(&event.wd()).copied();
        // What did not fit into the queue was about anybody.
        let all = || event.events().contains(ReadFlags::QUEUE_OVERFLOW);
        match user {
            Some(uid) => stopper.removed(uid, 1),
            None if all() => users.values().for_each(|&uid| stopper.removed(uid, orders.budget + 1)),
            None => {}
        }
    }
}
