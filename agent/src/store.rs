//! The record: every incident, what was decided and what came of it, in a file that outlives the daemon and the boot.
//!
//! ```text
//!   loop ──jobs, bounded──► recorder (a thread of its own) ──► book ──► incidents.db
//!        ◄──────news──────┘
//! ```
//!
//! Nobody waits for the disk but the recorder. Whoever wants to know when something is on it gives a ticket, and hears of
//! it. A disk that is full, slow, read-only or corrupt stops nothing: the record is *degraded*, which is counted and said, and
//! heals by itself.

mod book;
mod carried;
mod chain;
mod entry;
mod fault;
mod file;
mod journal;
mod left;
mod proof;
mod prune;
mod recorder;
mod redact;
mod schema;
#[cfg(test)]
mod tests;
pub(crate) mod verify;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::api::{IncidentDetail, IncidentSummary, StoreView};
pub(crate) use carried::Carried;
pub(crate) use chain::{Hash, Head};
pub(crate) use entry::{Entry, Says, Step};
pub(crate) use file::{FILE, make_directory};
pub(crate) use left::{Left, UNKNOWN};
pub(crate) use prune::{Bounds, Clock};
use recorder::{Job, Recorder};
pub(crate) use redact::{Pattern, Redact};

/// Where the record is, if nothing else is said.
pub(crate) const DIRECTORY: &str = "/var/lib/burstguard";
/// How many jobs may wait for the disk.
const WAITING: usize = 1024;
/// How long an end waits for a disk that is slow.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many incidents are listed, the newest: as many as a daemon remembers.
const LISTED: usize = 1000;

/// Tells one who waits from another.
pub(crate) type Ticket = u64;

/// The record, as the loop has it.
pub(crate) struct Store {
    jobs: SyncSender<Job>,
    news: UnboundedReceiver<News>,
    shared: Arc<Shared>,
}

/// What the recorder says.
#[derive(Debug)]
pub(crate) enum News {
    /// The record is open; the highest number that an incident in it has.
    Opened { last_incident: u64 },
    /// Entries are on the disk, this one last.
    Written { tickets: Vec<Ticket>, head: Head },
    /// What these wait for is not on the disk, and may never be.
    NotWritten { tickets: Vec<Ticket>, why: String },
    /// Nothing can be written from now on.
    Degraded { why: String },
    /// It can again; so many entries are lost.
    Healed { missed: u64 },
    /// What was looked for.
    Found { ticket: Ticket, past: Past },
}

/// What is wanted of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The newest incidents.
    List,
    One(u64),
}

/// Incidents as the record has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Past {
    /// Newest first.
    pub(crate) listed: Vec<IncidentSummary>,
    pub(crate) shown: Option<Box<IncidentDetail>>,
    /// Whether it could be read, in time: else nobody can say what it does not have.
    pub(crate) is_read: bool,
}

/// How the record stands, for whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Why nothing can be written, if so.
    pub(crate) degraded: Option<String>,
    pub(crate) head: Option<Head>,
    /// In bytes.
    pub(crate) size: u64,
    /// Entries that were written, and that are lost, since the start.
    pub(crate) written: u64,
    pub(crate) missed: u64,
    /// Decisions that were carried out before they were on the disk, since the start.
    pub(crate) unrecorded: u64,
}

/// What both sides of a thread that writes know: how what it writes stands.
#[derive(Default)]
pub(crate) struct Shared<S = Standing> {
    standing: Mutex<S>,
}

impl<S> Shared<S> {
    /// What a panic elsewhere left is still whole: fields are only ever replaced.
    pub(crate) fn standing(&self) -> MutexGuard<'_, S> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Begins to open the record in a directory, and to write.
    pub(crate) fn open(directory: PathBuf, bounds: Bounds) -> (Self, Opening) {
        let (jobs, waiting) = sync_channel(WAITING);
        let (tell, news) = unbounded_channel();
        let (opened, opening) = mpsc::channel();
        let shared = Arc::<Shared>::default();
        let recorder = Recorder::new(directory, bounds, Arc::clone(&shared), tell);
        let thread = std::thread::Builder::new().name("recorder".to_owned());
        if let Err(error) = thread.spawn(move || recorder.run(&waiting, opened)) {
            shared.standing().degraded = Some(format!("cannot start a thread to write it: {error}"));
        }
        (Self { jobs, news, shared }, Opening(opening))
    }

