//! Draws a state.

mod dialog;
mod grid;
mod lists;
mod paint;
mod story;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect, Size},
    style::{Modifier, Style},
    text::Line,
    widgets::Paragraph,
};

use super::state::State;
use crate::client::{
    status,
    term::{Screen, bad, clean, count},
};
pub(super) use paint::Paint;

/// Less is too little to decide by.
pub(super) const LEAST: Size = Size::new(40, 12);
/// The most lines that alarms, and what was said last, may take.
const ALARMS: usize = 3;
const SAID: usize = 4;

const KEYS: &str = "? help  q quit  tab list  enter open  a approve  d deny  f freeze  t thaw";
const STORY_KEYS: &str = "? help  q back  ↑↓ scroll  a approve  d deny  f freeze  t thaw";

/// What a state is drawn with.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) state: &'a State,
    pub(super) screen: Screen,
    pub(super) paint: Paint,
}

impl View<'_> {
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        if area.width < LEAST.width || area.height < LEAST.height {
            return frame.render_widget(too_small(area), area);
        }
        let (alarms, said) = (self.alarms(area.width), self.said(area.width));
        let [head, above, body, below, keys] = areas(area, &alarms, &said);
        frame.render_widget(self.head(head.width), head);
        frame.render_widget(Paragraph::new(alarms), above);
        match &self.state.story {
            Some(story) => self.story(frame, body, story),
            None => self.lists(frame, body),
        }
        if self.state.stale().is_some() {
            frame.buffer_mut().set_style(body, Style::new().add_modifier(Modifier::DIM));
        }
        frame.render_widget(Paragraph::new(said), below);
        frame.render_widget(self.keys(), keys);
        if self.state.help {
            dialog::help(frame, area);
        }
        if let Some(dialog) = &self.state.dialog {
            self.dialog(frame, area, dialog);
        }
    }

    /// Where the lists, or a story, are on a screen of this size.
    fn body(&self, size: Size) -> Rect {
        let [_, _, body, _, _] =
            areas(Rect::from((Position::ORIGIN, size)), &self.alarms(size.width), &self.said(size.width));
        body
    }

    /// The host in a line, with the time at the right.
    fn head(&self, width: u16) -> Line<'static> {
        let status = &self.state.facts.status;
        let open = count(status.open_incidents, "open incident", "open incidents");
        let parts = [
            "burstguard".to_owned(),
            status::mode(&self.screen, status),
            if status.open_incidents > 0 { bad(open) } else { open },
            format!("tier {}", clean(&status.tier)),
            count(status.accounts.len() as u64, "account", "accounts"),
            count(status.processes, "process", "processes"),
        ];
        let time = self.screen.at(self.screen.now);
        let most = usize::from(width).saturating_sub(time.len());
        let mut line = Line::default();
        for part in parts {
            let part = self.paint.line(&(part + "  "));
            if line.width() + part.width() > most {
                break;
            }
            line.spans.extend(part);
        }
        let room = usize::from(width) - line.width();
        line.push_span(format!("{time:>room$}"));
        line
    }

    /// What has to be known before anything else.
    fn alarms(&self, width: u16) -> Vec<Line<'static>> {
        let status = &self.state.facts.status;
        let stale = self.state.stale().map(|why| {
            let age = self.screen.since(self.state.heard);
            format!("{}: {why}; what is shown is {age} old, and asked for again", bad("NO ANSWER"))
        });
        let figure = |number: u64, what: &str| (number > 0).then(|| format!("{} {what}", bad(number)));
        let faults: Vec<String> =
            [figure(status.records_lost, "records lost"), figure(status.kernel_errors, "kernel errors")]
                .into_iter()
                .flatten()
                .collect();
        let faults = (!faults.is_empty()).then(|| faults.join(", "));
        let all = [stale, status::governor(&self.screen, status), status::degraded(status), faults];
        self.wrapped(all.iter().flatten().map(String::as_str), width, ALARMS)
    }

    fn said(&self, width: u16) -> Vec<Line<'static>> {
        let text = self.state.said.as_ref().map(|said| match said.is_bad {
            true => bad(&said.text),
            false => said.text.clone(),
        });
        // An empty line if there is nothing to say, so that the lists do not move.
        self.wrapped([text.as_deref().unwrap_or_default()], width, SAID)
    }

    fn wrapped<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        width: u16,
        most: usize,
    ) -> Vec<Line<'static>> {
        let lines =
            texts.into_iter().flat_map(|text| paint::wrap(&self.paint.line(text.trim_end()), width, 2));
        lines.take(most).collect()
    }

    fn keys(&self) -> Line<'static> {
        let keys = if self.state.story.is_some() { STORY_KEYS } else { KEYS };
        Line::styled(keys, Style::new().add_modifier(Modifier::DIM))
    }
}

/// The head, alarms, what is shown, what was said, the keys.
fn areas(area: Rect, alarms: &[Line<'_>], said: &[Line<'_>]) -> [Rect; 5] {
    Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(height(alarms)),
        Constraint::Fill(1),
        Constraint::Length(height(said)),
        Constraint::Length(1),
    ])
    .areas(area)
}

fn height(lines: &[Line<'_>]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

fn too_small(area: Rect) -> Paragraph<'static> {
    let Size { width, height } = LEAST;
    let (columns, lines) = (area.width, area.height);
    Paragraph::new(vec![
        Line::from(format!("too small: {columns}x{lines}")),
        Line::from(format!("wants {width}x{height}")),
        Line::from("q quits"),
    ])
}
