//! Text as a screen takes it: with the colours of the terminal's text, and not longer than there is room.

use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

/// Whether there are colours. Without them what wants attention is bold still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    pub(crate) has_colour: bool,
}

impl Paint {
    /// A line of the text that the commands print. What others chose was cleaned: no other sequence than ours is in it.
    pub(super) fn line(self, text: &str) -> Line<'static> {
        let mut style = Style::new();
        let mut parts = text.split("\u{1b}[");
        let mut spans: Vec<Span<'static>> =
            parts.next().map(|plain| Span::raw(plain.to_owned())).into_iter().collect();
        for part in parts {
            let (codes, plain) = part.split_once('m').unwrap_or(("", part));
            style = codes.split(';').fold(style, |style, code| self.after(style, code));
            spans.push(Span::styled(plain.to_owned(), style));
        }
        spans.retain(|span| !span.content.is_empty());
        Line::from(spans)
    }

    fn after(self, style: Style, code: &str) -> Style {
        match code {
            "1" => style.add_modifier(Modifier::BOLD),
            "31" if self.has_colour => style.fg(Color::Red),
            "32" if self.has_colour => style.fg(Color::Green),
            "31" | "32" => style,
            _ => Style::new(),
        }
    }

    /// A bar for so many thousandths.
    pub(super) fn gauge(self, thousandths: u64, width: usize) -> Line<'static> {
        let filled = usize::try_from(thousandths.min(1000)).unwrap_or(1000) * width;
        // Something is not nothing, and all of it only what is all of it.
        let filled = (filled / 1000).max(usize::from(thousandths > 0));
        let style = match thousandths {
            0..800 => Style::new(),
            800..1000 if self.has_colour => Style::new().fg(Color::Yellow),
            800..1000 => Style::new(),
            _ if self.has_colour => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
            _ => Style::new().add_modifier(Modifier::BOLD),
        };
        Line::from(vec![
            Span::styled("█".repeat(filled), style),
            Span::styled("░".repeat(width - filled), Style::new().add_modifier(Modifier::DIM)),
        ])
    }
}

/// What fits, with a mark if that is not all.
pub(super) fn cut(line: &Line<'static>, width: usize) -> Line<'static> {
    if line.width() <= width {
        return line.clone();
    }
    let mut lines = folded(line, width.saturating_sub(1), 0, false).into_iter();
    let mut first = lines.next().unwrap_or_default();
    first.push_span("…");
    first
}

/// In lines of this width; those after the first begin further in.
pub(super) fn wrap(line: &Line<'static>, width: u16, indent: usize) -> Vec<Line<'static>> {
    folded(line, usize::from(width), indent, true)
}

/// Broken after a space if that is wanted and there is one in the last third of a line, else anywhere.
fn folded(line: &Line<'static>, width: usize, indent: usize, at_spaces: bool) -> Vec<Line<'static>> {
    let glyphs: Vec<(String, Style, usize)> = line
        .styled_graphemes(Style::new())
        .map(|glyph| (glyph.symbol.to_owned(), glyph.style, Span::raw(glyph.symbol).width()))
        .collect();
    let mut lines = Vec::new();
    let mut rest = glyphs.as_slice();
    loop {
        let margin = if lines.is_empty() || indent + 8 > width { 0 } else { indent };
        let room = width.saturating_sub(margin);
        let mut used = 0;
        let fits = rest.iter().take_while(|(_, _, wide)| {
            used += wide;
            used <= room
        });
        // One at least, or it would never end.
        let fits = fits.count().max(1).min(rest.len());
        let at_space = rest[..fits].iter().rposition(|(text, ..)| text == " ").map(|at| at + 1);
        let end = match at_space {
            Some(at) if at_spaces && fits < rest.len() && at * 3 > fits * 2 => at,
            _ => fits,
        };
        let mut spans = vec![Span::raw(" ".repeat(margin))];
        spans.extend(rest[..end].iter().map(|(text, style, _)| Span::styled(text.clone(), *style)));
        lines.push(joined(spans));
        rest = &rest[end..];
        if rest.is_empty() {
            return lines;
        }
    }
}

/// Neighbours of one style are one span.
fn joined(spans: Vec<Span<'static>>) -> Line<'static> {
    let mut all: Vec<Span<'static>> = Vec::new();
    for span in spans.into_iter().filter(|span| !span.content.is_empty()) {
        match all.last_mut().filter(|last| last.style == span.style) {
            Some(last) => last.content.to_mut().push_str(&span.content),
            None => all.push(span),
        }
    }
    Line::from(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::term::{bad, good};

    fn text(lines: &[Line<'_>]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_the_commands_colour_is_coloured_here() {
        let text = format!("a {} {}", bad("b"), good("c"));
        let line = Paint { has_colour: true }.line(&text);
        assert_eq!(line.to_string(), "a b c");
        let red = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        assert_eq!(line.spans[1], Span::styled("b", red));
        assert_eq!(line.spans[3], Span::styled("c", Style::new().fg(Color::Green)));
        let plain = Paint { has_colour: false }.line(&text);
        assert_eq!(plain.spans[1], Span::styled("b", Style::new().add_modifier(Modifier::BOLD)));
        assert!(plain.spans.iter().all(|span| span.style.fg.is_none()));
    }

    #[test]
    fn a_gauge_is_full_only_when_the_budget_is() {
        let bar = |thousandths| Paint { has_colour: true }.gauge(thousandths, 10).to_string();
        assert_eq!(bar(0), "░░░░░░░░░░");
        assert_eq!(bar(1), "█░░░░░░░░░");
        assert_eq!(bar(500), "█████░░░░░");
        assert_eq!(bar(999), "█████████░");
        assert_eq!(bar(1000), "██████████");
        assert_eq!(bar(4000), "██████████");
    }

    #[test]
    fn what_is_too_long_is_cut_or_goes_on_below() {
        assert_eq!(cut(&Line::from("abcdef"), 4).to_string(), "abc…");
        assert_eq!(cut(&Line::from("one two"), 6).to_string(), "one t…");
        assert_eq!(cut(&Line::from("abcd"), 4).to_string(), "abcd");
        // A wide character takes two columns.
        assert_eq!(cut(&Line::from("日本語"), 4).to_string(), "日…");
        let line = Line::from("  what    one two three four");
        assert_eq!(text(&wrap(&line, 20, 10)), ["  what    one two ", "          three four"]);
        assert_eq!(text(&wrap(&Line::from("abcdefghij"), 4, 10)), ["abcd", "efgh", "ij"]);
        assert_eq!(text(&wrap(&Line::default(), 4, 2)), [""]);
    }
}
