//! The thread that writes the recording, and its other end in the loop.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant, SystemTime},
};

use jiff::Timestamp;

use super::{
    format::{Entry, PREFACE, append},
    segments,
};
use crate::{
    clock::boot_now,
    store::{Bounds, Clock, Shared, make_directory},
};

/// How many batches may wait for the disk.
const WAITING: usize = 256;
/// How long an end waits for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a disk is left alone that has failed.
const PAUSE: Duration = Duration::from_secs(5);
/// How often it is looked for what is too old, and how long a file is written to at most, since files go as a whole.
const PRUNE: Duration = Duration::from_mins(10);
const DAY: Duration = Duration::from_hours(24);

/// An entry with its text.
pub(crate) type Owned = Entry<Vec<u8>>;

enum Job {
    /// Numbers mean something else from now on: what is said first, in each file.
    Begin(Vec<Owned>),
    Add(Vec<Owned>),
    Bound(Bounds),
    Done(SyncSender<()>),
}

/// How the recording stands, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) written: u64,
    /// Entries that are missing in it.
    pub(crate) lost: u64,
    /// How large all of its files are, in bytes.
    pub(crate) size: u64,
    /// Why nothing is written, if so.
    pub(crate) degraded: Option<String>,
}

/// The recording, as the loop has it.
pub(crate) struct Recording {
    jobs: SyncSender<Job>,
    shared: Arc<Shared<Standing>>,
    /// What the numbers mean now, as long as the thread has not been told.
    begin: Option<Vec<Owned>>,
    /// How many entries are lost that the recording does not say of yet.
    missing: u64,
}

