//! A receiver of webhooks, which may be as bad as it likes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What it does with a request.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mood {
    Answer(u16),
    /// It reads, and never says a word.
    Hang,
}

/// A message that it has read.
#[derive(Clone)]
pub(super) struct Received {
    /// What it was answered; none if nothing.
    pub(super) answered: Option<u16>,
    pub(super) body: Value,
    text: String,
    head: String,
}

pub(super) struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    ends: AtomicBool,
    mood: Mutex<Mood>,
    received: Mutex<Vec<Received>>,
}

impl Receiver {
    pub(super) fn start(address: SocketAddr, mood: Mood) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| format!("cannot listen at {address}"))?;
        let state = Arc::new(State {
            ends: AtomicBool::new(false),
            mood: Mutex::new(mood),
            received: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            let mut hung = Vec::new();
            for stream in listener.incoming().flatten() {
                if shared.ends.load(Ordering::Relaxed) {
                    return;
                }
                hung.extend(shared.serve(stream).ok().flatten());
            }
        });
        Ok(Self { address, state, thread: Some(thread) })
    }

    pub(super) fn turn(&self, mood: Mood) {
        *self.state.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it has taken, each once, in the order in which it came first.
    pub(super) fn taken(&self) -> Vec<Received> {
        let mut taken: Vec<Received> = Vec::new();
        for one in self.received().into_iter().filter(|one| one.answered.is_some_and(|status| status < 300)) {
            if taken.iter().all(|known| known.body["id"] != one.body["id"]) {
                taken.push(one);
            }
        }
        taken
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.state.ends.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address); // wakes it; it may have ended
        let _ = self.thread.take().map(JoinHandle::join); // a panic of it is shown where it happened
    }
}

impl State {
    /// The connection, if it is to hang.
    fn serve(&self, mut stream: TcpStream) -> Result<Option<TcpStream>> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let (head, text) = read(&mut stream)?;
        let mood = *self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = if let Mood::Answer(status) = mood { Some(status) } else { None };
        let body = serde_json::from_str(&text)?;
        let one = Received { answered, body, text, head };
        self.received.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        let Some(status) = answered else { return Ok(Some(stream)) };
        write!(stream, "HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
        Ok(None)
    }
}

fn read(stream: &mut TcpStream) -> Result<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some)?;
        ensure!(count > 0, "the request has no end");
        bytes.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= header(head, "content-length").context("a length")?.parse()?
        {
            return Ok((head.to_owned(), body.to_owned()));
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

impl Received {
    /// As docs/webhook.md says: by its own means, since the agent's could be wrong in the same way.
    pub(super) fn is_signed_with(&self, key: &str) -> Result<()> {
        let time = header(&self.head, "x-burstguard-timestamp").context("a time")?;
        let signature = header(&self.head, "x-burstguard-signature").context("a signature")?;
        let now = jiff::Timestamp::now().as_second();
        ensure!((now - time.parse::<i64>()?).abs() < 60, "signed at {time}, now is {now}");
        let expected = hmac(key.as_bytes(), format!("{time}.{}", self.text).as_bytes());
        ensure!(signature == format!("sha256={expected}"), "{signature} is not {expected}");
        ensure!(header(&self.head, "x-burstguard-id") == self.body["id"].as_str(), "{}", self.head);
        ensure!(header(&self.head, "content-type") == Some("application/json"), "{}", self.head);
        Ok(())
    }

    pub(super) fn kind(&self) -> &str {
        self.body["event"]["event"].as_str().unwrap_or_default()
    }
}

/// RFC 2104, of a key no longer than a block.
fn hmac(key: &[u8], text: &[u8]) -> String {
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([&pad(0x36), text].concat());
    let outer = Sha256::digest([pad(0x5c).as_slice(), inner.as_slice()].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}
