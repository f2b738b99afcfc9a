//! Where events go: standard output, or the journal.

use std::io;

use crate::{logging, report::Event, writer::Writer};

/// In which form events are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line a person reads.
    Text,
    /// One JSON object a line.
    Json,
    /// With fields, in the journal: what goes to standard output of a service would be there a second time.
    Journal,
}

/// Standard output.
pub(crate) struct Output {
    form: Form,
    writer: Writer,
}

impl Output {
    /// Nothing said yet.
    pub(crate) fn new(form: Form) -> Self {
        let failed = |error: &io::Error| {
            log::warn!("cannot write to standard output, so no more events are: {error}");
        };
        Self { form, writer: Writer::to(io::stdout(), failed) }
    }

    /// Says an event, or drops it if too many wait for the reader already.
    pub(crate) fn say(&self, event: &Event) {
        let line = match self.form {
            Form::Text => event.to_string(),
            Form::Json => {
                serde_json::to_string(event).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
            }
            Form::Journal => return logging::event(event),
        };
        self.writer.write(line + "\n");
    }

    /// Waits until everything is written, but not for ever.
    pub(crate) fn finish(&self) {
        let late = !self.writer.flush();
        let dropped = self.writer.dropped();
        if dropped > 0 || late {
            log::warn!(
                "standard output was not read: {dropped} events dropped, the last ones not written: {late}"
            );
        }
    }
}
