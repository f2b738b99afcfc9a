//! Whether burstguard was right about a case.

use std::collections::BTreeMap;
use std::time::Duration;

use ::tests::Operation;
use serde::Serialize;

use crate::cases::Case;
use crate::disk::Lost;
use crate::restore::Restored;

/// So many in any window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) count: usize,
    pub(crate) window: Duration,
}

/// How much of one budget a case took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Use {
    /// In all.
    pub(crate) total: usize,
    /// In the busiest window.
    pub(crate) peak: usize,
    pub(crate) budget: usize,
}

/// A row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) benign: bool,
    /// What came of it.
    pub(crate) held: bool,
    /// By kind.
    pub(crate) uses: BTreeMap<String, Use>,
    /// Counted on disk.
    pub(crate) lost: Lost,
    /// What came back of that.
    pub(crate) restored: Restored,
    /// The nearest to a budget, in per cent of it: if the account did all of it in no time, unless the case is paced.
    pub(crate) closest: usize,
    /// It is meant to be.
    pub(crate) near: bool,
    /// What was counted, one after the other.
    pub(crate) operations: Vec<String>,
    /// Of the act, and of the case with all that is around it.
    pub(crate) seconds: f64,
    pub(crate) in_all_seconds: f64,
    pub(crate) why: String,
    pub(crate) wants: String,
    /// What is wrong; nothing if burstguard was right.
    pub(crate) wrong: Vec<String>,
}

impl Row {
    /// Of a case that could not be played.
    pub(crate) fn broken(case: &Case, error: &anyhow::Error) -> Self {
        Self {
            name: case.name.clone(),
            benign: case.benign,
            held: false,
            uses: BTreeMap::new(),
            lost: Lost::default(),
            restored: Restored::default(),
            closest: 0,
            near: case.near,
            operations: Vec::new(),
            seconds: 0.0,
            in_all_seconds: 0.0,
            why: case.why.clone(),
            wants: case.wants.clone(),
            wrong: vec![format!("{error:#}")],
        }
    }
}

/// How much of each budget these operations took.
pub(crate) fn uses(operations: &[Operation], budgets: &BTreeMap<String, Budget>) -> BTreeMap<String, Use> {
    let of = |(kind, budget): (&String, &Budget)| {
        let kinds = operations.iter().flat_map(|one| one.kinds.iter().map(|kind| (kind, one.at_ns)));
        let mut times: Vec<_> = kinds.filter(|(one, _)| *one == kind).map(|(_, at)| at).collect();
        times.sort_unstable();
        let uses = Use { total: times.len(), peak: peak(&times, budget.window), budget: budget.count };
        (kind.clone(), uses)
    };
    budgets.iter().map(of).collect()
}

/// The most that fall into one window: two that lie a window apart are not in one.
fn peak(times: &[u64], window: Duration) -> usize {
    let window = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
    let mut from = 0;
    let mut most = 0;
    for (to, time) in times.iter().enumerate() {
        while time.saturating_sub(times[from]) >= window {
            from += 1;
        }
        most = most.max(to + 1 - from);
    }
    most
}

/// The nearest to a budget, in per cent of it.
pub(crate) fn closest(uses: &BTreeMap<String, Use>, paced: bool) -> usize {
    let percent = |used: &Use| (if paced { used.peak } else { used.total }) * 100 / used.budget.max(1);
    uses.values().map(percent).max().unwrap_or(0)
}

/// What is wrong with it. `failure` is what the act or the check complained of.
pub(crate) fn wrong(
    case: &Case,
    held: bool,
    uses: &BTreeMap<String, Use>,
    lost: &Lost,
    restored: &Restored,
    failure: Option<String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    match (case.benign, held) {
        (true, true) => wrong.push("false alarm".to_owned()),
        (false, false) => wrong.push("missed".to_owned()),
        _ => {}
    }
    // What is counted is what is gone: never less than the disk shows.
    let counted: usize = uses.values().map(|used| used.total).sum();
    if lost.all() > counted && !case.elsewhere {
        wrong.push(format!("{} lost on disk, {counted} counted", lost.all()));
    }
    if held {
        // A recreate is never held, so it is the one that may exceed its budget, by one.
        let most = |kind: &str, used: &Use| used.budget + usize::from(kind == "recreate");
        wrong.extend(uses.iter().filter(|(kind, used)| used.peak > most(kind, used)).map(|(kind, used)| {
            format!("{} of kind {kind} in one window, the budget is {}", used.peak, used.budget)
        }));
    }
    // What is done by somebody else is nobody's who is watched.
    if !restored.missed.is_empty() && held && !case.elsewhere {
        let Restored { destroyed, whole, missed, .. } = restored;
        wrong.push(format!("{whole} of {destroyed} came back: {}", missed.join("; ")));
    }
    // A destructive act that failed by itself explains why it was missed.
    wrong.extend(failure.filter(|_| !wrong.is_empty() || held || case.benign));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_open_at_its_end() {
        let second = Duration::from_secs(1);
        let times = [0, 999_999_999, 1_000_000_000, 1_500_000_000, 5_000_000_000];
        assert_eq!(peak(&times, second), 3);
        assert_eq!(peak(&[0, 1_000_000_000, 2_000_000_000], second), 1);
        assert_eq!(peak(&[], second), 0);
    }

    #[test]
    fn the_whole_counts_unless_time_passes_in_between() {
        let uses = BTreeMap::from([("delete".to_owned(), Use { total: 8, peak: 2, budget: 10 })]);
        assert_eq!((closest(&uses, false), closest(&uses, true)), (80, 20));
    }

    #[test]
    fn what_is_wrong() {
        let none = BTreeMap::new();
        let benign = Case { benign: true, ..Case::default() };
        let bad = Case::default();
        let lost = Lost::default();
        assert!(wrong(&benign, false, &none, &lost, &Restored::default(), None).is_empty());
        assert_eq!(wrong(&benign, true, &none, &lost, &Restored::default(), None), ["false alarm"]);
        assert_eq!(
            wrong(&benign, false, &none, &lost, &Restored::default(), Some("exit 1".to_owned())),
            ["exit 1"]
        );
        assert_eq!(wrong(&bad, false, &none, &lost, &Restored::default(), None), ["missed"]);
        let uncounted = Lost { gone: 2, ..lost };
        assert_eq!(
            wrong(&bad, true, &none, &uncounted, &Restored::default(), None),
            ["2 lost on disk, 0 counted"]
        );
        let over = BTreeMap::from([("delete".to_owned(), Use { total: 11, peak: 11, budget: 10 })]);
        assert_eq!(wrong(&bad, true, &over, &lost, &Restored::default(), None).len(), 1);
    }
}
