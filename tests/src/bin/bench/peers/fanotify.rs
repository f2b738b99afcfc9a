//! fanotify: as inotify, and the kernel names the process. Nothing can be refused: there are no permission events for removals.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};

use super::stopper::Stopper;
use super::{Orders, Watched, say_ready};

/// Removals are told to groups that identify files by handles only, and have no descriptor for them.
const BY_HANDLE: InitFlags = InitFlags::from_bits_retain(libc::FAN_REPORT_FID);

/// Each directory has a group of its own, so that it is known whose it was.
pub(super) fn watch(orders: &Orders, stopper: Stopper) -> Result<()> {
    let stopper = Arc::new(Mutex::new(stopper));
    let groups = orders.watched.iter().map(group).collect::<Result<Vec<_>>>()?;
    let listen = |(uid, group): (u32, Fanotify)| {
        let stopper = Arc::clone(&stopper);
        thread::spawn(move || -> Result<()> {
            loop {
                let events = group.read_events().context("reading of fanotify")?;
                let mut stopper = stopper.lock().unwrap_or_else(PoisonError::into_inner);
                stopper.removed(uid, events.len() as u64);
            }
        })
    };
    let threads: Vec<_> = groups.into_iter().map(listen).collect();
    say_ready()?;
    threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
}

fn group(watched: &Watched) -> Result<(u32, Fanotify)> {
    let flags = InitFlags::FAN_CLASS_NOTIF | InitFlags::FAN_CLOEXEC | BY_HANDLE;
    let group = Fanotify::init(flags, EventFFlags::O_RDONLY).context("fanotify_init")?;
    let removed = MaskFlags::FAN_DELETE | MaskFlags::FAN_MOVED_FROM;
    let here = rustix::fs::CWD;
    group
        .mark(MarkFlags::FAN_MARK_ADD, removed, here, Some(&watched.directory))
        .with_context(|| format!("fanotify_mark on {}", watched.directory.display()))?;
    Ok((watched.uid, group))
}
