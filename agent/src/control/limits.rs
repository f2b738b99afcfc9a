//! How much of the server anybody may take.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Connections at once.
pub(super) const CONNECTIONS: u32 = 64;
/// Those that only root gets: whoever must let go of something finds one.
pub(super) const ROOTS_OWN: u32 = 8;
/// Connections at once of a user who is not root.
pub(super) const CONNECTIONS_OF_ONE: u32 = 16;
/// Requests of one user in a row.
const BURST: u32 = 100;
/// A user's requests in the long run: one each.
const INTERVAL: Duration = Duration::from_millis(20);
const ROOT: u32 = 0;

/// What everybody has taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits(Arc<Mutex<HashMap<u32, Use>>>);

#[derive(Debug)]
struct Use {
    connections: u32,
    /// When the requests so far would have come, had they come one each interval. Further ahead than a burst is too many.
    paid_until: Instant,
}

/// A connection that is served, for as long as this lives.
#[derive(Debug)]
pub(super) struct Admitted {
    limits: Limits,
    uid: u32,
}

impl Limits {
    /// Admits one more connection of a user, or does not.
    pub(super) fn admit(&self, uid: u32, now: Instant) -> Option<Admitted> {
        let mut users = self.users();
        let all: u32 = users.values().map(|user| user.connections).sum();
        let own = users.get(&uid).map_or(0, |user| user.connections);
        let full = if uid == ROOT {
            all >= CONNECTIONS
        } else {
            own >= CONNECTIONS_OF_ONE || all >= CONNECTIONS - ROOTS_OWN
        };
        if full {
            return None;
        }
        users.entry(uid).or_insert(Use { connections: 0, paid_until: now }).connections += 1;
        Some(Admitted { limits: self.clone(), uid })
    }

    fn users(&self) -> MutexGuard<'_, HashMap<u32, Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted {
    /// Counts a request; false if there are too many.
    pub(super) fn request(&self, now: Instant) -> bool {
        let mut users = self.limits.users();
        let Some(user) = users.get_mut(&self.uid) else { return false };
        let from = user.paid_until.max(now);
        if from - now > INTERVAL * (BURST - 1) {
            return false;
        }
        user.paid_until = from + INTERVAL;
        true
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut users = self.limits.users();
        if let Some(user) = users.get_mut(&self.uid) {
            user.connections -= 1;
        }
        // Whoever still owes is remembered: a new connection is no new allowance.
        users.retain(|_, user| user.connections > 0 || user.paid_until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(limits: &Limits, uid: u32, now: Instant) -> Vec<Admitted> {
        std::iter::from_fn(|| limits.admit(uid, now)).collect()
    }

    #[test]
    fn nobody_takes_what_is_roots() {
        let (limits, now) = (Limits::default(), Instant::now());
        let users: Vec<_> = (1..=5).map(|uid| fill(&limits, uid, now)).collect();
        assert_eq!(users.iter().map(Vec::len).collect::<Vec<_>>(), [16, 16, 16, 8, 0]);
        let root = fill(&limits, ROOT, now);
        assert_eq!(root.len(), 8);
        drop(users);
        assert_eq!(fill(&limits, 7, now).len(), 16, "what is given back can be had again");
    }

    #[test]
    fn requests_in_a_row_and_in_the_long_run() {
        let (limits, now) = (Limits::default(), Instant::now());
        let user = limits.admit(7, now).expect("a connection");
        let taken = |user: &Admitted, now| (0..1000).filter(|_| user.request(now)).count();
        assert_eq!(taken(&user, now), 100);
        assert_eq!(taken(&user, now + Duration::from_secs(1)), 50);
        assert_eq!(taken(&user, now + Duration::from_secs(60)), 100);
        assert!(limits.admit(8, now).expect("a connection").request(now), "others are not held to account");
    }

    #[test]
    fn a_new_connection_is_no_new_allowance() {
        let limits = Limits::default();
        let now = Instant::now() + Duration::from_secs(60);
        let first = limits.admit(7, now).expect("a connection");
        while first.request(now) {}
        drop(first);
        assert!(!limits.admit(7, now).expect("a connection").request(now));
    }
}
