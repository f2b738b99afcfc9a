//! Asks the daemon, again and again; what it says goes to the loop.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{
    facts::{Facts, Waiting, is_waiting},
    order::Order,
    state::Input,
};
use crate::{
    api::{Filter, IncidentDetail, IncidentSummary, Moved, Reason, Status},
    client::{
        Failure, approve, deny,
        http::Daemon,
        moved,
        session::Session,
        term::{Screen, clean},
    },
};

/// How often it is asked how things stand: two questions, one for the story that is open, and one for each incident that is another
/// than before.
const EVERY: Duration = Duration::from_secs(1);
/// Not more often, whatever keys are pressed: the daemon takes 50 questions a second of one user, and somebody else may be the same.
const AT_MOST: Duration = Duration::from_millis(250);
/// How often it is asked for what is over, if nothing that is open has changed: the daemon looks into its record for that.
const LOOK_BACK: Duration = Duration::from_secs(5);
/// How many incidents are listed, and how many of those that wait are looked into.
const LISTED: usize = 100;
const LOOKED_INTO: usize = 8;

/// What is known since the last time.
pub(super) struct Feed {
    daemon: Daemon,
    open: Vec<IncidentSummary>,
    /// Those that are over among them, and when that was asked.
    listed: Vec<IncidentSummary>,
    looked_back: Option<Instant>,
    /// Those that wait, as they were when they were looked into.
    details: BTreeMap<u64, IncidentDetail>,
    counted: Arc<Counted>,
}

impl Feed {
    pub(super) fn new(daemon: Daemon) -> Self {
        Self {
            daemon,
            open: Vec::new(),
            listed: Vec::new(),
            looked_back: None,
            details: BTreeMap::new(),
            counted: Arc::default(),
        }
    }

    /// Asks from now on, each time that somebody wishes it too.
    pub(super) fn run(mut self, wishes: Receiver<Option<u64>>, inbox: Sender<Input>) {
        let (daemon, counted) = (self.daemon.clone(), Arc::clone(&self.counted));
        thread::spawn(move || counted.listen(&daemon));
        thread::spawn(move || {
            let mut story = None;
            loop {
                let asked = Instant::now();
                let facts = self.ask(story).map(Box::new).map_err(|failure| words(&failure));
                if inbox.send(Input::Facts(facts)).is_err() {
                    return;
                }
                match wishes.recv_timeout(EVERY) {
                    Ok(wish) => story = wish,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                thread::park_timeout(AT_MOST.saturating_sub(asked.elapsed()));
                story = wishes.try_iter().last().unwrap_or(story);
            }
        });
    }

    pub(super) fn ask(&mut self, story: Option<u64>) -> Result<Facts, Failure> {
        let status: Status = self.daemon.get("/v1/status")?;
        let open = self.incidents(true)?;
        if open != self.open || self.looked_back.is_none_or(|at| at.elapsed() >= LOOK_BACK) {
            self.listed = self.incidents(false)?;
            self.looked_back = Some(Instant::now());
            self.open.clone_from(&open);
        }
        let story = match story {
            Some(id) => Some((id, self.story(id)?)),
            None => None,
        };
        let (waiting, more_wait) = self.waiting(&open)?;
        let incidents = open.into_iter().chain(self.listed.iter().cloned()).collect();
        Ok(Facts { status, incidents, waiting, more_wait, story, operations: self.counted.take() })
    }

    fn incidents(&self, open: bool) -> Result<Vec<IncidentSummary>, Failure> {
        let filter = Filter { open, limit: Some(LISTED), ..Filter::default() };
        self.daemon.get(&filter.path()?)
    }

    /// The story of an incident, or why the daemon does not tell it.
    fn story(&self, id: u64) -> Result<Result<IncidentDetail, String>, Failure> {
        match self.daemon.get(&format!("/v1/incidents/{id}")) {
            Ok(detail) => Ok(Ok(detail)),
            Err(failure @ Failure::Problem(_)) => Ok(Err(words(&failure))),
            Err(failure) => Err(failure),
        }
    }

    /// The processes that wait in these, the newest incidents first, and how many more wait in others.
    fn waiting(&mut self, open: &[IncidentSummary]) -> Result<(Vec<Waiting>, u64), Failure> {
        let mut details = BTreeMap::new();
        let mut more = 0;
        for summary in open.iter().filter(|one| is_waiting(one)) {
            if details.len() >= LOOKED_INTO {
                more += summary.waiting;
                continue;
            }
            // What has not changed is not asked for again.
            let known = self.details.remove(&summary.id).filter(|known| known.summary == *summary);
            let detail = match known {
                Some(known) => known,
                None => match self.story(summary.id)? {
                    Ok(detail) => detail,
                    Err(_) => continue, // over since
                },
            };
            details.insert(summary.id, detail);
        }
        self.details = details;
        Ok((self.details.values().flat_map(Waiting::of).collect(), more))
    }
}

/// The operations of each account, as the daemon's events tell them; none while nobody listens.
#[derive(Debug, Default)]
struct Counted(Mutex<Option<BTreeMap<String, u64>>>);

#[derive(Deserialize)]
struct Event {
    event: String,
    account: Option<String>,
    missed: Option<u64>,
}

/// What is counted of a line names an account.
#[cfg(any(fuzzing, test))]
pub(in crate::client) fn fuzz(line: &str) {
    let counted = Counted(Mutex::new(Some(BTreeMap::new())));
    counted.take_in(line);
    assert!(counted.take().expect("it listens").values().all(|count| *count == 1));
}

impl Counted {
    /// How long until it listens again after the stream has ended.
    const AGAIN: Duration = Duration::from_secs(1);
    /// The same if that was because more watch than there is room for: the others are to come first.
    const YIELD: Duration = Duration::from_mins(1);

