//! The log: warnings of ours and of the kernel programs, and what happens, for whoever keeps logs. Libraries write to it through
//! [`log`] and [`tracing`] alike.

mod catalog;
mod event;
mod journal;
mod line;

use std::{env, io, os::fd::AsFd, sync::Arc};

use clap::ValueEnum;
use rustix::fs::fstat;
use tracing_subscriber::{
    filter::{LevelFilter, ParseError, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
    {Layer, Registry},
};

pub(crate) use catalog::catalog;
pub(crate) use event::{event, is_for_people};
use journal::Journal;
use line::Lines;

use crate::writer::Writer;

/// Which lines there are, as in `warn` or `warn,burstguard=debug`.
const FILTER: &str = "BURSTGUARD_LOG";
/// What libraries tell about themselves is theirs; their warnings are ours.
const DEFAULT: &str = "warn,burstguard=info";
/// The device and inode of the journal's stream, as systemd gives it to services.
const JOURNAL: &str = "JOURNAL_STREAM";

/// The field that tells the journal the kind of an event.
const MESSAGE_ID: &str = "message_id";

/// How to log.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(id = "log-arguments")]
pub(crate) struct Arguments {
    /// In which form to log [default: journald if standard error is the journal, else text]; BURSTGUARD_LOG says how much,
    /// such as `warn` or `burstguard=debug`.
    #[arg(long, value_name = "FORM")]
    log: Option<Form>,
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line on standard error.
    Text,
    /// A JSON object a line, on standard error.
    Json,
    /// With fields, in the journal.
    Journald,
}

/// The log, once it has begun.
pub(crate) struct Log {
    /// Whether it goes to the journal.
    pub(crate) in_journal: bool,
    writer: Arc<Writer>,
}

impl Log {
    /// Waits until everything is written, but not for ever.
    pub(crate) fn finish(&self) {
        self.writer.flush(); // nobody is left to tell if it is not
    }
}

/// Begins to log. What cannot be done as told is done in another way, and said.
pub(crate) fn start(arguments: &Arguments) -> Log {
    let in_journal = is_journal(env::var(JOURNAL).ok().as_deref(), io::stderr());
    let form = arguments.log.unwrap_or(if in_journal { Form::Journald } else { Form::Text });
    let mut complaints = Vec::new();
    let filter = filter(env::var(FILTER).ok().as_deref(), &mut complaints);
    let (layer, writer) = layer(form, in_journal, &mut complaints);
    // Fails only if it was called before.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    complaints.iter().for_each(|complaint| log::warn!("{complaint}"));
    Log { in_journal: form == Form::Journald, writer }
}

fn filter(wanted: Option<&str>, complaints: &mut Vec<String>) -> Targets {
    let parsed = targets(wanted.unwrap_or(DEFAULT)).or_else(|error| {
        complaints.push(format!(
            "cannot understand {FILTER}={}: {error}; want a level such as warn, or TARGET=LEVEL; using {DEFAULT}",
            wanted.unwrap_or_default()
        ));
        targets(DEFAULT)
    });
    parsed.unwrap_or_default()
}

/// A word that is no level is refused: it would be taken for a target, and everything else be hidden.
fn targets(text: &str) -> Result<Targets, String> {
    let no_level = |word: &&str| !word.contains('=') && word.parse::<LevelFilter>().is_err();
    match text.split(',').find(no_level) {
        Some(word) => Err(format!("{word:?} is no level")),
        None => text.parse().map_err(|error: ParseError| error.to_string()),
    }
}

type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Also the thread that writes.
fn layer(form: Form, in_journal: bool, complaints: &mut Vec<String>) -> (AnyLayer, Arc<Writer>) {
    if form == Form::Journald {
        match Journal::open() {
            Ok(journal) => {
                let writer = Arc::clone(&journal.writer);
                return (Box::new(journal), writer);
            }
            Err(error) => {
                complaints.push(format!("cannot reach the journal: {error}; logging text to standard error"));
            }
        }
    }
    // Nobody is left to tell if it fails.
    let writer = Arc::new(Writer::to(io::stderr(), |_| {}));
    let lines = Arc::clone(&writer);
    match form {
        Form::Json => (Box::new(Lines::json(lines)), writer),
        Form::Text | Form::Journald => (Box::new(Lines::text(!in_journal, lines)), writer),
    }
}

/// Whether a stream is the one that systemd named, and not another that it was led to since.
fn is_journal(named: Option<&str>, stream: impl AsFd) -> bool {
    let Ok(stream) = fstat(stream) else { return false };
    named == Some(&format!("{}:{}", stream.st_dev, stream.st_ino))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn only_the_stream_that_systemd_named_is_the_journal() {
        let null = File::open("/dev/null").unwrap();
        let stat = fstat(&null).unwrap();
        let name = format!("{}:{}", stat.st_dev, stat.st_ino);
        assert!(is_journal(Some(&name), &null));
        assert!(!is_journal(Some(&name), File::open("/proc/self/exe").unwrap()));
        assert!(!is_journal(Some("1:"), &null));
        assert!(!is_journal(None, &null));
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_said_and_the_default_used() {
        let mut complaints = Vec::new();
        for nonsense in ["loud", "burstguard=loud", "warn,lound"] {
            assert_eq!(filter(Some(nonsense), &mut complaints), DEFAULT.parse().unwrap());
            let complaint = complaints.pop().unwrap();
            assert!(complaint.contains(&format!("BURSTGUARD_LOG={nonsense}:")), "{complaint}");
        }
        let debug = filter(Some("debug"), &mut complaints);
        assert!(debug.would_enable("burstguard::daemon", &tracing::Level::DEBUG));
        assert!(!filter(None, &mut complaints).would_enable("aya::maps", &tracing::Level::INFO));
        assert!(complaints.is_empty());
    }
}
