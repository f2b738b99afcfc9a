//! The timeline as a figure: an SVG as wide as its place, and what is marked in it as a list.

use std::time::Duration;

use maud::{Markup, html};

use super::{
    super::{
        super::term::{Screen, clean},
        words,
    },
    Mark, Timeline, nice,
};
use crate::{
    api::{AccountView, IncidentDetail},
    chart::{self, Scale, percent, px},
};

/// In pixels.
const PLOT: f64 = 150.;
const LANE: f64 = 20.;
const AXIS: f64 = 26.;
/// The narrowest that it is ever drawn, and what a character takes there at most.
const NARROWEST: f64 = 290.;
const CHARACTER: f64 = 7.;
/// In per cent of the width: what is left to what happened where something is drawn apart.
const APART: f64 = 78.;

/// A mark in its place.
struct Placed<'a> {
    number: usize,
    mark: &'a Mark,
    x: f64,
    lane: usize,
}

/// None if nothing happened that has a time.
pub(in super::super) fn figure(
    screen: &Screen,
    incident: &IncidentDetail,
    account: Option<&AccountView>,
) -> Option<Markup> {
    let timeline = Timeline::of(incident, account)?;
    let budget = timeline.budget.as_ref().map(|used| words::budget(&used.budget));
    let shown = incident.acts.len() as u64;
    Some(html! {
        figure {
            (svg(&timeline, budget.as_deref()))
            ul.key {
                li { span.swatch.bar {} "operations in " (words::time(timeline.length / timeline.bars.len().max(1) as i128)) }
                @if timeline.bars.iter().any(|bar| bar.over) {
                    li { span.swatch.bar.over {} "past the budget" }
                }
                @if let Some(used) = &timeline.budget {
                    @let window = Duration::from_millis(used.budget.window_ms);
                    li { span.swatch.steps {} (clean(&used.budget.kind)) " in the last " (words::window(window)) }
                }
                @if let Some(budget) = &budget { li { span.swatch.limit {} "budget: " (budget) } }
            }
            @if incident.summary.done > shown {
                p.note {
                    "Only " (shown) " of " (incident.summary.done) " operations are drawn and listed: the others were counted, \
                     and not kept one by one."
                }
            }
            @if budget.is_some() { p.note { "The budget is the one that the account has when this page is made." } }
            ol.marks {
                @for mark in &timeline.marks {
                    li { strong { (mark.word) } ", " (words::after(incident, mark.at)) ", " (screen.exact(mark.at)) }
                }
            }
        }
    })
}

fn svg(timeline: &Timeline, budget: Option<&str>) -> Markup {
    let apart = timeline.marks.iter().any(|mark| mark.after.is_none());
    let width = if apart { APART } else { 100. };
    let marks = place(&timeline.marks, timeline.length, width);
    let lanes = marks.iter().map(|mark| mark.lane + 1).max().unwrap_or(0);
    let top = lanes as f64 * LANE + 14.;
    let scale = Scale { base: top + PLOT, height: PLOT, top: timeline.top() };
    html! {
        svg.timeline role="img" aria-labelledby="timeline-title timeline-text" width="100%" height=(px(scale.base + AXIS)) {
            title #timeline-title { "Operations over the time, and the budget" }
            desc #timeline-text { (described(timeline, budget)) }
            svg width=(percent(width)) height="100%" overflow="visible" {
                (grid(&scale, timeline.budget.as_ref().map(|used| used.budget.limit)))
                (scale.bars(&timeline.bars))
                @if let Some(used) = &timeline.budget { (scale.steps(&used.used)) (scale.limit(used.budget.limit)) }
                (scale.base())
                @if let (Some(used), Some(budget)) = (&timeline.budget, budget) {
                    text.limit-label x="2" y=(px(scale.y(used.budget.limit) - 5.)) { "budget " (budget) }
                }
                (axis(&scale, timeline.length))
            }
            @if apart {
                rect.apart x=(percent(width + 2.)) y=(px(top)) width=(percent(98. - width)) height=(px(PLOT)) rx="4" {}
                text.tick x=(percent(50. + width / 2. + 1.)) y=(px(scale.base + 18.)) text-anchor="middle" { "later" }
            }
            @for mark in &marks { (pin(mark, &scale)) }
        }
    }
}

/// Faint lines at round counts, but for where the budget is written.
fn grid(scale: &Scale, limit: Option<u64>) -> Markup {
    let step = u64::try_from(nice(i128::from(scale.top.div_ceil(4)))).unwrap_or(1);
    let counts = (1..).map(|number| number * step).take_while(|count| *count <= scale.top);
    let is_free = |count: &u64| limit.is_none_or(|limit| (scale.y(*count) - scale.y(limit)).abs() > 18.);
    html! {
        @for count in counts.filter(is_free) {
            (chart::across("grid", scale.y(count)))
            text.tick x="2" y=(px(scale.y(count) - 3.)) { (count) }
        }
    }
}

