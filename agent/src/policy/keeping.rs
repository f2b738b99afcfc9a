//! How much of the record of incidents is kept, and what is never put into it.

use std::{fmt, str::FromStr, time::Duration};

use crate::store::{Bounds, Pattern};

/// What `[record]` says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Keeping {
    pub(crate) bounds: Bounds,
    /// What else is taken out of command lines, besides what always is.
    pub(crate) redact: Vec<Pattern>,
}

/// Whole days: nobody keeps incidents for hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days(u64);

/// A size in a binary unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(u64);

const DAY: u64 = 24;
/// Ten years.
const MOST_DAYS: u64 = 3650;
/// Largest first.
const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
const LARGEST: u64 = 64 << 30;

impl Days {
    pub(super) fn duration(self) -> Duration {
        Duration::from_hours(DAY * self.0)
    }

    pub(super) fn of(duration: Duration) -> Self {
        Self(duration.as_secs() / Duration::from_hours(DAY).as_secs())
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = text.strip_suffix('d').and_then(number).filter(|days| (1..=MOST_DAYS).contains(days));
        days.map(Self).ok_or_else(|| format!("a number of days from 1d to {MOST_DAYS}d such as \"90d\""))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

impl Size {
    pub(super) fn bytes(self) -> u64 {
        self.0
    }

    pub(super) fn of(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_whole = |size: &u64| size.is_multiple_of(1 << 20) && (1 << 20..=LARGEST).contains(size);
        let size = sized(text).filter(is_whole);
        size.map(Self).ok_or_else(|| "a size from 1MiB to 64GiB such as \"64MiB\"".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(self.0))
    }
}

/// A size in one of the units, in bytes.
pub(super) fn sized(text: &str) -> Option<u64> {
    UNITS.iter().find_map(|(unit, bytes)| number(text.strip_suffix(unit)?)?.checked_mul(*bytes))
}

/// The same the other way round, in the largest unit of which it is a number.
pub(super) fn written(size: u64) -> String {
    let unit = UNITS.iter().find(|(_, bytes)| size.is_multiple_of(*bytes));
    let (name, bytes) = unit.unwrap_or(&UNITS[UNITS.len() - 1]);
    format!("{}{name}", size / bytes)
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
