//! Lines to standard output, standard error and the journal, through a thread of their own. A reader that does not read must not keep the
//! loop from letting go.

use std::{
    io::{self, Write},
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

/// How many lines may wait for the reader; more are dropped and counted.
const WAITING: usize = 8192;
/// How long the end waits for a reader that is slow.
const PATIENCE: Duration = Duration::from_secs(1);

enum Job {
    Line(Vec<u8>),
    /// Tells when everything before it is written.
    Done(SyncSender<()>),
}

/// The thread.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: SyncSender<Job>,
    dropped: AtomicU64,
}

impl Writer {
    /// Starts it. `failed` is called once, when nobody listens any more.
    pub(crate) fn to(out: impl Write + Send + 'static, failed: fn(&io::Error)) -> Self {
        let (jobs, waiting) = sync_channel(WAITING);
        thread::spawn(move || write_all(out, &waiting, failed));
        Self { jobs, dropped: AtomicU64::new(0) }
    }

    /// Writes a line, or counts it if too many wait already.
    pub(crate) fn write(&self, line: impl Into<Vec<u8>>) {
        if self.jobs.try_send(Job::Line(line.into())).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Waits until everything is written, but not for ever; whether it is.
    pub(crate) fn flush(&self) -> bool {
        let (done, written) = sync_channel(1);
        self.jobs.try_send(Job::Done(done)).is_ok() && written.recv_timeout(PATIENCE).is_ok()
    }

    /// How many lines were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

fn write_all(mut out: impl Write, jobs: &Receiver<Job>, failed: fn(&io::Error)) {
    let mut listening = true;
    for job in jobs {
        match job {
            // In one piece, so that lines of several threads do not mix.
            Job::Line(line) if listening => {
                if let Err(error) = out.write_all(&line).and_then(|()| out.flush()) {
                    failed(&error);
                    listening = false;
                }
            }
            Job::Line(_) => {}
            Job::Done(done) => {
                let _ = done.send(()); // fails only if nobody waits any more
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Takes what it is given only when it may.
    struct Gate<'a>(&'a Mutex<Vec<u8>>);

    impl Write for Gate<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().map_err(|_| io::Error::other("poisoned"))?.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_does_not_read_keeps_nobody_waiting() {
        static READ: Mutex<Vec<u8>> = Mutex::new(Vec::new());
        let held = READ.lock().expect("the gate");
        let writer = Writer::to(Gate(&READ), |_| {});
        let lines = WAITING as u64 + 100;
        (0..lines).for_each(|_| writer.write("line\n".to_owned()));
        assert!((98..=100).contains(&writer.dropped()), "{} dropped", writer.dropped());
        assert!(!writer.flush(), "nothing was written");
        drop(held);
    }

    #[test]
    fn the_end_waits_until_all_is_written() {
        static READ: Mutex<Vec<u8>> = Mutex::new(Vec::new());
        let writer = Writer::to(Gate(&READ), |_| {});
        writer.write("a\n".to_owned());
        assert!(writer.flush());
        assert_eq!(READ.lock().expect("the gate").as_slice(), b"a\n");
    }
}
