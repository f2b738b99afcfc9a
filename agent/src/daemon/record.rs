//! The record, as the loop keeps it: what waits until it is on the disk, and the anchors.

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use tokio::time::{Instant, sleep_until};

use super::{Effect, Input, agent::Agent, evidence::Seen};
use crate::{
    api::{Filter, Request},
    control::Call,
    keeper::About,
    report::Event,
    store::{Entry, FILE, Head, LISTED, News, Past, Store, Ticket, Wanted},
};

/// How long the disk is given, before what was decided is carried out all the same: a broken disk must keep nobody from acting.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long the keeper is given, before what was decided lets calls change what it may not have kept.
const KEEPING: Duration = Duration::from_millis(250);
/// How often the head goes to the log if nobody decides.
const ANCHOR: Duration = Duration::from_secs(60);

/// The record, and what waits for it.
pub(super) struct Record {
    pub(super) store: Store,
    file: PathBuf,
    last: Ticket,
    waits: BTreeMap<Ticket, Waits>,
    /// What may be done now, and is when no other generation comes.
    ready: VecDeque<Vec<Effect>>,
    /// By incident: who acted.
    pub(super) seen: BTreeMap<u64, Seen>,
    /// The last entry that is on the disk and not in the log.
    head: Option<Head>,
    anchored: Option<Instant>,
}

/// Something that the record wants of the loop.
pub(super) enum Stir {
    News(News),
    /// The disk has had its time.
    Overdue,
}

/// Something that waits for the disk.
struct Waits {
    until: Instant,
    then: Then,
}

enum Then {
    /// What was decided about these.
    Do {
        incidents: Vec<u64>,
        effects: Vec<Effect>,
    },
    Answer(Call),
    /// The same, once what it lets change is kept.
    Go(Vec<Effect>),
}

impl Record {
    pub(super) fn new(store: Store, directory: PathBuf) -> Self {
        // As whoever verifies it finds it.
        let directory = directory.canonicalize().unwrap_or(directory);
        Self {
            store,
            file: directory.join(FILE),
            last: 0,
            waits: BTreeMap::new(),
            ready: VecDeque::new(),
            seen: BTreeMap::new(),
            head: None,
            anchored: None,
        }
    }

    /// What it wants next.
    pub(super) async fn stirs(&mut self) -> Stir {
        let deadline = self.deadline();
        let overdue = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            news = self.store.news() => Stir::News(news),
            () = overdue => Stir::Overdue,
        }
    }

    /// When the disk has had its time; never if nothing waits.
    fn deadline(&self) -> Option<Instant> {
        self.waits.values().map(|waits| waits.until).min()
    }

    /// What may be done now.
    pub(super) fn ready(&mut self) -> Option<Vec<Effect>> {
        self.ready.pop_front()
    }

    /// What waits by this ticket, if it still does.
    fn take(&mut self, ticket: Ticket) -> Option<Then> {
        self.waits.remove(&ticket).map(|waits| waits.then)
    }

    /// What has waited long enough.
    fn overdue(&mut self, now: Instant) -> Option<Then> {
        let ticket = *self.waits.iter().find(|(_, waits)| waits.until <= now)?.0;
        self.take(ticket)
    }

    fn wait(&mut self, then: Then) {
        let patience = if matches!(then, Then::Go(_)) { KEEPING } else { PATIENCE };
        self.waits.insert(self.last, Waits { until: Instant::now() + patience, then });
    }

    fn ticket(&mut self) -> Ticket {
        self.last += 1;
        self.last
    }
}

impl Agent {
    /// Writes down; what follows waits for that, if there is any.
    pub(super) fn write_down(&mut self, mut entries: Vec<Entry>, then: Vec<Effect>) {
        entries.iter_mut().for_each(|entry| self.add_who_acted(entry));
        if then.is_empty() {
            let _ = self.record.store.write(entries, None); // counted by the store if it cannot take them
            return;
        }
        let incidents = entries.iter().filter_map(Entry::incident).collect();
        let ticket = self.record.ticket();
        if self.record.store.write(entries, Some(ticket)) {
            self.record.wait(Then::Do { incidents, effects: then });
        } else {
            self.go_ahead(incidents, then, Some("too much waits for the disk already"));
        }
    }

