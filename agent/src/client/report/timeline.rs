//! How it went over the time, next to the budget: what is drawn, and where.

mod draw;

use jiff::Timestamp;

use super::{super::incident::acts, words};
use crate::{
    api::{AccountView, Act, BudgetView, IncidentDetail},
    chart::Bar,
};
pub(super) use draw::figure;

/// At most so many parts of the time: more cannot be told apart on a phone.
const PARTS: i128 = 120;
/// What is decided later than this many times the length of what happened is drawn apart: else that would be a single bar.
const LATER: i128 = 1;

/// Times are in nanoseconds since the first that happened.
pub(super) struct Timeline {
    pub(super) length: i128,
    pub(super) bars: Vec<Bar>,
    pub(super) budget: Option<Used>,
    pub(super) marks: Vec<Mark>,
}

/// The budget that was exceeded, or came nearest to that.
pub(super) struct Used {
    pub(super) budget: BudgetView,
    /// At the end of each part: how many operations there were in the window that ends there.
    pub(super) used: Vec<u64>,
}

/// What one should see at a glance.
pub(super) struct Mark {
    pub(super) at: Timestamp,
    /// None: later than all that is drawn.
    pub(super) after: Option<i128>,
    pub(super) word: String,
}

impl Timeline {
    /// None if nothing happened that has a time.
    pub(super) fn of(incident: &IncidentDetail, account: Option<&AccountView>) -> Option<Self> {
        let first = acts::first(incident)?;
        let after = |at: Timestamp| at.duration_since(first).as_nanos();
        let held = incident.held.iter().map(|held| held.at);
        let happened =
            incident.acts.iter().map(|act| act.at).chain(held).map(after).max().unwrap_or(0).max(1);
        let decided = incident.decisions.iter().map(|decision| after(decision.at));
        let end = decided.filter(|at| *at <= happened * (1 + LATER)).max().unwrap_or(0).max(happened);
        let part = nice(end.max(PARTS) / PARTS);
        let parts = end / part + 1;
        let length = parts * part;
        let mut bars = vec![Bar::default(); usize::try_from(parts).unwrap_or(1)];
        for act in &incident.acts {
            let bar = &mut bars[index(after(act.at) / part, parts)];
            bar.count += 1;
            bar.over |= act.over;
        }
        let budget = budget(incident, account).map(|budget| used(budget, incident, &after, part, parts));
        let marks = marks(incident)
            .into_iter()
            .map(|(at, word)| Mark { at, after: Some(after(at).max(0)).filter(|at| *at <= length), word })
            .collect();
        Some(Self { length, bars, budget, marks })
    }

    /// The most that is drawn.
    pub(super) fn top(&self) -> u64 {
        let bars = self.bars.iter().map(|bar| bar.count);
        let budget = self.budget.iter().flat_map(|used| used.used.iter().copied().chain([used.budget.limit]));
        bars.chain(budget).max().unwrap_or(0).max(1)
    }
}

fn index(part: i128, parts: i128) -> usize {
    usize::try_from(part.clamp(0, parts - 1)).unwrap_or(0)
}

/// The next larger one of 1, 2, 5, 10, 20, 50, …
pub(super) fn nice(length: i128) -> i128 {
    let mut ten = 1;
    loop {
        if let Some(step) = [1, 2, 5].into_iter().map(|step| step * ten).find(|step| *step >= length) {
            return step;
        }
        ten *= 10;
    }
}

/// The fullest of those that the first operation without room counts against; else, of all that were used.
fn budget<'a>(incident: &IncidentDetail, account: Option<&'a AccountView>) -> Option<&'a BudgetView> {
    let over = incident.acts.iter().find(|act| act.over).map(|act| &act.kinds);
    let without_room = over.or_else(|| incident.held.first().map(|held| &held.kinds));
    let of_all = || incident.acts.iter().flat_map(|act| &act.kinds).collect();
    let kinds: Vec<_> = without_room.map_or_else(of_all, |kinds| kinds.iter().collect());
    let fullness = |budget: &&BudgetView| {
        let used = incident.acts.iter().filter(|act| counts(budget, act)).count() as u64;
        used * 1000 / budget.limit.max(1)
    };
    let used = account?.budgets.iter().filter(|budget| kinds.iter().any(|kind| is_of(budget, kind)));
    used.max_by_key(fullness)
}

fn counts(budget: &BudgetView, act: &Act) -> bool {
    act.kinds.iter().any(|kind| is_of(budget, kind))
}

/// The budget that something had no room in, in words.
pub(super) fn exceeded(incident: &IncidentDetail, account: Option<&AccountView>) -> Option<String> {
    let is_exceeded = !incident.held.is_empty() || incident.acts.iter().any(|act| act.over);
    budget(incident, account).filter(|_| is_exceeded).map(words::budget)
}

