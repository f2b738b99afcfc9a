//! Counts over the time against a limit, in SVG. Across in per cent: a chart is as wide as its place, and its letters keep their
//! size. Down in pixels. Whatever has a colour has a class: a page gives it the page's colours.

use maud::{Markup, html};

/// For a chart that is no part of a page.
pub(crate) const STYLE: &str = ".bar{fill:#4878a8}.over,.bar.over{fill:#c62828}.base{stroke:#333}\
    .limit{stroke:#c62828;stroke-dasharray:4 3}";

/// What happened in a part of the time, all parts being as long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) count: u64,
    /// Whether there was no room for it.
    pub(crate) over: bool,
}

/// How far down what lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Where nothing is.
    pub(crate) base: f64,
    pub(crate) height: f64,
    /// What is as high as the chart.
    pub(crate) top: u64,
}

impl Scale {
    pub(crate) fn y(&self, count: u64) -> f64 {
        self.base - self.height(count)
    }

    fn height(&self, count: u64) -> f64 {
        self.height * count as f64 / self.top.max(1) as f64
    }

    pub(crate) fn bars(&self, bars: &[Bar]) -> Markup {
        let step = 100. / bars.len().max(1) as f64;
        let risen = bars.iter().enumerate().filter(|(_, bar)| bar.count > 0);
        html! {
            @for (at, Bar { count, over }) in risen {
                rect class={ "bar" @if *over { " over" } } x=(percent(at as f64 * step)) y=(px(self.y(*count)))
                    width=(percent(step * 0.85)) height=(px(self.height(*count))) {}
            }
        }
    }

    /// A line that goes up and down with the counts, one for each part of the time.
    pub(crate) fn steps(&self, counts: &[u64]) -> Markup {
        let step = 100. / counts.len().max(1) as f64;
        let before = std::iter::once(0).chain(counts.iter().copied());
        html! {
            @for (at, (before, count)) in before.zip(counts.iter().copied()).enumerate() {
                @let (left, y) = (at as f64 * step, self.y(count));
                @if before != count { (line("steps", (left, self.y(before)), (left, y))) }
                (line("steps", (left, y), (left + step, y)))
            }
        }
    }

    pub(crate) fn base(&self) -> Markup {
        across("base", self.base)
    }

    pub(crate) fn limit(&self, limit: u64) -> Markup {
        across("limit", self.y(limit))
    }
}

/// A line from one side to the other.
pub(crate) fn across(class: &str, y: f64) -> Markup {
    line(class, (0., y), (100., y))
}

pub(crate) fn line(class: &str, from: (f64, f64), to: (f64, f64)) -> Markup {
    html! { line class=(class) x1=(percent(from.0)) y1=(px(from.1)) x2=(percent(to.0)) y2=(px(to.1)) {} }
}

pub(crate) fn percent(part: f64) -> String {
    format!("{part:.2}%")
}

pub(crate) fn px(length: f64) -> String {
    format!("{length:.1}")
}
