//! A list in columns, of which those go first that matter least.

use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    style::{Modifier, Style},
    text::{Line, Text},
    widgets::{HighlightSpacing, Row, Table, TableState},
};

use super::paint::cut;

/// What stands before the chosen row, and as wide before the others.
const MARK: &str = "> ";
const GAP: u16 = 2;

#[derive(Debug)]
pub(super) struct Column {
    title: &'static str,
    cells: Vec<Line<'static>>,
    /// The less, the longer it stays; those of 0 always do.
    rank: u8,
    /// As narrow as it may become.
    least: u16,
}

impl Column {
    pub(super) fn new(title: &'static str, rank: u8, cells: impl Iterator<Item = Line<'static>>) -> Self {
        Self { title, cells: cells.collect(), rank, least: u16::MAX }
    }

    /// It may be cut, down to this width.
    pub(super) fn at_least(self, least: u16) -> Self {
        Self { least, ..self }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether it says something of some row.
    fn says_something(&self) -> bool {
        self.is_empty() || self.cells.iter().any(|cell| !matches!(cell.to_string().as_str(), "" | "-"))
    }

    /// As wide as it would like to be.
    fn natural(&self) -> u16 {
        let widest = self.cells.iter().map(Line::width).chain([self.title.len()]).max().unwrap_or(0);
        u16::try_from(widest).unwrap_or(u16::MAX)
    }

    fn narrowest(&self) -> u16 {
        self.natural().min(self.least)
    }
}

/// Those that fit, with their widths.
fn fit(mut columns: Vec<Column>, width: u16) -> Vec<(Column, u16)> {
    let needed = |columns: &[Column]| {
        columns.iter().map(|column| u32::from(column.narrowest()) + u32::from(GAP)).sum::<u32>()
    };
    columns.retain(|column| column.rank == 0 || column.says_something());
    let room = u32::from(width) + u32::from(GAP);
    while needed(&columns) > room {
        let least = columns.iter().enumerate().filter(|(_, column)| column.rank > 0);
        let Some((at, _)) = least.max_by_key(|(_, column)| column.rank) else { break };
        columns.remove(at);
    }
    let mut left = u16::try_from(room.saturating_sub(needed(&columns))).unwrap_or(u16::MAX);
    let mut widths: Vec<u16> = columns.iter().map(Column::narrowest).collect();
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|at| columns[*at].rank);
    for at in order {
        let more = (columns[at].natural() - widths[at]).min(left);
        widths[at] += more;
        left -= more;
    }
    columns.into_iter().zip(widths).collect()
}

/// Draws rows under a heading; the chosen one is marked where the keys go to this list.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, columns: Vec<Column>, chosen: usize, is_active: bool) {
    let rows = columns.first().map_or(0, |column| column.cells.len());
    let mark = u16::try_from(MARK.len()).unwrap_or(2);
    let columns = fit(columns, area.width.saturating_sub(mark));
    let style = Style::new().add_modifier(Modifier::BOLD);
    let style = if is_active { style.add_modifier(Modifier::REVERSED) } else { style };
    let heading = Row::new(columns.iter().map(|(column, _)| Text::from(column.title))).style(style);
    let row = |at: usize| {
        Row::new(columns.iter().map(|(column, width)| cut(&column.cells[at], usize::from(*width))))
    };
    let table = Table::new((0..rows).map(row), columns.iter().map(|(_, width)| Constraint::Length(*width)))
        .header(heading)
        .column_spacing(GAP)
        .highlight_spacing(HighlightSpacing::Always)
        .highlight_symbol(if is_active { MARK } else { "  " })
        .row_highlight_style(match is_active {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => Style::new(),
        });
    // As little as possible is above.
    let shown = usize::from(area.height.saturating_sub(1)).max(1);
    let above = (chosen + 1).saturating_sub(shown);
    let mut place = TableState::new().with_offset(above).with_selected((rows > 0).then_some(chosen));
    frame.render_stateful_widget(table, area, &mut place);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(title: &'static str, rank: u8, width: usize) -> Column {
        Column::new(title, rank, std::iter::once(Line::from("x".repeat(width))))
    }

    /// Which columns are left, and how wide they are.
    fn check(width: u16, expected: &[(&str, u16)]) {
        let columns = vec![column("A", 0, 10).at_least(4), column("B", 2, 6), column("C", 1, 20).at_least(8)];
        let found: Vec<_> =
            fit(columns, width).into_iter().map(|(column, width)| (column.title, width)).collect();
        assert_eq!(found, expected, "at {width}");
    }

    #[test]
    fn what_matters_least_goes_first() {
        check(80, &[("A", 10), ("B", 6), ("C", 20)]);
        check(30, &[("A", 10), ("B", 6), ("C", 10)]);
        check(22, &[("A", 4), ("B", 6), ("C", 8)]);
        check(21, &[("A", 10), ("C", 9)]);
        check(13, &[("A", 10)]);
        check(3, &[("A", 4)]);
    }
}
