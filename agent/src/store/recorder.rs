//! The thread that writes. What it cannot write waits for a while, in memory; then the disk is tried again, less and less often.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use super::{
    Bounds, LISTED, News, Opened, Past, Shared, Ticket, Wanted,
    book::Book,
    entry::{Entry, Says, Step},
    fault::Fault,
    left,
    prune::Clock,
};
use crate::{api::IncidentDetail, clock::boot_now};

/// What the loop wants.
pub(super) enum Job {
    Write {
        entries: Vec<Entry>,
        ticket: Option<Ticket>,
    },
    Look {
        wanted: Wanted,
        ticket: Ticket,
    },
    Bound(Bounds),
    /// What earlier daemons have left is carried on by nobody.
    Leave,
    /// Tells whether everything before it is written.
    Done(SyncSender<bool>),
}

/// How many entries are written at once.
const BATCH: usize = 128;
/// How many entries wait for a disk that does not take them. The oldest are lost first: each says all of its incident.
const BACKLOG: usize = 512;
/// Of how many incidents it is remembered what an earlier daemon knew.
const KNOWN: usize = 256;
/// How long a disk is left alone that has failed, at first and at most.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// How often it is looked for what is too old.
const PRUNE: Duration = Duration::from_secs(600);

pub(super) struct Recorder {
    directory: PathBuf,
    bounds: Bounds,
    // Closed before the other side can see that we have ended.
    book: Option<Book>,
    shared: Arc<Shared>,
    tell: UnboundedSender<News>,
    /// Whether the incidents that earlier daemons have left are still to be ended.
    leaves: bool,
    waiting: VecDeque<Entry>,
    /// How many of the lost entries the record says of.
    said: u64,
    /// Why nothing is written, if so.
    why: Option<String>,
    /// When the disk is tried again, and after how long the next time.
    again: Instant,
    pause: Duration,
    pruned: Instant,
    clock: Clock,
    /// Of incidents that another daemon has opened: what it knew.
    known: BTreeMap<u64, IncidentDetail>,
}

impl Recorder {
    pub(super) fn new(
        directory: PathBuf,
        bounds: Bounds,
        shared: Arc<Shared>,
        tell: UnboundedSender<News>,
    ) -> Self {
        let now = Instant::now();
        Self {
            directory,
            bounds,
            shared,
            tell,
            book: None,
            leaves: false,
            waiting: VecDeque::new(),
            said: 0,
            why: None,
            again: now,
            pause: FIRST,
            pruned: now,
            clock: Clock::new(Timestamp::now(), boot_now()),
            known: BTreeMap::new(),
        }
    }

