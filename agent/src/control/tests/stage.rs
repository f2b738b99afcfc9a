//! The server of a test, and a client without manners.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{broadcast, oneshot};

use crate::{
    api::{Answer, Code, Problem, Request},
    control::{Caller, Control, Events},
};

/// Who asked what.
pub(crate) type Asked = Arc<Mutex<Vec<(Caller, Request)>>>;

/// A server, and the loop that answers it.
pub(crate) struct Stage {
    _dir: TempDir,
    pub(crate) socket: PathBuf,
    pub(crate) events: Events,
    pub(crate) asked: Asked,
    end: Option<oneshot::Sender<()>>,
    ended: Option<JoinHandle<()>>,
}

impl Stage {
    pub(crate) fn open() -> Self {
        Self::answering(|request| match request {
            Request::Watch => Ok(Answer::Watching),
            Request::Accounts => Ok(Answer::Accounts(Vec::new())),
            Request::Incident(7) => Err(Problem::new(Code::NotFound, "there is no incident 7")),
            Request::Incident(6) => {
                Err(Problem::new(Code::AlreadyDecided, "thawed by lead").help("nothing to do"))
            }
            _ => Ok(Answer::Incidents(Vec::new())),
        })
    }

    pub(crate) fn answering(answer: impl Fn(&Request) -> Result<Answer, Problem> + Send + 'static) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        // Another user connects too.
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("chmod");
        let socket = dir.path().join("control.sock");
        let (events, _) = broadcast::channel(16);
        let asked = Asked::default();
        let (end, told_to_end) = oneshot::channel();
        let (ready, opened) = mpsc::channel();
        let ended = {
            let (socket, events, asked) = (socket.clone(), events.clone(), Arc::clone(&asked));
            thread::spawn(move || {
                let mut control = Control::open(&socket, events).expect("a server");
                ready.send(()).expect("somebody waits");
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                let answering = async {
                    while let Some(call) = control.next().await {
                        let answer = answer(&call.request);
                        asked.lock().expect("asked").push((call.caller, call.request));
                        let _ = call.reply.send(answer);
                    }
                };
                runtime.block_on(async {
                    tokio::select! { _ = told_to_end => {} () = answering => {} }
                });
            })
        };
        opened.recv().expect("a server");
        Self { _dir: dir, socket, events, asked, end: Some(end), ended: Some(ended) }
    }

    pub(crate) fn connect(&self) -> UnixStream {
        connect(&self.socket)
    }

    pub(crate) fn get(&self, path: &str) -> Answered {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answered {
        let mut stream = self.connect();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        // The server may hang up before it has heard everything.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        Answered::read(&mut stream)
    }

    /// Ends the server, as the daemon's end does.
    pub(crate) fn end(&mut self) {
        drop(self.end.take());
        if let Some(ended) = self.ended.take() {
            ended.join().expect("an orderly end");
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.end.take());
    }
}

pub(crate) fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    stream
}

/// An answer, read to the end of the connection.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn read(stream: &mut UnixStream) -> Self {
        let mut bytes = Vec::new();
        // What came before the end counts, however the end came.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn problem(&self) -> Problem {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Waits until the other end hangs up; how long that took. A connection that nobody took yet ends by a reset.
pub(crate) fn hung_up(stream: &mut UnixStream) -> Duration {
    let began = Instant::now();
    if let Err(error) = io::copy(stream, &mut io::sink()) {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "after {:?}", began.elapsed());
    }
    began.elapsed()
}
