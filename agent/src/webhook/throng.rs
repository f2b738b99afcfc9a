//! What comes by the thousand, since an account makes it by its own calls: it must not drive out of the queue what matters, such as its
//! own burst. Pure.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::report::Event;

/// How many of a kind an account may make in a minute.
const MOST: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// Counts, by kind and account: no more than the policy has.
#[derive(Default)]
pub(super) struct Throng(HashMap<(&'static str, String), (Instant, u32)>);

impl Throng {
    /// Whether this is one too many.
    pub(super) fn is_too_much(&mut self, event: &Event, now: Instant) -> bool {
        let Some(account) = maker(event) else { return false };
        self.0.retain(|_, (since, _)| now.saturating_duration_since(*since) < MINUTE);
        let (_, count) = self.0.entry((event.kind().word, account.to_owned())).or_insert((now, 0));
        *count = count.saturating_add(1);
        *count > MOST
    }
}

/// The account that makes one of these whenever it likes.
fn maker(event: &Event) -> Option<&str> {
    match event {
        Event::Joined { actor }
        | Event::Launched { actor, .. }
        | Event::Operation { actor, .. }
        | Event::Escape { actor, .. }
        | Event::Held { actor, .. }
        | Event::Denied { actor, .. }
        | Event::Stopped { actor, .. }
        | Event::Blind { actor, .. }
        | Event::Tampering { actor, .. } => Some(&actor.account),
        Event::Attempt { account, .. } => Some(account),
        // Some of them move as often as an account likes; each is counted by itself.
        Event::Counter { name, .. } => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Actor;

    fn stopped(account: &str) -> Event {
        let actor =
            Actor { at_ns: 1, account: account.to_owned(), pid: 7, tid: 7, uid: 1, comm: "rm".to_owned() };
        Event::Stopped { incident: None, actor }
    }

    #[test]
    fn an_account_drives_out_nobody() {
        let (mut throng, now) = (Throng::default(), Instant::now());
        let told = |throng: &mut Throng, event: &Event, at| {
            (0..1000).filter(|_| !throng.is_too_much(event, at)).count()
        };
        assert_eq!(told(&mut throng, &stopped("a"), now), 20);
        // Not another account, nor what is no call of its, nor another kind.
        assert_eq!(told(&mut throng, &stopped("b"), now), 20);
        assert_eq!(told(&mut throng, &Event::On, now), 1000);
        let attempt = Event::Attempt { incident: 1, account: "a".to_owned(), pid: 7, times: 1 };
        assert_eq!(told(&mut throng, &attempt, now), 20);
        let later = now + MINUTE;
        assert_eq!(told(&mut throng, &stopped("a"), now + MINUTE / 2), 0);
        assert_eq!(told(&mut throng, &stopped("a"), later), 20);
        assert_eq!(throng.0.len(), 1, "what is over is forgotten");
    }
}