    /// One whose disk never answers.
    #[cfg(test)]
    pub(crate) fn stuck() -> Self {
        let (jobs, waiting) = sync_channel(WAITING);
        std::mem::forget(waiting); // nobody takes a job, and nobody says that none will be taken
        Self { jobs, news: unbounded_channel().1, shared: Arc::default() }
    }

    /// Writes entries. With a ticket, whoever has it hears of it; not if this is false: then they will not be written.
    #[must_use]
    pub(crate) fn write(&self, entries: Vec<Entry>, ticket: Option<Ticket>) -> bool {
        let count = entries.len() as u64;
        let why = match self.jobs.try_send(Job::Write { entries, ticket }) {
            Ok(()) => return true,
            Err(TrySendError::Full(_)) => "too much waits for the disk",
            Err(TrySendError::Disconnected(_)) => "its thread has ended: restart burstguard",
        };
        let mut standing = self.shared.standing();
        standing.missed += count;
        standing.degraded.get_or_insert_with(|| why.to_owned());
        false
    }

    /// Looks for incidents. False if nobody will answer.
    #[must_use]
    pub(crate) fn look(&self, wanted: Wanted, ticket: Ticket) -> bool {
        self.jobs.try_send(Job::Look { wanted, ticket }).is_ok()
    }

    /// Ends what earlier daemons have left: nobody carries it on.
    pub(crate) fn leave(&self) {
        if self.jobs.try_send(Job::Leave).is_err() {
            log::warn!("incidents of earlier daemons stay open in the record: its thread has ended");
        }
    }

    /// Other bounds, from now on.
    pub(crate) fn bound(&self, bounds: Bounds) {
        if self.jobs.try_send(Job::Bound(bounds)).is_err() {
            log::warn!("the record is kept within its old bounds: too much waits for the disk");
        }
    }

    /// The next news; for ever none if the recorder has ended.
    pub(crate) async fn news(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// News that are there already.
    pub(crate) fn news_now(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }

    pub(crate) fn standing(&self) -> Standing {
        self.shared.standing().clone()
    }

    /// A decision was carried out before it was on the disk.
    pub(crate) fn unrecorded(&self) {
        self.shared.standing().unrecorded += 1;
    }

    /// The disk has not answered in time; the recorder says when it does.
    pub(crate) fn does_not_answer(&self, why: &str) {
        self.shared.standing().degraded.get_or_insert_with(|| why.to_owned());
    }

    /// Waits until all that was given to it is written, but not for ever; whether it is.
    pub(crate) fn finish(&self) -> bool {
        let (done, written) = sync_channel(1);
        self.jobs.try_send(Job::Done(done)).is_ok() && written.recv_timeout(PATIENCE) == Ok(true)
    }
}

/// The record is being opened.
pub(crate) struct Opening(mpsc::Receiver<Opened>);

/// What is in it.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// The highest number that an incident in it has.
    pub(crate) last_incident: u64,
    /// What was not over, by number.
    pub(crate) left: Vec<Left>,
}

impl Opening {
    /// What is in it; none if it cannot be read, or not in time.
    pub(crate) fn wait(&self, patience: Duration) -> Option<Opened> {
        self.0.recv_timeout(patience).ok()
    }
}

impl Standing {
    pub(crate) fn view(&self) -> StoreView {
        StoreView {
            degraded: self.degraded.clone(),
            last: self.head.map(|head| head.seq),
            hash: self.head.map(|head| head.hash.to_string()),
            size: self.size,
            missed: self.missed,
            unrecorded: self.unrecorded,
        }
    }
}

/// Where the record is: as told, else as systemd says, else at the usual place.
pub(crate) fn directory(told: Option<PathBuf>) -> PathBuf {
    told.or_else(|| by_systemd(std::env::var_os("STATE_DIRECTORY")?.as_os_str().as_ref()))
        .unwrap_or_else(|| DIRECTORY.into())
}

/// The first of the state directories of a unit.
fn by_systemd(directories: &Path) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    let all = directories.as_os_str().as_bytes();
    let first = all.split(|byte| *byte == b':').next().filter(|first| first.starts_with(b"/"))?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(first)))
}

#[cfg(test)]
mod directory_tests {
    use super::*;

    #[test]
    fn the_first_directory_of_a_unit_is_ours() {
        for (said, expected) in [
            ("/var/lib/burstguard", Some("/var/lib/burstguard")),
            ("/var/lib/a:/var/lib/b", Some("/var/lib/a")),
            ("", None),
            ("a:/b", None),
        ] {
            assert_eq!(by_systemd(Path::new(said)), expected.map(PathBuf::from), "{said:?}");
        }
        assert_eq!(directory(Some("here".into())), Path::new("here"));
    }
}
