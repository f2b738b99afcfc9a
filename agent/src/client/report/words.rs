//! Times and budgets in a few words.

use std::time::Duration;

use jiff::Timestamp;

use super::super::{incident::acts, term::clean};
use crate::api::{BudgetView, IncidentDetail};

/// A budget, as one would say it.
pub(super) fn budget(budget: &BudgetView) -> String {
    let window = window(Duration::from_millis(budget.window_ms));
    format!("{} {} in any {window}", budget.limit, clean(&budget.kind))
}

/// How long after the first thing something happened.
pub(super) fn after(incident: &IncidentDetail, at: Timestamp) -> String {
    let first = acts::first(incident).unwrap_or(at);
    let ns = at.duration_since(first).as_nanos();
    match ns {
        0 => "0 s".to_owned(),
        ..0 => format!("−{}", time(-ns)),
        _ => format!("+{}", time(ns)),
    }
}

pub(super) fn window(window: Duration) -> String {
    match window.as_secs() {
        seconds @ 1.. if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds @ 1.. if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds @ 1.. if window.subsec_millis() == 0 => format!("{seconds} s"),
        _ => format!("{} ms", window.as_millis()),
    }
}

/// In a unit in which it is a short number.
pub(super) fn time(ns: i128) -> String {
    const UNITS: [(i128, &str); 5] = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "min"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1000, "µs"),
    ];
    let fits = |(unit, _): &(i128, _)| ns >= 2 * unit || ns >= *unit && ns % unit == 0;
    let (unit, word) = UNITS.into_iter().find(fits).unwrap_or((1, "ns"));
    let tenths = ns * 10 / unit;
    let part = if tenths % 10 == 0 { String::new() } else { format!(".{}", tenths % 10) };
    format!("{}{part} {word}", tenths / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let times =
            [0, 900, 1000, 1500, 2000, 250_000, 2_500_000, 1_500_000_000, 90_000_000_000, 7_200_000_000_000];
        let shown =
            ["0 ns", "900 ns", "1 µs", "1500 ns", "2 µs", "250 µs", "2.5 ms", "1500 ms", "90 s", "2 h"];
        assert_eq!(times.map(time), shown);
        let windows = [500, 10_000, 60_000, 90_000, 3_600_000].map(|ms| window(Duration::from_millis(ms)));
        assert_eq!(windows, ["500 ms", "10 s", "1 min", "90 s", "1 h"]);
    }
}