fn axis(scale: &Scale, length: i128) -> Markup {
    let step = nice((length + 2) / 3);
    let ticks = (0..).map(|number| number * step).take_while(|at| *at <= length);
    html! {
        @for at in ticks {
            @let x = 100. * at as f64 / length as f64;
            line.base x1=(percent(x)) x2=(percent(x)) y1=(px(scale.base)) y2=(px(scale.base + 4.)) {}
            text.tick x=(percent(x)) y=(px(scale.base + 18.)) text-anchor=(anchor(x)) {
                @if at == 0 { "0" } @else { "+" (words::time(at)) }
            }
        }
    }
}

/// Letters at either end stay inside.
fn anchor(x: f64) -> &'static str {
    match x {
        ..10.0 => "start",
        90.0.. => "end",
        _ => "middle",
    }
}

fn pin(Placed { number, mark, x, lane }: &Placed<'_>, scale: &Scale) -> Markup {
    let y = *lane as f64 * LANE + 14.;
    let (dx, anchor) = if *x < 50. { (6, "start") } else { (-6, "end") };
    html! {
        (chart::line("mark", (*x, y - 4.), (*x, scale.base)))
        circle.mark cx=(percent(*x)) cy=(px(y - 4.)) r="3.5" {}
        text.mark-label x=(percent(*x)) dx=(dx) y=(px(y)) text-anchor=(anchor) { (number) " " (mark.word) }
    }
}

/// Each a lane below those whose words it would run into on the narrowest screen; on a wider one they are further apart.
fn place<'a>(marks: &'a [Mark], length: i128, width: f64) -> Vec<Placed<'a>> {
    let apart = marks.iter().filter(|mark| mark.after.is_none()).count();
    let mut later = 0;
    let mut taken: Vec<(f64, f64, usize)> = Vec::new();
    let placed = marks.iter().enumerate().map(|(at, mark)| {
        let x = if let Some(after) = mark.after {
            width * after as f64 / length as f64
        } else {
            later += 1;
            width + 2. + (98. - width) * f64::from(later) / (apart + 1) as f64
        };
        let long = 100. * (CHARACTER * (mark.word.len() + 3) as f64 + 10.) / NARROWEST;
        let (left, right) = if x < 50. { (x, x + long) } else { (x - long, x) };
        let below =
            taken.iter().filter(|(from, to, _)| *from < right && left < *to).map(|(.., lane)| lane + 1);
        let lane = below.max().unwrap_or(0);
        taken.push((left, right, lane));
        Placed { number: at + 1, mark, x, lane }
    });
    placed.collect()
}

/// For who does not see it.
fn described(timeline: &Timeline, budget: Option<&str>) -> String {
    let count: u64 = timeline.bars.iter().map(|bar| bar.count).sum();
    let most = timeline.budget.as_ref().and_then(|budget| budget.used.iter().max().copied());
    let most = most.zip(budget).map(|(most, budget)| {
        format!(" At most {most} of a kind lay in one window; the budget is {budget}.")
    });
    let marks: Vec<_> =
        timeline.marks.iter().enumerate().map(|(at, mark)| format!("{} {}", at + 1, mark.word)).collect();
    let marks = if marks.is_empty() { String::new() } else { format!(" Marked: {}.", marks.join(", ")) };
    format!("{count} operations in {}.{}{marks}", words::time(timeline.length), most.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(after: Option<i128>, word: &str) -> Mark {
        Mark { at: jiff::Timestamp::UNIX_EPOCH, after, word: word.to_owned() }
    }

    #[test]
    fn words_do_not_run_into_each_other() {
        let marks = [
            mark(Some(0), "past the budget"),
            mark(Some(1), "held"),
            mark(Some(50), "approved"),
            mark(Some(60), "denied"),
            mark(Some(99), "killed"),
            mark(None, "thawed"),
            mark(None, "killed"),
        ];
        let placed = place(&marks, 100, APART);
        let lanes: Vec<_> = placed.iter().map(|mark| mark.lane).collect();
        assert_eq!(lanes[..2], [0, 1]);
        let span = |placed: &Placed<'_>| {
            let long = CHARACTER * (placed.mark.word.len() + 2) as f64 / NARROWEST * 100.;
            if placed.x < 50. { (placed.x, placed.x + long) } else { (placed.x - long, placed.x) }
        };
        for (at, one) in placed.iter().enumerate() {
            assert!((0. ..=100.).contains(&one.x), "{}", one.x);
            for other in &placed[at + 1..] {
                let ((from, to), (left, right)) = (span(one), span(other));
                assert!(
                    one.lane != other.lane || right < from || to < left,
                    "{} {}",
                    one.number,
                    other.number
                );
            }
        }
    }
}
