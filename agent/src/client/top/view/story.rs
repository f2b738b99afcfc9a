//! The story of an incident, the same that `burstguard incident ID` prints.

use ratatui::{Frame, layout::Rect, text::Line, widgets::Paragraph};

use super::{View, paint::wrap};
use crate::client::{incident, term::bad, top::state::Story};

/// Where the text of a part begins, behind its word.
const INDENT: usize = 10;

impl View<'_> {
    pub(super) fn story(&self, frame: &mut Frame<'_>, area: Rect, story: &Story) {
        let lines = self.story_lines(story, area.width);
        let shown = usize::from(area.height);
        let most = lines.len().saturating_sub(shown);
        let above = story.scroll.min(most);
        let mut page: Vec<Line<'static>> = lines.into_iter().skip(above).take(shown).collect();
        if above < most && shown > 1 {
            page.truncate(shown - 1);
            page.push(Line::from(format!("… {} more lines below", most - above + 1)));
        }
        frame.render_widget(Paragraph::new(page), area);
    }

    /// How many lines of it can be above the screen at most.
    pub(in crate::client::top) fn longest_scroll(&self) -> usize {
        let Some(story) = &self.state.story else { return 0 };
        let shown = usize::from(self.body(self.state.size).height);
        self.story_lines(story, self.state.size.width).len().saturating_sub(shown)
    }

    fn story_lines(&self, story: &Story, width: u16) -> Vec<Line<'static>> {
        let text = match &self.state.facts.story {
            Some((id, Ok(detail))) if *id == story.id => incident::text(&self.screen, detail),
            Some((id, Err(why))) if *id == story.id => bad(why),
            _ => format!("incident {} …", story.id),
        };
        text.lines().flat_map(|line| wrap(&self.paint.line(line), width, INDENT)).collect()
    }
}