    /// Until nobody has a job for it any more. `opened` hears what is in it, unless it cannot be opened.
    pub(super) fn run(mut self, jobs: &Receiver<Job>, opened: Sender<Opened>) {
        self.write(&[]);
        if let Some(book) = &self.book
            && let (Ok(last_incident), Ok(left)) = (book.last_incident(), book.left())
        {
            let _ = opened.send(Opened { last_incident, left }); // fails only if nobody waits any more
        }
        drop(opened);
        loop {
            let patience = if self.why.is_some() { self.again } else { self.pruned + PRUNE };
            match jobs.recv_timeout(patience.saturating_duration_since(Instant::now())) {
                Ok(job) => self.take(job, jobs),
                Err(RecvTimeoutError::Timeout) => {
                    self.write(&[]);
                    self.prune(true);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// A job, and those that wait behind it: what is written together costs the disk as much as one.
    fn take(&mut self, first: Job, jobs: &Receiver<Job>) {
        let mut tickets = Vec::new();
        let mut taken = 0;
        let mut next = Some(first);
        while let Some(job) = next.take() {
            match job {
                Job::Write { entries, ticket } => {
                    taken += entries.len();
                    entries.into_iter().for_each(|entry| self.wait(entry));
                    tickets.extend(ticket);
                    next = (taken < BATCH).then(|| jobs.try_recv().ok()).flatten();
                }
                // It is answered, or carried out, after what came before it.
                job => {
                    self.write(&std::mem::take(&mut tickets));
                    self.other(job);
                    return;
                }
            }
        }
        self.write(&tickets);
        self.prune(false);
    }

    fn other(&mut self, job: Job) {
        match job {
            Job::Look { wanted, ticket } => {
                let past = self.look(wanted);
                self.say(News::Found { ticket, past });
            }
            Job::Bound(bounds) => {
                self.bounds = bounds;
                self.prune(true);
            }
            Job::Leave => {
                self.leaves = true;
                self.write(&[]);
            }
            Job::Done(done) => {
                let _ = done.send(self.waiting.is_empty()); // fails only if nobody waits any more
            }
            Job::Write { .. } => {}
        }
    }

    fn wait(&mut self, mut entry: Entry) {
        self.add_what_was_known(&mut entry);
        if self.waiting.len() == BACKLOG {
            self.waiting.pop_front();
            self.shared.standing().missed += 1;
        }
        self.waiting.push_back(entry);
    }

    /// Writes what waits, if the disk is to be tried; tells those who wait for it.
    fn write(&mut self, tickets: &[Ticket]) {
        if let Some(why) = self.why.clone().filter(|_| Instant::now() < self.again) {
            return self.not_written(tickets, why);
        }
        match self.try_to_write() {
            Ok(count) => {
                self.heal();
                let Some(book) = &self.book else { return };
                // The disk first: whoever looks how the record stands must not wait for it.
                let (head, size) = (book.head(), book.size());
                let mut standing = self.shared.standing();
                standing.head = Some(head);
                standing.size = size.unwrap_or(standing.size);
                standing.written += count;
                drop(standing);
                if count > 0 || !tickets.is_empty() {
                    self.say(News::Written { tickets: tickets.to_vec(), head });
                }
            }
            Err(fault) => {
                let why = fault.to_string();
                self.degrade(why.clone());
                self.not_written(tickets, why);
            }
        }
    }

    /// How many entries were written.
    fn try_to_write(&mut self) -> Result<u64, Fault> {
        let now = Timestamp::now();
        let mut count = 0;
        if self.book.is_none() {
            let book = Book::open(&self.directory, now, boot_now())?;
            self.say(News::Opened { last_incident: book.last_incident()? });
            count += 1;
            self.book = Some(book);
        }
        let Some(book) = &mut self.book else { return Ok(0) };
        if self.leaves {
            let left = book.left()?.into_iter();
            let ends: Vec<Entry> = left.filter_map(|one| one.end(now, boot_now())).collect();
            if !ends.is_empty() {
                book.append(&ends)?;
            }
            count += ends.len() as u64;
            self.leaves = false;
        }
        let missed = self.shared.standing().missed;
        if missed > self.said {
            let why = self.why.clone().unwrap_or_else(|| "the disk was too slow".to_owned());
            let says = Says::Missed { entries: missed - self.said, why };
            book.append(&[Entry { at: boot_now(), wall: now, says, carry: None }])?;
            count += 1;
            self.said = missed;
        }
        if !self.waiting.is_empty() {
            let entries = self.waiting.make_contiguous();
            book.append(entries)?;
            count += entries.len() as u64;
            self.waiting.clear();
        }
        Ok(count)
    }

    fn not_written(&self, tickets: &[Ticket], why: String) {
        if !tickets.is_empty() {
            self.say(News::NotWritten { tickets: tickets.to_vec(), why });
        }
    }

    fn degrade(&mut self, why: String) {
        self.book = None; // opened anew it is held to be whole, and begun anew if it is not
        self.again = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST);
        self.shared.standing().degraded = Some(why.clone());
        if self.why.replace(why.clone()).as_ref() != Some(&why) {
            self.say(News::Degraded { why });
        }
    }

    fn heal(&mut self) {
        self.pause = FIRST;
        let mut standing = self.shared.standing();
        // The loop may have found the disk too slow, too.
        let healed = standing.degraded.take().is_some() | self.why.take().is_some();
        let missed = standing.missed;
        drop(standing);
        if healed {
            self.say(News::Healed { missed });
        }
    }

    fn prune(&mut self, now: bool) {
        let due = now || self.pruned.elapsed() > PRUNE || self.shared.standing().size > self.bounds.size;
        let Some(book) = self.book.as_mut().filter(|_| due) else { return };
        self.pruned = Instant::now();
        let (now, at) = (Timestamp::now(), boot_now());
        let by_age = self.clock.is_steady(now, at);
        match book.prune(self.bounds, now, at, by_age) {
            Ok(()) => {
                let (head, size) = (book.head(), book.size());
                let mut standing = self.shared.standing();
                let before = standing.head.replace(head);
                standing.size = size.unwrap_or(standing.size);
                drop(standing);
                if before != Some(head) {
                    self.say(News::Written { tickets: Vec::new(), head });
                }
            }
            Err(fault) => self.degrade(fault.to_string()),
        }
    }

    /// What cannot be read is not there: the record is degraded by the next that is written.
    fn look(&self, wanted: Wanted) -> Past {
        let Some(book) = &self.book else { return Past::default() };
        let found = match wanted {
            Wanted::List { most } => {
                book.incidents(most.min(LISTED)).map(|listed| Past { listed, ..Past::default() })
            }
            Wanted::One(id) => {
                book.incident(id).map(|one| Past { shown: one.map(Box::new), ..Past::default() })
            }
        };
        match found {
            Ok(past) => Past { is_read: true, ..past },
            Err(fault) => {
                log::error!("{fault}; incidents of earlier daemons are not shown");
                Past::default()
            }
        }
    }

    /// A freeze that was found with the number of an incident that could not be carried on keeps what the daemon before knew.
    fn add_what_was_known(&mut self, entry: &mut Entry) {
        let Says::Incident(step, detail) = &mut entry.says else { return };
        let id = detail.summary.id;
        if *step == Step::Opened
            && let Some(Ok(Some(before))) = self.book.as_ref().map(|book| book.incident(id))
        {
            self.known.insert(id, before);
        }
        if let Some(before) = self.known.get(&id) {
            left::add_to(detail, before);
        }
        // More may come of one that is over, but not for long.
        if self.known.len() > KNOWN {
            self.known.pop_first();
        }
    }

    fn say(&self, news: News) {
        let _ = self.tell.send(news); // fails only if the loop has ended
    }
}
