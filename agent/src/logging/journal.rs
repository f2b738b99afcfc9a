//! Entries for the journal, in its own protocol: a datagram of fields, each `NAME=value` and a newline, or the name, the length and
//! the value where that has newlines itself. One that is too large for a datagram goes as a file in memory that cannot change any more.
//! Fields of ours begin with `BURSTGUARD_`; `message_id` is the journal's own, by which it finds the text in its catalog.

use std::{
    fmt,
    fs::File,
    io::{self, IoSlice, Write as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixDatagram,
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    io::Errno,
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg_addr},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::{Layer, layer::Context};

use crate::writer::Writer;

const SOCKET: &str = "/run/systemd/journal/socket";

/// Makes them. A journal that takes none just now, since it was stopped or flooded, keeps only a thread waiting.
pub(super) struct Journal {
    pub(super) writer: Arc<Writer>,
    /// How many dropped entries the journal was told of.
    told: AtomicU64,
}

impl Journal {
    /// The host's.
    pub(super) fn open() -> io::Result<Self> {
        Self::at(Path::new(SOCKET))
    }

    fn at(socket: &Path) -> io::Result<Self> {
        let wire = Wire { socket: UnixDatagram::unbound()?, path: socket.to_owned() };
        wire.socket.set_nonblocking(true)?;
        match wire.send(b"") {
            // Which the journal takes for nothing; one that is busy is there.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => sent?,
        }
        wire.socket.set_nonblocking(false)?;
        Ok(Self { writer: Arc::new(Writer::to(wire, |_| {})), told: AtomicU64::new(0) })
    }

    /// That some were dropped since it was said last.
    fn lost(&self) -> Option<Vec<u8>> {
        let dropped = self.writer.dropped();
        let lost = dropped - self.told.swap(dropped, Relaxed).min(dropped);
        (lost > 0).then(|| {
            let mut fields = Fields(Vec::new());
            fields.put("PRIORITY", priority(Level::ERROR));
            fields.put("SYSLOG_IDENTIFIER", "burstguard");
            fields.put("MESSAGE", &format!("the journal took no entries for a while: {lost} are lost"));
            fields.0
        })
    }
}

/// The way to the journal.
struct Wire {
    socket: UnixDatagram,
    /// Named each time: a journal that was restarted may have another there.
    path: PathBuf,
}

/// Each entry in one piece.
impl io::Write for Wire {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let _ = self.send(entry); // nobody is left to tell if it fails, and the next journal takes the next one
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    fn send(&self, entry: &[u8]) -> io::Result<()> {
        match self.socket.send_to(entry, &self.path) {
            Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                self.send_sealed(entry)
            }
            sent => sent.map(drop),
        }
    }

    fn send_sealed(&self, entry: &[u8]) -> io::Result<()> {
        let mut file =
            File::from(memfd_create("burstguard-journal", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        file.write_all(entry)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
        let files: [BorrowedFd<'_>; 1] = [file.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&files));
        let to = SocketAddrUnix::new(&self.path)?;
        sendmsg_addr(&self.socket, &to, &[IoSlice::new(&[])], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if let Some(lost) = self.lost() {
            self.writer.write(lost);
        }
        self.writer.write(entry(event));
    }
}

fn entry(event: &Event<'_>) -> Vec<u8> {
    // A line of `log` carries where it comes from as fields.
    let normal = event.normalized_metadata();
    let metadata = normal.as_ref().unwrap_or_else(|| event.metadata());
    let mut fields = Fields(Vec::new());
    fields.put("PRIORITY", priority(*metadata.level()));
    fields.put("SYSLOG_IDENTIFIER", "burstguard");
    fields.put("TARGET", metadata.target());
    if let Some(file) = metadata.file() {
        fields.put("CODE_FILE", file);
    }
    if let Some(line) = metadata.line() {
        fields.put("CODE_LINE", &line.to_string());
    }
    event.record(&mut fields);
    fields.0
}

/// What syslog calls it.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "5",
        Level::DEBUG => "6",
        Level::TRACE => "7",
    }
}

/// An entry as it is made.
struct Fields(Vec<u8>);

impl Fields {
    fn put(&mut self, name: &str, value: &str) {
        self.0.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            self.0.push(b'\n');
            self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'\n');
    }

    fn set(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.put("MESSAGE", value),
            super::MESSAGE_ID => self.put("MESSAGE_ID", value),
            name if name.starts_with("log.") => {}
            name => {
                let letter = |letter: char| {
                    if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' }
                };
                let name: String = name.chars().map(letter).collect();
                self.put(&format!("BURSTGUARD_{name}"), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        io::Read as _,
        io::Seek as _,
        os::fd::OwnedFd,
        thread,
        time::{Duration, Instant},
    };

    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    use tempfile::TempDir;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::report;

    /// A socket as the journal has it.
    struct Fake {
        _directory: TempDir,
        socket: UnixDatagram,
    }

    type Entry = BTreeMap<String, String>;

    impl Fake {
        fn hears(log: impl FnOnce()) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("socket");
            let fake = Self { socket: UnixDatagram::bind(&path).unwrap(), _directory: directory };
            let layer = Journal::at(&path).unwrap();
            assert_eq!(fake.socket.recv(&mut [0; 1]).unwrap(), 0); // it has looked whether we are here
            let writer = Arc::clone(&layer.writer);
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
            assert!(writer.flush());
            fake
        }

        /// The next entry, and whether it came as a file.
        fn next(&self) -> (Entry, bool) {
            let mut bytes = vec![0; 1 << 20];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let mut into = [io::IoSliceMut::new(&mut bytes)];
            let got = recvmsg(&self.socket, &mut into, &mut ancillary, RecvFlags::DONTWAIT).unwrap();
            let mut files = ancillary.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(files) => Some(files.collect::<Vec<OwnedFd>>()),
                _ => None,
            });
            let file = files.next().and_then(|mut files| files.pop());
            drop(files);
            bytes.truncate(got.bytes);
            let is_file = file.is_some();
            if let Some(file) = file {
                let mut file = File::from(file);
                file.rewind().unwrap();
                bytes.clear();
                file.read_to_end(&mut bytes).unwrap();
                assert!(file.write_all(b"x").is_err(), "the file may still change");
            }
            (parsed(&bytes), is_file)
        }
    }

    /// As the journal takes an entry apart.
    fn parsed(mut bytes: &[u8]) -> Entry {
        let mut entry = Entry::new();
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            let (name, value) = match bytes[..end].iter().position(|byte| *byte == b'=') {
                Some(equals) => {
                    let found = (&bytes[..equals], &bytes[equals + 1..end]);
                    bytes = &bytes[end + 1..];
                    found
                }
                None => {
                    let length = u64::from_le_bytes(bytes[end + 1..end + 9].try_into().unwrap()) as usize;
                    let found = (&bytes[..end], &bytes[end + 9..end + 9 + length]);
                    assert_eq!(bytes[end + 9 + length], b'\n');
                    bytes = &bytes[end + 10 + length..];
                    found
                }
            };
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            assert_eq!(entry.insert(text(name), text(value)), None);
        }
        entry
    }

    #[test]
    fn an_event_has_the_id_of_its_kind_and_fields_of_ours() {
        let event =
            report::Event::Attempt { incident: 7, account: "a\nMESSAGE_ID=0".to_owned(), pid: 9, times: 2 };
        let fake = Fake::hears(|| crate::logging::event(&event));
        let (mut entry, _) = fake.next();
        assert_eq!(entry.remove("MESSAGE_ID"), Some(event.kind().message_id()));
        assert_eq!(entry.remove("MESSAGE").unwrap(), event.to_string());
        assert!(entry.remove("CODE_FILE").is_some() && entry.remove("CODE_LINE").is_some());
        let expected = [
            ("BURSTGUARD_ACCOUNT", "a\nMESSAGE_ID=0"),
            ("BURSTGUARD_EVENT", "attempt"),
            ("BURSTGUARD_INCIDENT", "7"),
            ("BURSTGUARD_PID", "9"),
            ("PRIORITY", "4"),
            ("SYSLOG_IDENTIFIER", "burstguard"),
            ("TARGET", "burstguard::logging::event"),
        ];
        assert_eq!(entry, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    /// It says afterwards how many entries it has lost.
    #[test]
    fn a_journal_that_takes_nothing_keeps_nobody_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let fake = Fake { socket: UnixDatagram::bind(&path).unwrap(), _directory: directory };
        let journal = Journal::at(&path).unwrap();
        let writer = Arc::clone(&journal.writer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(journal), || {
            (0..20_000).for_each(|number| tracing::info!(number, "one of many"));
            assert!(writer.dropped() > 0);
            fake.socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let reader = thread::spawn(move || {
                let mut entry = [0; 4096];
                loop {
                    let length = fake.socket.recv(&mut entry).unwrap();
                    if String::from_utf8_lossy(&entry[..length]).contains(" are lost\n") {
                        return;
                    }
                }
            });
            let deadline = Instant::now() + Duration::from_secs(20);
            while !writer.flush() {
                assert!(Instant::now() < deadline);
            }
            tracing::info!("the next");
            reader.join().unwrap();
        });
    }

    #[test]
    fn a_line_of_the_log_has_no_id() {
        let fake = Fake::hears(|| tracing::error!(odd.name = true, "two\nlines"));
        let (entry, _) = fake.next();
        assert_eq!((entry["MESSAGE"].as_str(), entry["PRIORITY"].as_str()), ("two\nlines", "3"));
        assert_eq!(entry["BURSTGUARD_ODD_NAME"], "true");
        assert!(!entry.contains_key("MESSAGE_ID"));
    }

    #[test]
    fn what_no_datagram_holds_comes_as_a_file() {
        let path = "x".repeat(500_000);
        let fake = Fake::hears(|| tracing::info!(path, "much"));
        let (entry, is_file) = fake.next();
        assert!(is_file);
        assert_eq!(entry["BURSTGUARD_PATH"], path);
    }

    #[test]
    fn a_journal_that_is_not_there_is_said() {
        assert!(Journal::at(Path::new("/nowhere/socket")).is_err());
    }
}
