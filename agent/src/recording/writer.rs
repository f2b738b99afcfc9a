//! The thread that writes the recording, and its other end in the loop.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
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
    store::{Bounds, Clock, make_directory},
};

/// How many batches may wait for the disk.
const WAITING: usize = 256;
/// How long an end waits for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a disk is left alone that has failed.
const PAUSE: Duration = Duration::from_secs(5);

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

#[derive(Default)]
struct Shared {
    standing: Mutex<Standing>,
}

impl Shared {
    /// What a panic elsewhere left is still whole: fields are only ever replaced.
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The recording, as the loop has it.
pub(crate) struct Recording {
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
    /// How many entries are lost that the recording does not say of yet.
    missing: u64,
}

impl Recording {
    /// Writes to files in this directory from now on.
    pub(crate) fn open(directory: PathBuf, bounds: Bounds) -> Self {
        let (jobs, waiting) = sync_channel(WAITING);
        let shared = Arc::<Shared>::default();
        let writer = Writer::new(directory, bounds, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("recording".to_owned());
        if let Err(error) = thread.spawn(move || writer.run(&waiting)) {
            log::error!("nothing is recorded: cannot start a thread for it: {error}");
        }
        Self { jobs, shared, missing: 0 }
    }

    /// From now on the numbers of accounts and trees mean what these entries say.
    pub(crate) fn begin(&mut self, first: Vec<Owned>) {
        self.send(Job::Begin, first);
    }

    pub(crate) fn add(&mut self, mut entries: Vec<Owned>) {
        if entries.is_empty() {
            return;
        }
        if self.missing > 0 {
            entries.insert(0, Entry::Lost { at: boot_now(), count: self.missing });
        }
        self.send(Job::Add, entries);
    }

    /// The loop waits for no disk: what is too much is lost, and said in the next batch.
    fn send(&mut self, job: fn(Vec<Owned>) -> Job, entries: Vec<Owned>) {
        let count = entries.iter().filter(|entry| !matches!(entry, Entry::Lost { .. })).count() as u64;
        match self.jobs.try_send(job(entries)) {
            Ok(()) => self.missing = 0,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.missing += count;
                self.shared.standing().lost += count;
            }
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
    shared: Arc<Shared>,
    /// What every file begins with.
    first: Vec<Owned>,
    open: Option<Open>,
    /// What the files before the one that is open take.
    closed: u64,
    /// When a disk that has failed is tried again.
    again: Instant,
    clock: Clock,
}

struct Open {
    file: BufWriter<File>,
    size: u64,
}

impl Writer {
    fn new(directory: PathBuf, bounds: Bounds, shared: Arc<Shared>) -> Self {
        let clock = Clock::new(Timestamp::now(), boot_now());
        let again = Instant::now();
        Self { directory, bounds, shared, first: Vec::new(), open: None, closed: 0, again, clock }
    }

    fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            self.take(job);
            // Together with whatever else waits: a write for each batch would be many for a burst.
            while let Ok(job) = jobs.try_recv() {
                self.take(job);
            }
            if let Some(open) = &mut self.open
                && let Err(error) = open.file.flush()
            {
                self.fail(&error, 0);
            }
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Begin(first) => {
                self.write(&first);
                self.first = first;
                self.first.iter_mut().for_each(|entry| {
                    if let Entry::Begin { goes_on, .. } = entry {
                        *goes_on = true;
                    }
                });
            }
            Job::Add(entries) => self.write(&entries),
            Job::Bound(bounds) => self.bounds = bounds,
            Job::Done(done) => {
                if let Some(open) = &mut self.open
                    && let Err(error) = open.file.flush()
                {
                    self.fail(&error, 0);
                }
                let _ = done.send(()); // nobody waits any more
            }
        }
    }

