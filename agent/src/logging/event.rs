//! What happens, in the log: the sentence that a person reads, and fields to search by.

use tracing::Level;

use crate::report::{Actor, Destruction, Event};

/// Logs an event. Under journald each field is one of the journal: `journalctl BURSTGUARD_INCIDENT=7`.
pub(crate) fn event(event: &Event) {
    let kind = event.kind();
    // tracing knows the level of a place in the program when it is compiled.
    macro_rules! log_at {
        ($level:expr) => {{
            let Fields { incident, account, pid, actor, act, anchor } = Fields::of(event);
            tracing::event!(
                $level,
                message_id = kind.message_id(),
                event = kind.word,
                incident,
                account = account.or(actor.map(|actor| actor.account.as_str())),
                pid = pid.or(actor.map(|actor| actor.pid)),
                uid = actor.map(|actor| actor.uid),
                comm = actor.map(|actor| actor.comm.as_str()),
                kinds = act.map(|act| act.kinds.join("+")),
                tree = act.and_then(|act| act.tree.as_deref()),
                path = act.map(|act| act.path.as_str()),
                seq = anchor.map(|(seq, ..)| seq),
                hash = anchor.map(|(_, hash, _)| hash),
                file = anchor.map(|(.., file)| file),
                "{event}"
            )
        }};
    }
    match level(event) {
        Level::ERROR => log_at!(Level::ERROR),
        Level::WARN => log_at!(Level::WARN),
        Level::INFO => log_at!(Level::INFO),
        _ => log_at!(Level::DEBUG),
    }
}

/// Whether a person should look at it.
pub(crate) fn is_for_people(event: &Event) -> bool {
    level(event) <= Level::WARN
}

/// What a person should look at warns; what comes by the thousand is for whoever asks for it.
fn level(event: &Event) -> Level {
    match event {
        Event::Counter { fault: true, .. }
        | Event::EffectFailed { .. }
        | Event::StoreDegraded { .. }
        | Event::Unrecorded { .. }
        | Event::PinsLost { .. } => Level::ERROR,
        Event::Burst { .. }
        | Event::Escape { .. }
        | Event::Stopped { .. }
        | Event::Held { .. }
        | Event::Denied { .. }
        | Event::Found { .. }
        | Event::Frozen { .. }
        | Event::Decided { .. }
        | Event::Approval { .. }
        | Event::Restoring { .. }
        | Event::Restored { .. }
        | Event::Attempt { .. }
        | Event::Tampering { .. }
        | Event::Off { .. }
        | Event::GovernorEngaged { .. }
        | Event::GovernorOver { .. }
        | Event::Unexplained { .. }
        | Event::NotReloaded { .. }
        | Event::PinnedAgain
        | Event::StoreHealed { .. }
        | Event::On => Level::WARN,
        Event::Armed { .. }
        | Event::Anchor { .. }
        | Event::Blind { .. }
        | Event::Launched { .. }
        | Event::Leased { .. }
        | Event::LeaseOver { .. }
        | Event::Warmup { .. }
        | Event::WarmupOver { .. }
        | Event::Counter { .. }
        | Event::Reloaded { .. }
        | Event::Released { .. }
        | Event::Ended { .. } => Level::INFO,
        Event::Joined { .. } | Event::Operation { .. } => Level::DEBUG,
    }
}

/// What an event is about, as far as it has such a thing.
#[derive(Default)]
struct Fields<'a> {
    incident: Option<u64>,
    /// Of an event that has no actor.
    account: Option<&'a str>,
    /// Of an event that has no actor.
    pid: Option<u32>,
    actor: Option<&'a Actor>,
    act: Option<&'a Destruction>,
    /// An entry of the record: its number, its hash, the file.
    anchor: Option<(u64, &'a str, &'a str)>,
}