/// A budget is of a kind in the plural.
fn is_of(budget: &BudgetView, kind: &str) -> bool {
    budget.kind.strip_suffix('s') == Some(kind)
}

fn used(
    budget: &BudgetView,
    incident: &IncidentDetail,
    after: &dyn Fn(Timestamp) -> i128,
    part: i128,
    parts: i128,
) -> Used {
    let counted = incident.acts.iter().filter(|act| counts(budget, act));
    let times: Vec<_> = counted.map(|act| after(act.at)).collect();
    let window = i128::from(budget.window_ms) * 1_000_000;
    let until = |end: i128| times.iter().filter(|at| (end - window..end).contains(*at)).count() as u64;
    let used = (1..=parts).map(|number| until(number * part)).collect();
    Used { budget: budget.clone(), used }
}

/// In the order of time.
fn marks(incident: &IncidentDetail) -> Vec<(Timestamp, String)> {
    let over = incident.acts.iter().find(|act| act.over).map(|act| (act.at, "past the budget".to_owned()));
    let held = incident.held.first().map(|held| (held.at, "held".to_owned()));
    let decided = incident.decisions.iter().map(|decision| (decision.at, decision.verb.past().to_owned()));
    let mut marks: Vec<_> = over.into_iter().chain(held).chain(decided).collect();
    marks.sort_by_key(|(at, _)| *at);
    marks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::super::tests::screens::{account, at, detail, read},
        *,
    };

    fn timeline(incident: serde_json::Value) -> Timeline {
        Timeline::of(&read(incident), Some(&read(account()))).expect("acts")
    }

    #[test]
    fn each_act_is_in_the_part_that_it_happened_in() {
        let drawn = timeline(detail());
        assert_eq!((drawn.bars.len(), drawn.length), (79, 395_000_000));
        let risen: Vec<_> = drawn
            .bars
            .iter()
            .enumerate()
            .filter(|(_, bar)| bar.count > 0)
            .map(|(at, bar)| (at, *bar))
            .collect();
        let (one, over) = (Bar { count: 1, over: false }, Bar { count: 1, over: true });
        assert_eq!(risen, [(0, one), (78, over)]);
        let used = drawn.budget.as_ref().expect("a budget");
        assert_eq!(words::budget(&used.budget), "10 deletes in any 10 s");
        assert_eq!((used.used[0], used.used[77], used.used[78]), (1, 1, 2));
        assert_eq!(drawn.top(), 10);
    }

    #[test]
    fn of_several_budgets_it_is_the_fullest() {
        let mut incident = detail();
        incident["acts"][1]["kinds"] = json!(["recreate", "delete"]);
        let exceeded =
            |incident: &serde_json::Value| exceeded(&read(incident.clone()), Some(&read(account())));
        assert_eq!(exceeded(&incident).as_deref(), Some("3 recreates in any 1 min"));
        incident["acts"][1]["kinds"] = json!(["delete"]);
        assert_eq!(exceeded(&incident).as_deref(), Some("10 deletes in any 10 s"));
        incident["acts"][1]["over"] = json!(false);
        assert_eq!(exceeded(&incident), None);
    }

    #[test]
    fn what_is_out_of_the_window_does_not_count_any_more() {
        let mut incident = detail();
        incident["acts"][1]["at"] = json!(at("03:12:55"));
        let drawn = timeline(incident);
        let used = drawn.budget.expect("a budget").used;
        assert_eq!((used.iter().max(), used.last()), (Some(&1), Some(&1)));
        assert!(used.contains(&0));
    }

    #[test]
    fn what_was_decided_long_after_it_is_apart() {
        let mut incident = detail();
        let marks = |incident: &serde_json::Value| -> Vec<_> {
            let marks = timeline(incident.clone()).marks;
            marks.into_iter().map(|mark| (mark.word, mark.after)).collect()
        };
        let past = ("past the budget".to_owned(), Some(391_000_000));
        assert_eq!(marks(&incident), [past.clone(), ("frozen".to_owned(), None)]);
        incident["decisions"][0]["at"] = json!(at("03:12:41.700"));
        assert_eq!(marks(&incident), [past, ("frozen".to_owned(), Some(700_000_000))]);
    }

    #[test]
    fn however_long_it_took_there_are_not_too_many_parts() {
        for end in ["03:12:41", "03:12:41.000001", "03:12:41.003", "03:12:49", "13:00:00"] {
            let mut incident = detail();
            incident["acts"][1]["at"] = json!(at(end));
            let parts = timeline(incident).bars.len();
            assert!((1..=121).contains(&parts), "{end}: {parts}");
        }
    }

    #[test]
    fn where_nothing_happened_nothing_is_drawn() {
        let mut incident = detail();
        incident["acts"] = json!([]);
        assert!(Timeline::of(&read(incident), None).is_none());
        assert!(Timeline::of(&read(detail()), None).is_some_and(|drawn| drawn.budget.is_none()));
    }
}
