//! Operations against the budget, over the time: for a terminal, and as an SVG.

use std::fmt::Write as _;

use jiff::Timestamp;
use maud::{Markup, html};

use super::rate::Rate;
use crate::chart::{self, Bar, Scale};

/// How wide and how high a plot is on a terminal, in characters.
const COLUMNS: usize = 64;
const ROWS: usize = 6;
/// Parts of a character that is filled from below.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What is drawn.
pub(super) struct Curve<'a> {
    pub(super) account: &'a str,
    pub(super) rate: &'a Rate,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Curve<'_> {
    /// In words, what it shows.
    pub(super) fn title(&self) -> String {
        let Self { account, rate, .. } = self;
        let most = rate.most();
        let word = rate.kind.word();
        format!("{account}: {word}s in any {}, {most} at most; the budget is {}", window(rate), rate.budget)
    }

    fn budget(&self) -> u64 {
        self.rate.budget.count().into()
    }

    /// What is as high as the plot.
    fn top(&self) -> u64 {
        self.rate.most().max(self.budget()).max(1)
    }

    /// For a terminal: the budget is a line, what is above it the bars' tops.
    pub(super) fn text(&self) -> String {
        let bars = self.rate.bars(self.from, self.to, COLUMNS);
        let eighths = |count: u64| (count * (ROWS as u64) * 8).div_ceil(self.top());
        let line = (self.budget() * ROWS as u64).div_ceil(self.top()).saturating_sub(1);
        let mut text = String::new();
        for row in (0..ROWS as u64).rev() {
            let label = match row {
                _ if row == line => self.budget().to_string(),
                _ if row + 1 == ROWS as u64 => self.top().to_string(),
                0 => "0".to_owned(),
                _ => String::new(),
            };
            let cell = |count: &u64| {
                let filled = eighths(*count).saturating_sub(row * 8).min(8) as usize;
                if filled == 0 && row == line { '┄' } else { EIGHTHS[filled] }
            };
            let cells: String = bars.iter().map(cell).collect();
            let _ = writeln!(text, "{label:>6} {}", cells.trim_end()); // to a String, which cannot fail
        }
        text
    }
}

fn window(rate: &Rate) -> String {
    let text = rate.budget.to_string();
    text.split_once('/').map_or_else(|| format!("{:?}", rate.window()), |(_, window)| window.to_owned())
}

/// In pixels.
const WIDTH: usize = 800;
const PANEL: usize = 160;
const LEFT: usize = 60;
const PLOT: usize = 100;
/// Where nothing is, from the top of a panel.
const BASE: usize = 30 + PLOT;
const PARTS: usize = 360;

/// All of them below each other, as a page that needs nothing else.
pub(super) fn svg(curves: &[Curve<'_>], times: &[String; 2]) -> String {
    let height = PANEL * curves.len().max(1);
    let view = format!("0 0 {WIDTH} {height}");
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(WIDTH) height=(height) viewBox=(view) font-family="sans-serif" font-size="12" {
            style { (chart::STYLE) }
            rect width="100%" height="100%" fill="#fff" {}
            @for (index, curve) in curves.iter().enumerate() {
                svg x=(LEFT) y=(index * PANEL) width=(WIDTH - LEFT - 20) height=(PANEL) overflow="visible" {
                    (panel(curve, times))
                }
            }
        }
    };
    svg.into_string() + "\n"
}

fn panel(curve: &Curve<'_>, [from, to]: &[String; 2]) -> Markup {
    let budget = curve.budget();
    let scale = Scale { base: BASE as f64, height: PLOT as f64, top: curve.top() };
    let bars: Vec<_> = curve
        .rate
        .bars(curve.from, curve.to, PARTS)
        .into_iter()
        .map(|count| Bar { count, over: count > budget })
        .collect();
    html! {
        text y="20" { (curve.title()) }
        (scale.bars(&bars))
        (scale.base())
        (scale.limit(budget))
        text x="-6" y=(chart::px(scale.y(budget) + 4.)) text-anchor="end" { (budget) }
        text y=(BASE + 16) { (from) }
        text x="100%" y=(BASE + 16) text-anchor="end" { (to) }
    }
}

#[cfg(test)]
mod tests {
    use agent_common::rules::Kind;

    use super::*;
    use crate::replay::tests::deed;

    fn rate(budget: &str, times: &[i64]) -> Rate {
        let mut rate = Rate::of(Kind::Delete, budget.parse().expect("a budget"));
        for time in times {
            rate.add(&deed(Kind::Delete), at(*time), false);
        }
        rate.end();
        rate
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_burst_stands_out_of_the_budget() {
        let times: Vec<i64> = [10, 40].into_iter().chain([80; 6]).collect();
        let rate = rate("3/10s", &times);
        let curve = Curve { account: "a", rate: &rate, from: at(0), to: at(100) };
        assert_eq!(curve.title(), "a: deletes in any 10s, 6 at most; the budget is 3/10s");
        let text = curve.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), ROWS);
        assert_eq!(lines[0].trim_start(), format!("6 {:51}█", "").trim_start_matches(' '));
        assert!(lines[3].starts_with("     3 ┄┄┄┄┄") && lines[3].contains('█'));
        assert_eq!(lines[5].matches('█').count(), 3);
        assert_eq!(rate.runs.iter().map(|run| run.most).collect::<Vec<_>>(), [1, 1, 6]);
    }

    #[test]
    fn the_page_is_whole() {
        let rate = rate("0/10s", &[1, 2]);
        let curve = || Curve { account: "a<b", rate: &rate, from: at(0), to: at(3) };
        let page = svg(&[curve(), curve()], &["from".to_owned(), "to".to_owned()]);
        assert!(page.starts_with("<svg ") && page.ends_with("</svg>\n") && page.contains("a&lt;b"));
        let count = |text: &str| page.matches(text).count();
        assert_eq!((count("<text"), count("</text>"), count("class=\"limit\"")), (8, 8, 2));
        assert!(!page.contains("NaN") && !page.contains("inf"));
    }
}
