//! What becomes of an act.

use std::collections::BTreeMap;

use agent_common::rules::judge::Verdict;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It had room in its budgets.
    Within,
    /// A person had let it pass.
    Granted,
    /// It was over a budget, and only told.
    Observed,
    /// It happened, and stopped its process.
    Stopped,
    Held,
    Refused,
    /// It is in no tree of the account.
    Outside,
}

/// How many acts came to what.
pub(super) type Counts = BTreeMap<Fate, u64>;

impl Fate {
    pub(super) const ALL: [Self; 7] = [
        Self::Within,
        Self::Granted,
        Self::Observed,
        Self::Stopped,
        Self::Held,
        Self::Refused,
        Self::Outside,
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Granted => "granted",
            Self::Observed => "observed",
            Self::Stopped => "stopped",
            Self::Held => "held",
            Self::Refused => "denied",
            Self::Outside => "outside",
        }
    }

    pub(super) const fn of(verdict: Verdict, granted: bool) -> Self {
        match verdict {
            Verdict::Allow => Self::Within,
            Verdict::Report if granted => Self::Granted,
            Verdict::Report => Self::Observed,
            Verdict::Stop => Self::Stopped,
            Verdict::Hold => Self::Held,
            Verdict::Deny => Self::Refused,
        }
    }

    /// Whether it happened, and nobody waited.
    pub(super) const fn passes(self) -> bool {
        matches!(self, Self::Within | Self::Observed | Self::Granted)
    }
}
