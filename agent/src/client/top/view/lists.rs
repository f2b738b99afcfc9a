//! The three lists: accounts, what waits, incidents.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style},
    text::Line,
};

use super::{View, grid, grid::Column};
use crate::{
    api::{AccountView, BudgetView, IncidentSummary},
    client::{
        accounts,
        incident::tree,
        incidents,
        term::{clean, count},
        top::{
            facts::{Waiting, fullness},
            state::List,
        },
    },
};

/// How wide the bar of a budget is.
const BAR: usize = 10;
/// As many lines are roomy.
const ROOMY: u16 = 18;

impl View<'_> {
    pub(super) fn lists(&self, frame: &mut Frame<'_>, area: Rect) {
        let state = self.state;
        let (accounts, waiting, incidents) =
            (&state.facts.status.accounts, &state.facts.waiting, &state.facts.incidents);
        let more = usize::from(state.facts.more_wait > 0);
        // A line between the lists where there is room.
        let gap = u16::from(area.height >= ROOMY);
        let rows = [accounts.len(), waiting.len() + more, incidents.len()];
        let heights = share(usize::from(area.height), rows.map(|rows| rows.max(1) + 1 + usize::from(gap)));
        let areas: [Rect; 3] =
            Layout::vertical(heights.map(|rows| Constraint::Length(u16::try_from(rows).unwrap_or(u16::MAX))))
                .areas(area);
        let lists = [
            (
                List::Accounts,
                self.accounts(accounts, area.width),
                state.account.at(),
                "no account is watched",
            ),
            (List::Waiting, self.waiting(waiting), state.process.at(), "nothing waits"),
            (List::Incidents, self.incidents(incidents), state.incident.at(), "no incidents"),
        ];
        for ((list, columns, chosen, nothing), area) in lists.into_iter().zip(areas) {
            let area = Rect { height: area.height.saturating_sub(gap), ..area };
            let is_empty = columns.first().is_none_or(Column::is_empty);
            grid::draw(frame, area, columns, chosen, state.list == list);
            if is_empty && area.height > 1 {
                let below =
                    Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(2), height: 1 };
                frame.render_widget(Line::styled(nothing, Style::new().add_modifier(Modifier::DIM)), below);
            }
            if list == List::Waiting && state.facts.more_wait > 0 && area.height > 1 {
                let last = Rect { y: area.bottom() - 1, height: 1, ..area };
                let more = count(state.facts.more_wait, "process more waits", "processes more wait");
                frame.render_widget(Line::from(format!("  … {more}: see the incidents      ")), last);
            }
        }
    }

    fn accounts(&self, all: &[AccountView], width: u16) -> Vec<Column> {
        let screen = &self.screen;
        let fullest = |account: &AccountView| account.budgets.first().cloned();
        let used = |budget: &BudgetView| format!("{} {}/{}", clean(&budget.kind), budget.used, budget.limit);
        let others = |account: &AccountView| {
            account
                .budgets
                .iter()
                .skip(1)
                .filter(|budget| budget.used > 0)
                .map(used)
                .collect::<Vec<_>>()
                .join("  ")
        };
        let minute = match width {
            ..100 => 12,
            100..140 => 20,
            _ => 30,
        };
        let rate = |account: &AccountView| match self.state.rates.now(&account.name) {
            Some(rate) if rate >= 10.0 => format!("{rate:.0}/s"),
            Some(rate) if rate > 0.0 => format!("{rate:.1}/s"),
            Some(_) => "0/s".to_owned(),
            None => "?".to_owned(),
        };
        let line = |text: String| self.paint.line(&text);
        vec![
            Column::new("ACCOUNT", 0, all.iter().map(|one| line(clean(&one.name)))).at_least(10),
            Column::new("STANDING", 0, all.iter().map(|one| line(accounts::standing(one.standing)))),
            Column::new(
                "FULLEST BUDGET",
                1,
                all.iter().map(|one| line(fullest(one).map_or_else(|| "-".to_owned(), |of| used(&of)))),
            )
            .at_least(14),
            Column::new(
                "",
                3,
                all.iter().map(|one| {
                    fullest(one).map_or_else(Line::default, |budget| self.paint.gauge(fullness(&budget), BAR))
                }),
            ),
            Column::new(
                "LAST MINUTE",
                4,
                all.iter().map(|one| Line::from(self.state.rates.bars(&one.name, minute))),
            ),
            Column::new("NOW", 5, all.iter().map(|one| line(rate(one)))),
            Column::new("PROCESSES", 2, all.iter().map(|one| line(accounts::processes(one)))),
            Column::new("INCIDENT", 6, all.iter().map(|one| line(accounts::incident(screen, one))))
                .at_least(12),
            Column::new("OTHER BUDGETS", 7, all.iter().map(|one| line(others(one)))).at_least(14),
            Column::new("RESPONSE", 8, all.iter().map(|one| line(clean(&one.response)))),
        ]
    }

    fn waiting(&self, all: &[Waiting]) -> Vec<Column> {
        let line = |text: String| self.paint.line(&text);
        let account = |one: &Waiting| one.account.as_deref().map_or_else(|| "-".to_owned(), clean);
        let at = |one: &Waiting| one.process.cwd.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let terminal =
            |one: &Waiting| one.process.terminal.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        vec![
            Column::new("PID", 0, all.iter().map(|one| line(one.process.pid.to_string()))),
            Column::new("WAITS", 0, all.iter().map(|one| line(tree::stop(&one.process).unwrap_or_default()))),
            Column::new("INCIDENT", 1, all.iter().map(|one| line(one.incident.to_string()))),
            Column::new("ACCOUNT", 2, all.iter().map(|one| line(account(one)))).at_least(10),
            Column::new("UID", 4, all.iter().map(|one| line(one.process.uid.to_string()))),
            Column::new("TERMINAL", 5, all.iter().map(|one| line(terminal(one)))),
            Column::new("IN", 6, all.iter().map(|one| line(at(one)))).at_least(20),
            Column::new("COMMAND", 3, all.iter().map(|one| line(tree::short_name(&one.process))))
                .at_least(12),
        ]
    }

    fn incidents(&self, all: &[IncidentSummary]) -> Vec<Column> {
        let screen = &self.screen;
        let line = |text: String| self.paint.line(&text);
        let account = |one: &IncidentSummary| one.account.as_deref().map_or_else(|| "-".to_owned(), clean);
        vec![
            Column::new("INCIDENT", 0, all.iter().map(|one| line(one.id.to_string()))),
            Column::new("OPENED", 3, all.iter().map(|one| line(screen.ago(one.opened_at)))),
            Column::new("ACCOUNT", 0, all.iter().map(|one| line(account(one)))).at_least(8),
            Column::new("STATE", 1, all.iter().map(|one| line(incidents::state(screen, one)))).at_least(16),
            Column::new("WHAT", 2, all.iter().map(|one| line(clean(&one.what)))).at_least(12),
        ]
    }
}

/// The lines of each list: as many as it has, and if there are too few for all, the least to whoever would have the most.
fn share(room: usize, wants: [usize; 3]) -> [usize; 3] {
    let mut shares = [0; 3];
    for _ in 0..room {
        let open = (0..3).filter(|at| shares[*at] < wants[*at]);
        let Some(at) = open.min_by_key(|at| shares[*at]) else { break };
        shares[at] += 1;
    }
    // What is left is the last one's.
    shares[2] += room - shares.iter().sum::<usize>();
    shares
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn the_lists_share_the_screen() {
        assert_eq!(share(20, [5, 2, 4]), [5, 2, 13]);
        assert_eq!(share(20, [30, 2, 50]), [9, 2, 9]);
        assert_eq!(share(20, [3, 30, 50]), [3, 9, 8]);
        assert_eq!(share(7, [30, 30, 30]), [3, 2, 2]);
        assert_eq!(share(0, [3, 3, 3]), [0, 0, 0]);
    }
}