    /// Looks in the record for what a call asks about, if that is of an earlier daemon; the call again if it need not wait.
    pub(super) fn look_back(&mut self, call: Call) -> Option<Call> {
        let wanted = match &call.request {
            // Those of an account, or of a time, may be any.
            Request::Incidents(Filter { open: false, account: None, since_s: None, limit: Some(most) }) => {
                Wanted::List { most: *most }
            }
            Request::Incidents(filter) if !filter.open => Wanted::List { most: LISTED },
            Request::Incident(id) | Request::Restore { incident: id, .. }
                if self.incidents.get(*id).is_none() =>
            {
                Wanted::One(*id)
            }
            _ => return Some(call),
        };
        // Whoever may not ask costs nothing more.
        if !self.rights_of(&call.caller).allow(call.request.right(call.caller.pid), false) {
            return Some(call);
        }
        let ticket = self.record.ticket();
        if !self.record.store.look(wanted, ticket) {
            return Some(call);
        }
        self.record.wait(Then::Answer(call));
        None
    }

    /// A call that was looked for, or that was waited for long enough, is an input.
    pub(super) fn take_stir(&mut self, stir: Stir) -> Result<Option<Input>> {
        match stir {
            Stir::News(news) => self.take_news(news),
            Stir::Overdue => self.past_patience(),
        }
    }

    fn take_news(&mut self, news: News) -> Result<Option<Input>> {
        match news {
            News::Opened { last_incident } => self.incidents.number_from(last_incident),
            News::Written { tickets, head } => {
                self.record.head = Some(head);
                if !tickets.is_empty() || self.record.anchored.is_none() {
                    self.anchor();
                }
                self.all_go_ahead(tickets, None);
            }
            News::NotWritten { tickets, why } => self.all_go_ahead(tickets, Some(&why)),
            News::Degraded { why } => self.report(&Event::StoreDegraded { error: why }),
            News::Healed { missed } => self.report(&Event::StoreHealed { missed }),
            News::Found { ticket, past } => {
                if let Some(Then::Answer(call)) = self.record.take(ticket) {
                    return self.take_call(call, past);
                }
            }
        }
        Ok(None)
    }

    fn past_patience(&mut self) -> Result<Option<Input>> {
        let Some(then) = self.record.overdue(Instant::now()) else { return Ok(None) };
        match then {
            Then::Answer(call) => {
                self.disk_is_late();
                return self.take_call(call, Past::default());
            }
            Then::Do { incidents, effects } => {
                let why = self.disk_is_late();
                self.go_ahead(incidents, effects, Some(&why));
            }
            Then::Go(effects) => {
                self.keeper.was_late();
                log::warn!(
                    "a decision is carried out before all that it lets change is kept: that has taken longer than {} ms",
                    KEEPING.as_millis()
                );
                self.record.ready.push_back(effects);
            }
        }
        Ok(None)
    }

    /// The disk has had its time, which is said once; why what waited for it goes on.
    fn disk_is_late(&mut self) -> String {
        let why = format!("the disk has not answered within {} ms", PATIENCE.as_millis());
        if self.record.store.standing().degraded.is_none() {
            self.record.store.does_not_answer(&why);
            self.report(&Event::StoreDegraded { error: why.clone() });
        }
        why
    }

    /// What was decided may be done; `unwritten` is why it is without being on the disk, if so.
    fn go_ahead(&mut self, incidents: Vec<u64>, effects: Vec<Effect>, unwritten: Option<&str>) {
        if let Some(why) = unwritten {
            self.unrecorded(incidents, why);
        }
        self.when_kept(effects);
    }

    /// What lets calls go on that wait is done once what they are about is kept, as it is right before.
    fn when_kept(&mut self, effects: Vec<Effect>) {
        let there = self.about_to_change(&effects);
        let ticket = self.record.ticket();
        if !there.is_empty() && self.keeper.keep_now(ticket, there) {
            self.record.wait(Then::Go(effects));
        } else {
            self.record.ready.push_back(effects);
        }
    }