impl<'a> Fields<'a> {
    fn of(event: &'a Event) -> Self {
        let about = |incident| Self { incident, ..Self::default() };
        match event {
            Event::Joined { actor } | Event::Launched { actor, .. } | Event::Blind { actor, .. } => {
                Self { actor: Some(actor), ..Self::default() }
            }
            Event::Operation { actor, act, .. } => {
                Self { actor: Some(actor), act: Some(act), ..Self::default() }
            }
            Event::Burst { incident, actor, act, .. }
            | Event::Escape { incident, actor, act }
            | Event::Tampering { incident, actor, act, .. } => {
                Self { actor: Some(actor), act: Some(act), ..about(Some(*incident)) }
            }
            Event::Held { incident, actor, act } | Event::Denied { incident, actor, act } => {
                Self { actor: Some(actor), act: Some(act), ..about(*incident) }
            }
            Event::Stopped { incident, actor } => Self { actor: Some(actor), ..about(*incident) },
            Event::Found { incident, .. }
            | Event::Frozen { incident, .. }
            | Event::Decided { incident, .. }
            | Event::Approval { incident, .. }
            | Event::Restoring { incident, .. }
            | Event::Restored { incident, .. }
            | Event::EffectFailed { incident, .. } => about(Some(*incident)),
            Event::Attempt { incident, account, pid, .. } => {
                Self { account: Some(account), pid: Some(*pid), ..about(Some(*incident)) }
            }
            Event::Leased { incident, account, .. } | Event::LeaseOver { incident, account, .. } => {
                Self { account: Some(account), ..about(Some(*incident)) }
            }
            Event::Warmup { account, .. } | Event::WarmupOver { account } => {
                Self { account: Some(account), ..Self::default() }
            }
            Event::Anchor { seq, hash, file } => Self { anchor: Some((*seq, hash, file)), ..Self::default() },
            Event::Unrecorded { incidents, .. } => about(incidents.first().copied()),
            Event::Armed { .. }
            | Event::Counter { .. }
            | Event::GovernorEngaged { .. }
            | Event::GovernorOver { .. }
            | Event::Unexplained { .. }
            | Event::Off { .. }
            | Event::On
            | Event::Reloaded { .. }
            | Event::NotReloaded { .. }
            | Event::PinsLost { .. }
            | Event::PinnedAgain
            | Event::StoreDegraded { .. }
            | Event::StoreHealed { .. }
            | Event::Released { .. }
            | Event::Ended { .. } => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        fmt,
        sync::{Arc, Mutex},
    };

    use tracing::{
        Subscriber,
        field::{Field, Visit},
    };
    use tracing_subscriber::{
        Layer,
        layer::{Context, SubscriberExt as _},
    };

    use super::*;
    use crate::api::Sizes;

    type Logged = BTreeMap<&'static str, String>;

    #[derive(Default)]
    struct Last(Arc<Mutex<(Option<Level>, Logged)>>);

    struct Into<'a>(&'a mut Logged);

    impl Visit for Into<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0.insert(field.name(), format!("{value:?}"));
        }
    }

    impl<S: Subscriber> Layer<S> for Last {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let mut last = self.0.lock().unwrap();
            last.0 = Some(*event.metadata().level());
            event.record(&mut Into(&mut last.1));
        }
    }

    #[test]
    fn a_burst_warns_and_can_be_searched_for() {
        let last = Last::default();
        let logged = Arc::clone(&last.0);
        let actor = Actor {
            at_ns: 1,
            account: "deployer".to_owned(),
            pid: 7,
            tid: 7,
            uid: 1000,
            comm: "r\nm".to_owned(),
        };
        let act = Destruction {
            kinds: vec!["delete", "recreate"],
            tree: None,
            path: "a\u{1b}".to_owned(),
            sizes: Sizes::default(),
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(last), || {
            event(&Event::Burst { incident: 3, actor, act, whole: false });
        });
        let (level, fields) = &*logged.lock().unwrap();
        assert_eq!(*level, Some(Level::WARN));
        let expected = [
            ("account", "\"deployer\""),
            ("comm", "\"r\\nm\""),
            ("event", "\"burst\""),
            ("incident", "3"),
            ("kinds", "\"delete+recreate\""),
            ("path", "\"a\\u{1b}\""),
            ("pid", "7"),
            ("uid", "1000"),
        ];
        let mut found = fields.clone();
        let message = found.remove("message").unwrap();
        assert_eq!(found.remove("message_id").map(|id| id.len()), Some(34));
        assert_eq!(found, expected.map(|(name, value)| (name, value.to_owned())).into());
        assert!(message.starts_with("BURST 3 by deployer"), "{message}");
        assert!(!message.contains(char::is_control), "{message}");
    }
}
