//! What hears the agent: the reader of its standard output.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::ChildStdout;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};

use crate::Event;

/// Reads each line as an event, on a thread of its own, so that the agent never waits for us.
pub(crate) struct Ear {
    /// What was heard.
    pub(crate) inbox: Receiver<Result<Event>>,
    turned_away: Arc<AtomicBool>,
    /// Keeps the pipe open, read or not.
    _thread: JoinHandle<BufReader<ChildStdout>>,
}

impl Ear {
    pub(crate) fn to(output: ChildStdout) -> Self {
        let (sender, inbox) = channel();
        let turned_away = Arc::new(AtomicBool::new(false));
        let away = Arc::clone(&turned_away);
        let thread = thread::spawn(move || {
            let mut output = BufReader::new(output);
            for line in output.by_ref().lines() {
                let event = line.context("reading what the agent prints").and_then(|line| {
                    serde_json::from_str(&line).with_context(|| format!("the agent printed {line}"))
                });
                if sender.send(event).is_err() || away.load(Ordering::Relaxed) {
                    break; // nobody wants to know any more
                }
            }
            output
        });
        Self { inbox, turned_away, _thread: thread }
    }

    /// From the next line on, nothing more is read; the pipe stays open.
    pub(crate) fn turn_away(&self) {
        self.turned_away.store(true, Ordering::Relaxed);
    }
}
