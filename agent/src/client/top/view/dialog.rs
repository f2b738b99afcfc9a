//! What lies over the rest: the question for a reason, and the keys.

use ratatui::{
    Frame,
    layout::{Position, Rect},
    text::Line,
    widgets::{Block, Clear, Paragraph},
};

use super::{View, paint::wrap};
use crate::client::{
    term::{bad, clean},
    top::state::Dialog,
};

/// Wider is harder to read.
const WIDEST: u16 = 76;

impl View<'_> {
    pub(super) fn dialog(&self, frame: &mut Frame<'_>, area: Rect, dialog: &Dialog) {
        let width = area.width.min(WIDEST);
        let inner = width - 4;
        let what = dialog.order.what(&self.state.facts);
        let what = what.unwrap_or_else(|| "It is not known any more what this would do.".to_owned());
        let mut lines = wrap(&self.paint.line(&what), inner, 0);
        lines.push(Line::default());
        let reason = wrap(&Line::from(format!("Reason: {}", clean(&dialog.reason))), inner, 2);
        let end = reason.last().map_or(0, Line::width);
        lines.extend(reason);
        let at = lines.len() - 1;
        if let Some(wrong) = &dialog.wrong {
            lines.extend(wrap(&self.paint.line(&bad(clean(wrong))), inner, 0));
        }
        lines.push(Line::default());
        lines.push(Line::from("enter does it    esc leaves all as it is"));
        let place = shown(frame, area, &dialog.order.title(), lines, width);
        let column = u16::try_from(end).unwrap_or(inner).min(inner - 1);
        let row = u16::try_from(at).unwrap_or(u16::MAX).min(place.height.saturating_sub(1));
        frame.set_cursor_position(Position { x: place.x + column, y: place.y + row });
    }
}

/// All keys.
pub(super) fn help(frame: &mut Frame<'_>, area: Rect) {
    const KEYS: [&str; 14] = [
        "↑ ↓  j k       the row above, below",
        "pgup pgdn      a screen; g G the first, the last",
        "tab  ← →       another list: accounts, what waits, incidents",
        "enter          the story of the incident; esc or q back",
        "a              approve: the calls that wait happen",
        "d              deny: they fail",
        "t              thaw: what was stopped or frozen goes on",
        "f              freeze all that acts for the account",
        "               each asks for the reason first",
        "esc            clears the line at the bottom",
        "ctrl-l         draws everything anew",
        "q  ctrl-c      quit",
        "LAST MINUTE: operations, 60 s ago to now, each account by its own",
        "highest; NOW: a second. FULLEST BUDGET: that with the least room.",
    ];
    shown(frame, area, "Keys", KEYS.map(Line::from).into(), area.width.min(WIDEST));
}

/// In a box in the middle; where its text is.
fn shown(frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Line<'static>>, width: u16) -> Rect {
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let block =
        Block::bordered().title(format!(" {title} ")).padding(ratatui::widgets::Padding::horizontal(1));
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block), place);
    inner
}