    fn write(&mut self, entries: &[Owned]) {
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| append(entry, &mut bytes));
        match self.try_write(&bytes) {
            Ok(()) => {
                let mut standing = self.shared.standing();
                standing.written += entries.len() as u64;
                standing.size = self.closed + self.open.as_ref().map_or(0, |open| open.size);
                standing.degraded = None;
            }
            Err(error) => self.fail(&error, entries.len() as u64),
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.again > Instant::now() {
            return Err(io::Error::other("the disk has failed a moment ago"));
        }
        if self.open.as_ref().is_none_or(|open| open.size >= segments::length(self.bounds)) {
            if let Some(mut full) = self.open.take() {
                full.file.flush()?;
            }
            self.open = Some(self.next()?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.file.write_all(bytes)?;
        open.size += bytes.len() as u64;
        Ok(())
    }

    /// Begins the next file, and throws away what is too old and too much.
    fn next(&mut self) -> io::Result<Open> {
        make_directory(&self.directory).map_err(|fault| io::Error::other(fault.to_string()))?;
        let mut there = segments::all(&self.directory)?;
        let is_steady = self.clock.is_steady(Timestamp::now(), boot_now());
        let now = is_steady.then(SystemTime::now);
        let gone = segments::too_many(&there, self.bounds, segments::length(self.bounds), now);
        for segment in there.drain(..gone) {
            fs::remove_file(&segment.path)?;
        }
        self.closed = there.iter().map(|segment| segment.size).sum();
        let number = there.last().map_or(1, |last| last.number + 1);
        let path = segments::path(&self.directory, number);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut begin = PREFACE.as_bytes().to_vec();
        self.first.iter().for_each(|entry| append(entry, &mut begin));
        let mut file = BufWriter::with_capacity(1 << 16, file);
        file.write_all(&begin)?;
        Ok(Open { file, size: begin.len() as u64 })
    }

    /// Nobody writes behind what may be torn: the next try begins another file.
    fn fail(&mut self, error: &io::Error, entries: u64) {
        self.open = None;
        let now = Instant::now();
        let mut standing = self.shared.standing();
        standing.lost += entries;
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

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Source,
            format::{self, Begin},
            read,
        },
        *,
    };

    fn begin() -> Vec<Owned> {
        let begin = Begin {
            wall: Timestamp::UNIX_EPOCH,
            boot: String::new(),
            version: String::new(),
            tier: "lsm".to_owned(),
            policy: String::new(),
        };
        vec![
            Entry::Begin { at: 1, goes_on: false, begin },
            Entry::Account { index: 2, name: b"deployer".to_vec() },
        ]
    }

    /// How many files begin anew and go on, how many deeds there are, and how many are said to be lost.
    fn counts(directory: &std::path::Path) -> (usize, usize, u64, u64) {
        let (mut anew, mut on, mut deeds, mut lost) = (0, 0, 0, 0);
        let mut count = |entry: &Entry<&[u8]>| match entry {
            Entry::Begin { goes_on: false, .. } => anew += 1,
            Entry::Begin { goes_on: true, .. } => on += 1,
            Entry::Deed(_) => deeds += 1,
            Entry::Lost { count, .. } => lost += count,
            _ => {}
        };
        let torn =
            read(&Source::Directory(directory.to_owned()), |entries| entries.iter().for_each(&mut count));
        assert_eq!(torn.expect("a recording"), Vec::<PathBuf>::new());
        (anew, on, deeds, lost)
    }

    fn deeds(from: u64, count: u64) -> Vec<Owned> {
        (from..from + count).map(|number| Entry::Deed(format::tests::deed(number))).collect()
    }

    #[test]
    fn files_follow_each_other_and_each_says_whom_it_is_about() {
        let state = tempfile::tempdir().expect("a directory");
        let directory = state.path().join("recording");
        let bounds = Bounds { keep: Duration::from_secs(1), size: 1 << 20 };
        let mut recording = Recording::open(directory.clone(), bounds);
        recording.begin(begin());
        for batch in 0..20 {
            recording.add(deeds(1 + batch * 100, 100));
            recording.settle();
        }
        let (anew, on, count, lost) = counts(&directory);
        // 2,000 deeds of 76 bytes; a file is full with 65,536.
        assert_eq!((anew, on, count, lost), (1, 2, 2000, 0));
        assert_eq!(recording.standing().written, 2002);
        // The next daemon begins a file of its own.
        let mut next = Recording::open(directory.clone(), bounds);
        next.begin(begin());
        next.settle();
        assert_eq!(counts(&directory), (2, 2, 2000, 0));
    }

    #[test]
    fn it_takes_no_more_than_it_may() {
        let state = tempfile::tempdir().expect("a directory");
        let bounds = Bounds { keep: Duration::from_secs(1), size: 1 << 20 };
        let mut recording = Recording::open(state.path().to_owned(), bounds);
        recording.begin(begin());
        for batch in 0..200 {
            recording.add(deeds(1 + batch * 100, 100));
            recording.settle();
        }
        let size: u64 = segments::all(state.path()).expect("files").iter().map(|segment| segment.size).sum();
        assert!(size <= bounds.size && size > bounds.size / 2, "{size}");
        assert_eq!(recording.standing().size, size);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_said() {
        let state = tempfile::tempdir().expect("a directory");
        let directory = state.path().join("recording");
        fs::write(&directory, "in the way").expect("a file");
        let mut recording = Recording::open(directory, Bounds::default());
        recording.begin(begin());
        recording.add(deeds(1, 10));
        recording.settle();
        let Standing { written, lost, degraded, .. } = recording.standing();
        assert_eq!((written, lost), (0, 12));
        assert!(degraded.is_some_and(|why| why.contains("recording")));
    }
}
