//! How much of a table is shown.

use clap::Args;
use jiff::Timestamp;

use super::{ask, complete, term::count};

/// Which rows of a table.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Listing {
    /// Only what is of the last so long, such as 24h.
    #[arg(long, value_name = "DURATION", value_parser = ask::seconds, add = complete::durations())]
    pub(crate) since: Option<u64>,
    /// At most so many rows, the first ones.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<usize>,
}

/// The rows that are shown, and how many are not.
pub(crate) struct Listed<T> {
    pub(crate) rows: Vec<T>,
    left: usize,
}

impl Listing {
    /// Of rows in their order, each of a time.
    pub(crate) fn of<T>(self, rows: Vec<T>, now: Timestamp, at: impl Fn(&T) -> Timestamp) -> Listed<T> {
        let since = self.since.map(|since| now.as_second().saturating_sub_unsigned(since));
        let is_late = |row: &T| since.is_none_or(|since| at(row).as_second() >= since);
        self.first(rows.into_iter().filter(is_late).collect())
    }

    /// The first ones.
    pub(crate) fn first<T>(self, mut rows: Vec<T>) -> Listed<T> {
        let left = rows.len().saturating_sub(self.limit.unwrap_or(usize::MAX));
        rows.truncate(rows.len() - left);
        Listed { rows, left }
    }
}

impl<T> Listed<T> {
    /// What is said below the table of what is not in it.
    pub(crate) fn rest(&self) -> String {
        if self.left == 0 {
            String::new()
        } else {
            format!("and {}\n", count(self.left as u64, "more", "more"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hour_and_the_first_two() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let rows = vec![10, 4000, 9000, 9500];
        let listed = |since, limit| {
            let Listed { rows, left } =
                Listing { since, limit }.of(rows.clone(), second(9999), |row| second(*row));
            (rows, left)
        };
        assert_eq!(listed(None, None), (vec![10, 4000, 9000, 9500], 0));
        assert_eq!(listed(Some(5999), Some(2)), (vec![4000, 9000], 1));
        assert_eq!(listed(Some(u64::MAX), Some(0)), (Vec::new(), 4));
        assert_eq!(Listing { since: None, limit: Some(3) }.first(rows.clone()).rest(), "and 1 more\n");
        assert_eq!(Listing::default().first(rows).rest(), "");
    }
}
