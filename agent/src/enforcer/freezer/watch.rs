//! Hears of changes to `cgroup.events`: the kernel notes a write to that file when a group freezes, thaws, empties.
//! <https://github.com/torvalds/linux/blob/v6.12/Documentation/admin-guide/cgroup-v2.rst> (cgroup.events)

use std::{
    collections::{BTreeSet, HashMap},
    future::pending,
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::inotify::{self, CreateFlags, Reader, WatchFlags},
    io::Errno,
};
use tokio::io::{Interest, unix::AsyncFd};

use super::Group;

/// One descriptor for all leaves.
pub(super) struct Watch {
    /// None if the host has no descriptor left for it: then nothing is heard.
    changes: Option<OwnedFd>,
    watched: HashMap<i32, (Group, u64)>,
    /// The freezes that something was heard of and that were not looked at yet.
    heard: BTreeSet<u64>,
}

impl Watch {
    pub(super) fn new() -> Self {
        let changes = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).inspect_err(|errno| {
            log::error!("cannot watch frozen groups, their state is not reported: {errno}");
        });
        Self { changes: changes.ok(), watched: HashMap::new(), heard: BTreeSet::new() }
    }

    /// From now on changes of the leaf are heard, and the state it is in now counts as one.
    pub(super) fn add(&mut self, leaf: &Group, id: u64) {
        self.heard.insert(id);
        let Some(changes) = &self.changes else { return };
        match inotify::add_watch(changes, leaf.path().join("cgroup.events"), WatchFlags::MODIFY) {
            Ok(watch) => {
                self.watched.insert(watch, (leaf.clone(), id));
            }
            Err(Errno::NOENT) => {} // it has gone
            Err(errno) => {
                log::error!("cannot watch {}, its state is not reported: {errno}", leaf.path().display());
            }
        }
    }

    /// As if something of the freeze had changed.
    pub(super) fn look_at(&mut self, id: u64) {
        self.heard.insert(id);
    }

    /// A group that somebody else removes as soon as it is empty takes its file along before the kernel has told of that.
    pub(super) fn look_for_gone(&mut self) {
        let gone = self.watched.values().filter(|(leaf, _)| !leaf.path().exists());
        self.heard.extend(gone.map(|(_, id)| *id));
    }

    pub(super) fn remove(&mut self, leaf: &Group) {
        let Some(changes) = &self.changes else { return };
        self.watched.retain(|watch, (watched, _)| {
            let keep = watched != leaf;
            if !keep {
                // It fails if the kernel has ended the watch already, as it does when the file goes.
                let _ = inotify::remove_watch(changes, *watch);
            }
            keep
        });
    }

    /// A freeze of which something may have changed.
    pub(super) async fn next(&mut self) -> u64 {
        loop {
            if let Some(id) = self.heard.pop_first() {
                return id;
            }
            match self.ready().await {
                Ok(()) => self.take(),
                Err(error) => {
                    log::error!("cannot wait for frozen groups, their state is not reported: {error}");
                    pending::<()>().await;
                }
            }
        }
    }

    async fn ready(&self) -> std::io::Result<()> {
        let Some(changes) = &self.changes else { return pending().await };
        // SAFETY: the descriptor is borrowed from `self`, so it stays open and the same until the AsyncFd is dropped.
        let ready = unsafe { AsyncFd::register_with_interest(changes.as_fd(), Interest::READABLE) }?;
        ready.readable().await?.retain_ready();
        Ok(())
    }

    fn take(&mut self) {
        let Some(changes) = &self.changes else { return };
        let mut room = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(changes, &mut room);
        while let Ok(event) = reader.next() {
            match self.watched.get(&event.wd()) {
                Some((_, id)) => {
                    self.heard.insert(*id);
                }
                // Too many at once: look at all of them.
                None if event.wd() < 0 => self.heard.extend(self.watched.values().map(|(_, id)| *id)),
                None => {}
            }
        }
    }
}
