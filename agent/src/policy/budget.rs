//! How many operations of a kind are allowed in how long a time.

use std::{fmt, str::FromStr, time::Duration};

use agent_common::rules::Kind;

use super::duration::{self, DurationError, SHAPE};

/// At most `count` operations in any `window`. Written `COUNT/DURATION`, such as `10/10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    count: u32,
    window: Duration,
}

/// One budget for each kind of operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Budgets {
    pub(crate) deletes: Budget,
    pub(crate) replaces: Budget,
    pub(crate) truncates: Budget,
    pub(crate) overwrites: Budget,
    pub(crate) recreates: Budget,
    pub(crate) commands: Budget,
}

/// Where in [`Budgets`] a key of the policy file belongs.
pub(super) type Slot = fn(&mut Budgets) -> &mut Budget;

/// Why a text is no budget.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BudgetError {
    #[error("COUNT/DURATION such as \"10/10s\"; a duration is {SHAPE}")]
    Shape,
    #[error("a count of at most {}", Budget::MAX_COUNT)]
    Count,
    #[error("a duration above 0 and of at most 24h")]
    Window,
}

impl Budget {
    /// The kernel keeps one time stamp for each operation that a budget allows.
    pub(crate) const MAX_COUNT: u32 = agent_common::rules::budget::MAX_SLOTS;
    pub(super) const MAX_WINDOW: Duration = Duration::from_hours(24);

    /// A budget over whole seconds.
    pub(crate) const fn seconds(count: u32, seconds: u64) -> Self {
        Self { count, window: Duration::from_secs(seconds) }
    }

    /// Operations allowed, 0 to [`Self::MAX_COUNT`].
    pub(crate) const fn count(self) -> u32 {
        self.count
    }

    /// As many in the same time.
    pub(crate) const fn with_count(self, count: u32) -> Self {
        Self { count, ..self }
    }

    /// In how long a time: whole milliseconds, 1 ms to 24 h.
    pub(crate) const fn window(self) -> Duration {
        self.window
    }
}

impl FromStr for Budget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let (count, window) = text.split_once('/').ok_or(BudgetError::Shape)?;
        let window = match duration::parse(window) {
            Ok(window) => Some(window),
            Err(DurationError::TooLong) => None,
            Err(DurationError::Shape) => return Err(BudgetError::Shape),
        };
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BudgetError::Shape);
        }
        let count = count.parse().ok().filter(|count| *count <= Self::MAX_COUNT).ok_or(BudgetError::Count)?;
        let window = window
            .filter(|window| !window.is_zero() && *window <= Self::MAX_WINDOW)
            .ok_or(BudgetError::Window)?;
        Ok(Self { count, window })
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, duration::text(self.window))
    }
}

impl Budgets {
    /// The keys of the policy file under `budget`.
    pub(super) const KEYS: [(&'static str, Slot); 6] = [
        ("deletes", |budgets| &mut budgets.deletes),
        ("replaces", |budgets| &mut budgets.replaces),
        ("truncates", |budgets| &mut budgets.truncates),
        ("overwrites", |budgets| &mut budgets.overwrites),
        ("recreates", |budgets| &mut budgets.recreates),
        ("commands", |budgets| &mut budgets.commands),
    ];

    /// That of a kind.
    pub(crate) const fn of(&self, kind: Kind) -> Budget {
        match kind {
            Kind::Delete => self.deletes,
            Kind::Replace => self.replaces,
            Kind::Truncate => self.truncates,
            Kind::Overwrite => self.overwrites,
            Kind::Recreate => self.recreates,
            Kind::Command => self.commands,
        }
    }

    /// Each kind's key and budget.
    pub(super) fn each(&self) -> [(&'static str, Budget); 6] {
        let Self { deletes, replaces, truncates, overwrites, recreates, commands } = *self;
        [
            ("deletes", deletes),
            ("replaces", replaces),
            ("truncates", truncates),
            ("overwrites", overwrites),
            ("recreates", recreates),
            ("commands", commands),
        ]
    }
}

impl Default for Budgets {
    /// At least twice what real work needs in one go, as tests/corpus measures it: for deletes and recreates that is a
    /// pull or a checkout of git's, which unlinks each file that changes and makes it anew; for replaces a script that renders
    /// twenty files; for truncates one that writes four in place.
    fn default() -> Self {
        Self {
            deletes: Budget::seconds(20, 10),
            replaces: Budget::seconds(50, 10),
            truncates: Budget::seconds(10, 10),
            // Programs open files that they may write to and do not; what is lost thereby is seldom all of a file.
            overwrites: Budget::seconds(200, 10),
            recreates: Budget::seconds(20, 60),
            // What a deployment does by a tool that has a command for it; a runner cleans its working copy before each job.
            commands: Budget::seconds(20, 600),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts() {
        for (text, expected) in [
            ("10/10s", Ok("10/10s")),
            ("3/60s", Ok("3/1m")),
            ("0/1ms", Ok("0/1ms")),
            ("1024/24h", Ok("1024/24h")),
            ("1/90m", Ok("1/90m")),
            ("007/08s", Ok("7/8s")),
            ("1025/1s", Err(BudgetError::Count)),
            ("99999999999/1s", Err(BudgetError::Count)),
            ("1/0s", Err(BudgetError::Window)),
            ("1/25h", Err(BudgetError::Window)),
            ("1/86400001ms", Err(BudgetError::Window)),
            ("1/18446744073709551615h", Err(BudgetError::Window)),
            ("1/99999999999999999999h", Err(BudgetError::Window)),
            ("10 in 10s", Err(BudgetError::Shape)),
            ("10/10", Err(BudgetError::Shape)),
            ("10/s", Err(BudgetError::Shape)),
            ("/10s", Err(BudgetError::Shape)),
            ("+1/10s", Err(BudgetError::Shape)),
            ("-1/10s", Err(BudgetError::Shape)),
            ("1/+10s", Err(BudgetError::Shape)),
            ("1/1.5s", Err(BudgetError::Shape)),
            ("1/10d", Err(BudgetError::Shape)),
            ("1/10s ", Err(BudgetError::Shape)),
            ("1/1h30m", Err(BudgetError::Shape)),
            ("", Err(BudgetError::Shape)),
        ] {
            let found = text.parse::<Budget>().map(|budget| budget.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(count in 0..=Budget::MAX_COUNT, millis in 1..=86_400_000_u64) {
            let budget = Budget { count, window: Duration::from_millis(millis) };
            prop_assert_eq!(budget.to_string().parse(), Ok(budget));
        }

        #[test]
        fn any_text_is_survived(text in "\\PC*|[0-9]{0,30}/[0-9]{0,30}(ms|s|m|h)?") {
            let _ = text.parse::<Budget>();
        }
    }
}
