//! What has changed: a watch on each directory that tells of the first change in it and is gone by that, so that a burst costs as much
//! as a single change, and what nobody touches costs nothing.

use std::{
    collections::HashMap,
    fs, io,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    io::Errno,
};

/// No more directories than this are watched: each takes about a kilobyte of the kernel's memory.
const MOST: usize = 65_536;
/// Of what root may have of watches, others are left all but this part.
const SHARE: usize = 2;

pub(super) struct Watches {
    notify: OwnedFd,
    /// The directory, by the kernel's number of its watch.
    by: HashMap<i32, i64>,
    most: usize,
}

/// What has happened since it was last asked.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) directories: Vec<i64>,
    /// Something may have changed that nobody was told of.
    pub(super) lost: bool,
}

impl Watches {
    pub(super) fn new() -> io::Result<Self> {
        let limit = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").ok();
        let limit = limit.and_then(|limit| limit.trim().parse::<usize>().ok()).unwrap_or(MOST);
        let notify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { notify, by: HashMap::new(), most: MOST.min(limit / SHARE) })
    }

    /// Tells of the next change in a directory. False if it cannot be watched.
    pub(super) fn arm(&mut self, directory: BorrowedFd<'_>, id: i64) -> bool {
        if self.by.len() >= self.most {
            return false;
        }
        let flags = WatchFlags::ONESHOT
            | WatchFlags::ONLYDIR
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::MOVE_SELF
            | WatchFlags::DELETE_SELF
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB;
        // By the descriptor: its path may lead elsewhere by now.
        let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
        match inotify::add_watch(&self.notify, &*path, flags) {
            Ok(watch) => {
                self.by.insert(watch, id);
                true
            }
            Err(_) => false,
        }
    }

    pub(super) fn take(&mut self) -> Changed {
        let mut changed = Changed::default();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.notify, &mut buffer);
        loop {
            match events.next() {
                // Which watches went with that nobody knows. All directories are looked at again, and those that are left give the
                // same number once more.
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => {
                    self.by.clear();
                    changed.lost = true;
                }
                // The kernel says so last of each watch, whatever it was that ended it.
                Ok(event) => changed.directories.extend(self.by.remove(&event.wd())),
                Err(Errno::INTR) => {}
                Err(_) => return changed,
            }
        }
    }
}

impl AsFd for Watches {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.notify.as_fd()
    }
}
