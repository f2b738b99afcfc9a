//! How long a time, as a policy writes it: a whole number and a unit.

use std::time::Duration;

/// What a duration looks like, for messages.
pub(crate) const SHAPE: &str = "a whole number of ms, s, m or h";

/// Largest first, in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Why a text is no duration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DurationError {
    Shape,
    /// Longer than any number of milliseconds that is kept.
    TooLong,
}

/// The duration that `text` is.
pub(crate) fn parse(text: &str) -> Result<Duration, DurationError> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or(DurationError::Shape)?;
    let (amount, unit) = text.split_at(unit_at);
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(DurationError::Shape)?;
    if amount.is_empty() {
        return Err(DurationError::Shape);
    }
    // Only digits are left, so the one thing that can go wrong is their number.
    let millis = amount.parse::<u64>().ok().and_then(|amount| amount.checked_mul(*unit));
    millis.map(Duration::from_millis).ok_or(DurationError::TooLong)
}

/// The shortest text of a duration of whole milliseconds.
pub(super) fn text(duration: Duration) -> String {
    let total = duration.as_millis();
    let unit = UNITS.iter().find(|(_, millis)| total.is_multiple_of((*millis).into()));
    let (name, millis) = unit.unwrap_or(&("ms", 1));
    format!("{}{name}", total / u128::from(*millis))
}