impl Recording {
    /// Writes to files in this directory from now on.
    pub(crate) fn open(directory: PathBuf, bounds: Bounds) -> Self {
        let (jobs, waiting) = sync_channel(WAITING);
        let shared = Arc::<Shared<Standing>>::default();
        let writer = Writer::new(directory, bounds, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("recording".to_owned());
        if let Err(error) = thread.spawn(move || writer.run(&waiting)) {
            log::error!("nothing is recorded: cannot start a thread for it: {error}");
        }
        Self { jobs, shared, begin: None, missing: 0 }
    }

    /// From now on the numbers of accounts and trees mean what these entries say.
    pub(crate) fn begin(&mut self, first: Vec<Owned>) {
        self.begin = Some(first);
        self.say_begin();
    }

    pub(crate) fn add(&mut self, mut entries: Vec<Owned>) {
        if entries.is_empty() {
            return;
        }
        let count = entries.len() as u64;
        if !self.say_begin() {
            return self.missed(count); // nobody could tell whose they are
        }
        if self.missing > 0 {
            entries.insert(0, Entry::Lost { at: boot_now(), count: self.missing });
        }
        match self.jobs.try_send(Job::Add(entries)) {
            Ok(()) => self.missing = 0,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.missed(count),
        }
    }

    /// So many could not be told in an entry.
    pub(crate) fn missed(&mut self, count: u64) {
        self.missing += count;
        self.shared.standing().lost += count;
    }

    /// Whether the thread knows what the numbers mean.
    fn say_begin(&mut self) -> bool {
        let Some(first) = self.begin.take() else { return true };
        match self.jobs.try_send(Job::Begin(first)) {
            Ok(()) => true,
            Err(TrySendError::Full(Job::Begin(first)) | TrySendError::Disconnected(Job::Begin(first))) => {
                self.begin = Some(first);
                false
            }
            Err(_) => false,
        }
    }

    /// Other bounds, from now on.
    pub(crate) fn bound(&self, bounds: Bounds) {
        if self.jobs.try_send(Job::Bound(bounds)).is_err() {
            log::warn!("the recording is kept within its old bounds: too much waits for the disk");
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        self.shared.standing().clone()
    }

    /// Waits, for a while, until everything is written.
    pub(crate) fn settle(&self) {
        let (done, is_done) = sync_channel(1);
        if self.jobs.try_send(Job::Done(done)).is_err() || is_done.recv_timeout(PATIENCE).is_err() {
            log::warn!("the disk is too slow: the end of the recording may be missing");
        }
    }
}

struct Writer {
    directory: PathBuf,
    bounds: Bounds,
    shared: Arc<Shared<Standing>>,
    /// What every file begins with, and whether one has it.
    first: Vec<Owned>,
    announced: bool,
    open: Option<Open>,
    /// What the files before the one that is open take.
    closed: u64,
    /// How many entries the files do not have, nor say so.
    missing: u64,
    /// When a disk that has failed is tried again.
    again: Instant,
    pruned: Instant,
    clock: Clock,
}

struct Open {
    file: BufWriter<File>,
    path: PathBuf,
    begun: Instant,
    size: u64,
    /// How many entries were written since all was last on its way to the disk, and whether anything ever was.
    unsure: u64,
    is_sure: bool,
}

impl Writer {
    fn new(directory: PathBuf, bounds: Bounds, shared: Arc<Shared<Standing>>) -> Self {
        let now = Instant::now();
        Self {
            directory,
            bounds,
            shared,
            first: Vec::new(),
            announced: false,
            open: None,
            closed: 0,
            missing: 0,
            again: now,
            pruned: now,
            clock: Clock::new(Timestamp::now(), boot_now()),
        }
    }

    fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            match jobs.recv_timeout(PRUNE) {
                Ok(job) => self.take(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.flush(),
            }
            // Together with whatever else waits: a write for each batch would be many for a burst.
            while let Ok(job) = jobs.try_recv() {
                self.take(job);
            }
            self.flush();
            if self.pruned.elapsed() >= PRUNE {
                self.pruned = Instant::now();
                if let Err(error) = self.prune(0) {
                    log::warn!("cannot throw old operations away in {}: {error}", self.directory.display());
                }
            }
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Begin(first) => {
                (self.first, self.announced) = (first, false);
                self.write(&[]);
            }
            Job::Add(entries) => self.write(&entries),
            Job::Bound(bounds) => self.bounds = bounds,
            Job::Done(done) => {
                self.flush();
                let _ = done.send(()); // nobody waits any more
            }
        }
    }

    fn write(&mut self, entries: &[Owned]) {
        let count = entries.len() as u64;
        match self.try_write(entries) {
            Ok(()) => self.missing = 0,
            Err(error) => self.fail(&error, count),
        }
    }

    fn try_write(&mut self, entries: &[Owned]) -> io::Result<()> {
        if self.again > Instant::now() {
            return Err(io::Error::other("the disk has failed a moment ago"));
        }
        let length = segments::length(self.bounds);
        if self.open.as_ref().is_none_or(|open| open.size >= length || open.begun.elapsed() >= DAY) {
            self.flush();
            self.open = None;
            self.open = Some(self.next()?);
            self.announced = false;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut bytes = Vec::new();
        let lost = (self.missing > 0).then(|| Entry::Lost { at: boot_now(), count: self.missing });
        let first = if self.announced { &[][..] } else { &self.first[..] };
        first.iter().chain(&lost).chain(entries).for_each(|entry| append(entry, &mut bytes));
        open.unsure += (first.len() + usize::from(lost.is_some()) + entries.len()) as u64;
        open.file.write_all(&bytes)?;
        open.size += bytes.len() as u64;
        self.announced = true;
        // In the files that follow they mean the same.
        if let Some(Entry::Begin { goes_on, .. }) = self.first.first_mut() {
            *goes_on = true;
        }
        Ok(())
    }

    /// What was written is on its way to the disk; if not, it is lost.
    fn flush(&mut self) {
        let Some(open) = &mut self.open else { return };
        if let Err(error) = open.file.flush() {
            return self.fail(&error, 0);
        }
        let written = std::mem::take(&mut open.unsure);
        open.is_sure |= written > 0;
        let mut standing = self.shared.standing();
        standing.written += written;
        standing.size = self.closed + open.size;
        standing.degraded = None;
    }

    /// Begins the next file.
    fn next(&mut self) -> io::Result<Open> {
        make_directory(&self.directory).map_err(|fault| io::Error::other(fault.to_string()))?;
        let number = self.prune(segments::length(self.bounds))?;
        let path = segments::path(&self.directory, number + 1);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut file = BufWriter::with_capacity(1 << 16, file);
        file.write_all(PREFACE.as_bytes())?;
        let size = PREFACE.len() as u64;
        Ok(Open { file, path, begun: Instant::now(), size, unsure: 0, is_sure: false })
    }

    /// Throws away what is too old, and what leaves no room for so many bytes more; the highest number that a file has. The one that
    /// is open stays.
    fn prune(&mut self, more: u64) -> io::Result<u64> {
        let mut there = segments::all(&self.directory)?;
        let last = there.last().map_or(0, |last| last.number);
        let is_open = |path: &Path| self.open.as_ref().is_some_and(|open| open.path == path);
        there.retain(|segment| !is_open(&segment.path));
        let now = self.clock.is_steady(Timestamp::now(), boot_now()).then(SystemTime::now);
        let open = self.open.as_ref().map_or(0, |open| open.size);
        let gone = segments::too_many(&there, self.bounds, more + open, now);
        for segment in there.drain(..gone) {
            fs::remove_file(&segment.path)?;
        }
        self.closed = there.iter().map(|segment| segment.size).sum();
        Ok(last)
    }

    /// Nobody writes behind what may be torn: the next try begins another file, and one that holds nothing goes.
    fn fail(&mut self, error: &io::Error, entries: u64) {
        let mut lost = entries;
        if let Some(open) = self.open.take() {
            lost += open.unsure.saturating_sub(entries);
            let _ = open.file.into_parts(); // what is still to be written would fail again
            if !open.is_sure {
                let _ = fs::remove_file(&open.path); // it may be that nothing works there
            }
        }
        self.missing += lost;
        let now = Instant::now();
        let mut standing = self.shared.standing();
        standing.lost += lost;
        if self.again > now {
            return;
        }
        self.again = now + PAUSE;
        let why = format!("cannot write to {}: {error}", self.directory.display());
        if standing.degraded.replace(why.clone()).is_none() {
            log::error!("what accounts do is not recorded, and cannot be replayed: {why}");
        }
    }
}
