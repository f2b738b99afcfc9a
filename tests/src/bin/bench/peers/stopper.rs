//! What every peer does when it has counted past the budget: it stops all that a user runs, as `pkill -STOP -u USER` does.

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tests::proc;

use super::Orders;

/// Counts what each user has removed.
pub(super) struct Stopper {
    budget: u64,
    counts: HashMap<u32, u64>,
    /// To a thread of its own: whoever hears events goes on hearing them.
    over: Sender<u32>,
}

/// New processes may be made while the others are stopped; whoever outruns this has got away.
const MOST_LOOKS: usize = 1000;

impl Stopper {
    pub(super) fn new(orders: &Orders) -> Self {
        let counts = orders.watched.iter().map(|watched| (watched.uid, 0)).collect();
        let (over, users) = channel();
        thread::spawn(move || stop_each(&users));
        Self { budget: orders.budget, counts, over }
    }

    /// So many more files are gone. Users that nobody ordered to be watched are left alone.
    pub(super) fn removed(&mut self, uid: u32, files: u64) {
        let Some(count) = self.counts.get_mut(&uid) else { return };
        *count += files;
        if *count > self.budget {
            let _ = self.over.send(uid); // the thread ends with us
        }
    }
}

/// What has come meanwhile is about the same few users.
fn stop_each(users: &Receiver<u32>) {
    while let Ok(first) = users.recv() {
        let all: BTreeSet<_> = std::iter::once(first).chain(users.try_iter()).collect();
        all.into_iter().for_each(stop);
    }
}

fn stop(uid: u32) {
    for _ in 0..MOST_LOOKS {
        let mut running = proc::of_user(uid).unwrap_or_default();
        running.retain(|process| !process.is_stopped() && !process.is_zombie());
        if running.is_empty() {
            return;
        }
        running.iter().for_each(proc::Process::stop);
    }
}
