//! What every peer does when it has counted past the budget: it stops all that a user runs, as `pkill -STOP -u USER` does.

use std::collections::HashMap;

use tests::proc;

use super::Orders;

/// Counts what each user has removed.
pub(super) struct Stopper {
    budget: u64,
    counts: HashMap<u32, u64>,
}

/// New processes may be made while the others are stopped; whoever outruns this has got away.
const MOST_LOOKS: usize = 1000;

impl Stopper {
    pub(super) fn new(orders: &Orders) -> Self {
        let counts = orders.watched.iter().map(|watched| (watched.uid, 0)).collect();
        Self { budget: orders.budget, counts }
    }

    /// So many more files are gone. Users that nobody ordered to be watched are left alone.
    pub(super) fn removed(&mut self, uid: u32, files: u64) {
        let Some(count) = self.counts.get_mut(&uid) else { return };
        *count += files;
        if *count > self.budget {
            stop(uid);
        }
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
