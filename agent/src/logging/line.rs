//! A line for each event of the log, on standard error.

use std::{fmt, sync::Arc};

use jiff::{Timestamp, Unit};
use serde_json::{Map, Value, json};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::{Layer, layer::Context};

use crate::{clean::Clean, writer::Writer};

/// Writes them.
pub(super) struct Lines {
    form: Form,
    writer: Arc<Writer>,
}

enum Form {
    /// For a person.
    Text { with_time: bool },
    /// For a program.
    Json,
}

impl Lines {
    /// The journal has a time of its own.
    pub(super) fn text(with_time: bool, writer: Arc<Writer>) -> Self {
        Self { form: Form::Text { with_time }, writer }
    }

    pub(super) fn json(writer: Arc<Writer>) -> Self {
        Self { form: Form::Json, writer }
    }

    fn line(&self, event: &Event<'_>, now: Timestamp) -> String {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // A line of `log` carries where it comes from as fields.
        let normal = event.normalized_metadata();
        let metadata = normal.as_ref().unwrap_or_else(|| event.metadata());
        match self.form {
            Form::Text { with_time } => fields.text(*metadata.level(), with_time.then_some(now)),
            Form::Json => fields.json(*metadata.level(), metadata.target(), now),
        }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = self.line(event, Timestamp::now());
        self.writer.write(line);
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn text(self, level: Level, time: Option<Timestamp>) -> String {
        let time = time.map(|time| format!("{} ", shown(time))).unwrap_or_default();
        let others = self.others.iter().fold(String::new(), |line, (name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), |text| format!("{text:?}"));
            format!("{line} {name}={value}")
        });
        format!("{time}{}: {}{}\n", word(level), Clean(&self.message), Clean(&others))
    }

    fn json(self, level: Level, target: &str, time: Timestamp) -> String {
        let mut line = json!({
            "time": shown(time), "level": word(level), "target": target, "message": self.message,
        });
        if let Some(line) = line.as_object_mut() {
            line.extend(self.others);
        }
        format!("{line}\n")
    }

    fn set(&mut self, field: &Field, value: Value) {
        match field.name() {
            "message" => self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            // It tells the journal what the event is called; a line says so itself.
            super::MESSAGE_ID => {}
            name if name.starts_with("log.") => {}
            name => {
                self.others.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }
}

fn shown(time: Timestamp) -> Timestamp {
    time.round(Unit::Millisecond).unwrap_or(time)
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Keeps lines instead of writing them.
    struct Kept(Lines, Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.1.lock().unwrap().push(self.0.line(event, Timestamp::UNIX_EPOCH));
        }
    }

    fn nowhere() -> Arc<Writer> {
        Arc::new(Writer::to(std::io::sink(), |_| {}))
    }

    fn text(with_time: bool) -> Lines {
        Lines::text(with_time, nowhere())
    }

    fn lines_of(form: Lines, log: impl FnOnce()) -> Vec<String> {
        let lines = Arc::default();
        let subscriber = tracing_subscriber::registry().with(Kept(form, Arc::clone(&lines)));
        tracing::subscriber::with_default(subscriber, log);
        lines.lock().unwrap().clone()
    }

    #[test]
    fn a_line_of_text_does_nothing_to_a_terminal() {
        let lines = lines_of(text(false), || {
            tracing::warn!(path = "a\u{1b}[2J \u{202e}b\nc", pid = 7, "no\u{9b} such\nfile");
        });
        assert_eq!(lines, ["warn: no\\u{9b} such\\nfile path=\"a\\u{1b}[2J \\u{202e}b\\nc\" pid=7\n"]);
    }

    #[test]
    fn the_time_is_said_only_where_nobody_else_does() {
        let log = || tracing::error!("no");
        assert_eq!(lines_of(text(true), log), ["1970-01-01T00:00:00Z error: no\n"]);
        assert_eq!(lines_of(text(false), log), ["error: no\n"]);
    }

    #[test]
    fn a_line_of_json_keeps_what_it_was_told() {
        let lines = lines_of(Lines::json(nowhere()), || {
            tracing::info!(path = "a\u{1b}\n\"", incident = None::<u64>, over = true, "it {}", 1);
        });
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert!(lines[0].ends_with("}\n") && lines[0].matches('\n').count() == 1, "{lines:?}");
        assert_eq!(
            line,
            json!({
                "time": "1970-01-01T00:00:00Z", "level": "info", "target": module_path!(),
                "message": "it 1", "path": "a\u{1b}\n\"", "over": true,
            })
        );
    }

    #[test]
    fn what_log_says_comes_with_its_own_target() {
        let lines = lines_of(Lines::json(nowhere()), || {
            let record = log::Record::builder()
                .args(format_args!("lost"))
                .level(log::Level::Warn)
                .target("burstguard_ebpf::emit")
                .build();
            tracing_log::format_trace(&record).unwrap();
        });
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(
            line,
            json!({
                "time": "1970-01-01T00:00:00Z", "level": "warn", "target": "burstguard_ebpf::emit",
                "message": "lost",
            })
        );
    }
}