    /// What calls that wait are about, if these effects let them go on.
    fn about_to_change(&self, effects: &[Effect]) -> About {
        let generation = &self.in_force.generation;
        let accounts = effects.iter().filter_map(|effect| match effect {
            Effect::Approve { account, .. } | Effect::Lease { account, .. } => Some(account),
            Effect::Thaw { account, .. } => account.as_ref(),
            _ => None,
        });
        let calls = accounts.flat_map(|account| generation.held_of(account));
        let mut about = About::default();
        for call in calls.filter(|call| !call.command) {
            let mut roots =
                call.names.iter().map(|name| name.root.and_then(|root| generation.names().tree(root)));
            let first = roots.next().flatten().map(|root| root.join(OsStr::from_bytes(&call.path)));
            about.names.extend(first);
            about.below.extend(roots.flatten().map(Path::to_owned));
        }
        about
    }

    /// The same for all of these that have not gone ahead already, because the disk was late.
    pub(super) fn all_go_ahead(&mut self, tickets: Vec<Ticket>, unwritten: Option<&str>) {
        for ticket in tickets {
            match self.record.take(ticket) {
                Some(Then::Do { incidents, effects }) => self.go_ahead(incidents, effects, unwritten),
                Some(Then::Go(effects)) => self.record.ready.push_back(effects),
                Some(Then::Answer(_)) | None => {}
            }
        }
    }

    fn unrecorded(&mut self, incidents: Vec<u64>, why: &str) {
        self.record.store.unrecorded();
        self.report(&Event::Unrecorded { incidents, error: why.to_owned() });
    }

    /// Says what the last entry is, so that it can be proven later that nothing up to it was removed.
    fn anchor(&mut self) {
        let Some(Head { seq, hash }) = self.record.head.take() else { return };
        self.record.anchored = Some(Instant::now());
        let file = self.record.file.display().to_string();
        self.report(&Event::Anchor { seq, hash: hash.to_string(), file });
    }

    /// The same if it is time to.
    pub(super) fn anchor_now_and_then(&mut self) {
        if self.record.anchored.is_none_or(|last| last.elapsed() >= ANCHOR) {
            self.anchor();
        }
    }

    /// At the end nothing waits any more: what was decided is carried out.
    pub(super) fn settle_record(&mut self) {
        let written = self.record.store.finish();
        while let Some(news) = self.record.store.news_now() {
            if let Err(error) = self.take_news(news) {
                log::error!("{error:#}");
            }
        }
        let rest: Vec<Ticket> = self.record.waits.keys().copied().collect();
        self.all_go_ahead(rest, Some("the disk has not answered before the end"));
        let rest: Vec<Ticket> = self.record.waits.keys().copied().collect();
        self.all_go_ahead(rest, None);
        while let Some(effects) = self.record.ready() {
            self.carry_out(effects);
        }
        if !written {
            log::error!("the last entries of the record are not written");
        }
        self.anchor();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_does_not_answer_is_waited_for_no_longer_than_that() {
        let mut record = Record::new(Store::stuck(), "/nowhere".into());
        assert_eq!(record.deadline(), None);
        let began = Instant::now();
        let ticket = record.ticket();
        assert!(record.store.write(Vec::new(), Some(ticket)));
        record.wait(Then::Do { incidents: vec![7], effects: vec![Effect::On { call: None }] });
        let deadline = record.deadline().expect("a deadline");
        assert!(deadline >= began + PATIENCE && deadline <= Instant::now() + PATIENCE);
        assert!(record.overdue(began).is_none());
        let then = record.overdue(deadline).expect("what waited");
        assert!(
            matches!(then, Then::Do { incidents, effects } if incidents == [7] && effects == [Effect::On { call: None }])
        );
        // Once: what the disk says later is too late.
        assert!(record.take(ticket).is_none() && record.deadline().is_none());
    }

    #[test]
    fn a_disk_that_takes_nothing_more_is_not_waited_for() {
        let record = Record::new(Store::stuck(), "/nowhere".into());
        let taken = (0..5000).take_while(|_| record.store.write(Vec::new(), None)).count();
        assert!((1..5000).contains(&taken), "{taken}");
        assert!(!record.store.look(Wanted::List { most: 1 }, 1));
    }
}
