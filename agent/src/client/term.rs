//! Text for a person: times, columns, colour.

use std::fmt;

use anstyle::{AnsiColor, Style};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{api::Bytes, clean::Clean};

/// What a screen is relative to.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const HEAD: Style = Style::new().bold();

/// What wants attention.
pub(super) fn bad(text: impl fmt::Display) -> String {
    format!("{BAD}{text}{BAD:#}")
}

/// What is as it should be.
pub(super) fn good(text: impl fmt::Display) -> String {
    format!("{GOOD}{text}{GOOD:#}")
}

pub(super) fn head(text: impl fmt::Display) -> String {
    format!("{HEAD}{text}{HEAD:#}")
}

/// A name or a sentence that somebody else chose, made fit for a terminal.
pub(super) fn clean(text: &str) -> String {
    Clean(text).to_string()
}

/// `1 process`, `2 processes`.
pub(crate) fn count(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

const AHEAD: &str = "the clock was ahead";

fn seconds(span: SignedDuration) -> u64 {
    u64::try_from(span.as_secs()).unwrap_or(0)
}

impl Screen {
    /// A time of day if that says enough, else the day too.
    pub(super) fn at(&self, at: Timestamp) -> String {
        let form = match self.now.duration_since(at).unsigned_abs().as_secs() / 3600 {
            0..20 => "%H:%M:%S",
            20..144 => "%a %H:%M",
            _ => "%Y-%m-%d %H:%M",
        };
        let zone = if self.zone == TimeZone::UTC { "Z" } else { "" };
        format!("{}{zone}", at.to_zoned(self.zone.clone()).strftime(form))
    }

    /// A time that says enough for ever.
    pub(super) fn exact(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// How long that is ago; of what was written down when the clock was ahead nobody can tell.
    pub(super) fn since(&self, at: Timestamp) -> String {
        if self.is_ahead(at) { AHEAD.to_owned() } else { span(seconds(self.now.duration_since(at))) }
    }

    /// The same as an adverb.
    pub(super) fn ago(&self, at: Timestamp) -> String {
        if self.is_ahead(at) { AHEAD.to_owned() } else { format!("{} ago", self.since(at)) }
    }

    /// How long it is until then.
    pub(super) fn until(&self, at: Timestamp) -> String {
        span(seconds(at.duration_since(self.now)))
    }

    /// Whether what has happened already has happened later than now. A second is what clocks that are read one after the other
    /// may be set by.
    fn is_ahead(&self, at: Timestamp) -> bool {
        at.duration_since(self.now) > SignedDuration::from_secs(1)
    }
}

/// In its two largest units.
pub(super) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, 0) => format!("{hours}h"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, 0, _) => format!("{days}d"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// How long the kernel took.
pub(super) fn took(micros: u64) -> String {
    match micros {
        0..1000 => format!("{micros} µs"),
        1000..1_000_000 => format!("{} ms", micros / 1000),
        _ => format!("{}.{} s", micros / 1_000_000, micros / 100_000 % 10),
    }
}

/// The first figures, by which people compare.
pub(super) fn short(sha256: &str) -> String {
    clean(&sha256.chars().take(6).collect::<String>())
}

pub(super) fn paths(paths: &[Bytes]) -> String {
    paths.iter().map(Bytes::to_string).collect::<Vec<_>>().join(", ")
}

/// Rows under a heading, in columns. The cells must be clean; colour does not count.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let heading: Vec<_> = heading.iter().map(|text| (*text).to_owned()).collect();
    let width = |column: usize| {
        std::iter::once(&heading).chain(rows).filter_map(|row| row.get(column)).map(|cell| shown(cell)).max()
    };
    let widths: Vec<_> = (0..heading.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell}{:1$}", "", width - shown(cell)));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    std::iter::once(&heading).chain(rows).map(line).collect()
}

/// How many characters of it are seen.
fn shown(cell: &str) -> usize {
    anstream::adapter::strip_str(cell).to_string().chars().count()
}