    /// Those since the last time.
    fn take(&self) -> Option<BTreeMap<String, u64>> {
        self.lock().as_mut().map(std::mem::take)
    }

    fn listen(&self, daemon: &Daemon) {
        loop {
            let mut pause = Self::AGAIN;
            *self.lock() = Some(BTreeMap::new());
            // Why it has ended is told by the questions.
            let _ = daemon.lines(
                "/v1/events",
                || (),
                |line| {
                    pause = self.take_in(line).unwrap_or(pause);
                    Ok(())
                },
            );
            *self.lock() = None;
            thread::park_timeout(pause);
        }
    }

    /// Counts what a line tells; how long to wait then, if it is the last one and says so.
    fn take_in(&self, line: &str) -> Option<Duration> {
        match serde_json::from_str(line) {
            Ok(Event { event, account: Some(account), .. }) if event == "operation" => {
                if let Some(counted) = self.lock().as_mut() {
                    *counted.entry(account).or_default() += 1;
                }
                None
            }
            Ok(Event { event, missed: Some(0), .. }) if event == "cut" => Some(Self::YIELD),
            _ => None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<BTreeMap<String, u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends an order; the loop hears what came of it.
pub(super) fn post(session: &Session, order: Order, reason: Reason, inbox: Sender<Input>) {
    let daemon = session.daemon.clone();
    let screen = session.screen_at(jiff::Timestamp::now());
    thread::spawn(move || {
        let done = daemon.post::<Moved>(&order.path(), &order.body(reason));
        let answer = done.map(|moved| said(&screen, &order, &moved)).map_err(|failure| words(&failure));
        let _ = inbox.send(Input::Answer(answer)); // nobody hears it if the screen is gone
    });
}

/// As the command of that name says it, in a line.
fn said(screen: &Screen, order: &Order, moved: &Moved) -> String {
    let text = match order {
        Order::Approve(_) => approve::text(screen, moved),
        Order::Deny(_) => deny::text(moved),
        Order::Thaw(_) | Order::Freeze(_) => moved::text(screen, moved),
    };
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// What went wrong, in a line, and what to do.
fn words(failure: &Failure) -> String {
    let text = clean(&failure.to_string());
    match failure.help() {
        Some(help) => format!("{text}; {}", clean(&help)),
        None => text,
    }
}
