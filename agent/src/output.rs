//! Where events go: standard output, through a thread of its own. A reader that does not read must not keep the loop from
//! letting go.

use std::{
    io::{self, Write as _},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use crate::report::Event;

/// How many lines may wait for the reader; more are dropped and counted.
const WAITING: usize = 8192;
/// How long the end waits for a reader that is slow.
const PATIENCE: Duration = Duration::from_secs(1);

/// In which form events are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line a person reads.
    Text,
    /// One JSON object a line.
    Json,
}

/// Standard output.
pub(crate) struct Output {
    form: Form,
    lines: SyncSender<String>,
    written: Receiver<()>,
    dropped: u64,
}

impl Output {
    /// Starts the thread that writes.
    pub(crate) fn new(form: Form) -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        let (done, written) = sync_channel(1);
        thread::spawn(move || {
            write_all(&waiting);
            let _ = done.send(()); // fails only if nobody waits any more
        });
        Self { form, lines, written, dropped: 0 }
    }

    /// Says an event, or counts it if too many wait already.
    pub(crate) fn say(&mut self, event: &Event) {
        let line = match self.form {
            Form::Text => event.to_string(),
            Form::Json => {
                serde_json::to_string(event).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
            }
        };
        if self.lines.try_send(line).is_err() {
            self.dropped += 1;
        }
    }

    /// Waits until everything is written, but not for ever.
    pub(crate) fn finish(self) {
        let Self { lines, written, dropped, .. } = self;
        drop(lines);
        let late = written.recv_timeout(PATIENCE).is_err();
        if dropped > 0 || late {
            log::warn!(
                "standard output was not read: {dropped} events dropped, the last ones not written: {late}"
            );
        }
    }
}

/// If nobody listens any more, that is said once, and watching goes on.
fn write_all(lines: &Receiver<String>) {
    let mut listening = true;
    for line in lines {
        if listening && let Err(error) = writeln!(io::stdout().lock(), "{line}") {
            log::warn!("cannot write to standard output, so no more events are: {error}");
            listening = false;
        }
    }
}
