//! How many operations of a kind there were in any window of its budget, over the time.

use std::{collections::VecDeque, time::Duration};

use agent_common::rules::{Kind, judge::Verdict};
use jiff::Timestamp;

use super::trial::kinds_of;
use crate::{policy::Budget, recording::Deed};

pub(super) struct Rate {
    pub(super) kind: Kind,
    pub(super) budget: Budget,
    /// Those in the window that ends now.
    window: VecDeque<Timestamp>,
    /// By second, in which there were any: the most that were in a window then.
    pub(super) peaks: Vec<(i64, u64)>,
    /// Times of activity: between two there is a whole window with nothing.
    pub(super) runs: Vec<Run>,
    run: Run,
}

/// A time of activity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// The most that were in a window.
    pub(super) most: u64,
    /// Something of it waited, was refused or stopped, and whether a person then let it pass.
    pub(super) stopped: bool,
    pub(super) approved: bool,
}

impl Run {
    /// Whether it is what the account should do: nobody says so of what was stopped and not let go on.
    pub(super) const fn is_honest(self) -> bool {
        !self.stopped || self.approved
    }
}

impl Rate {
    pub(super) fn of(kind: Kind, budget: Budget) -> Self {
        Self {
            kind,
            budget,
            window: VecDeque::new(),
            peaks: Vec::new(),
            runs: Vec::new(),
            run: Run::default(),
        }
    }

    /// `is_end`: it waited before, and counted then.
    pub(super) fn add<T>(&mut self, deed: &Deed<T>, at: Timestamp, is_end: bool) {
        let count = kinds_of(deed).filter(|kind| *kind == self.kind).count();
        if !is_end {
            (0..count).for_each(|_| self.add_one(at));
        }
        if count > 0 {
            if deed.judged.granted {
                // A person takes longer than a window: mostly it is the time before that was stopped.
                let stopped = if self.run.stopped { Some(&mut self.run) } else { self.runs.last_mut() };
                stopped.into_iter().for_each(|run| run.approved = true);
            }
            let verdict = deed.judged.verdict;
            self.run.stopped |= matches!(verdict, Verdict::Stop | Verdict::Hold | Verdict::Deny);
        }
    }

    fn add_one(&mut self, at: Timestamp) {
        let length = self.budget.window();
        let is_past = |one: Timestamp| at.duration_since(one).unsigned_abs() >= length && one < at;
        while self.window.front().is_some_and(|one| is_past(*one)) {
            self.window.pop_front();
        }
        if self.window.is_empty() {
            self.end();
        }
        self.window.push_back(at);
        let now = self.window.len() as u64;
        self.run.most = self.run.most.max(now);
        let second = at.as_second();
        match self.peaks.last_mut() {
            Some((last, peak)) if *last == second => *peak = (*peak).max(now),
            _ => self.peaks.push((second, now)),
        }
    }

    /// The time of activity is over.
    pub(super) fn end(&mut self) {
        if self.run.most > 0 {
            self.runs.push(std::mem::take(&mut self.run));
        }
    }

    /// The most there ever were.
    pub(super) fn most(&self) -> u64 {
        self.peaks.iter().map(|(_, peak)| *peak).max().unwrap_or_default()
    }

    /// The most in each of so many equal parts of a time.
    pub(super) fn bars(&self, from: Timestamp, to: Timestamp, parts: usize) -> Vec<u64> {
        let mut bars = vec![0; parts];
        let length = to.duration_since(from).max(jiff::SignedDuration::from_secs(1)).as_secs_f64();
        for (second, peak) in &self.peaks {
            let into = (second - from.as_second()).max(0) as f64 / length;
            let part = ((into * parts as f64) as usize).min(parts - 1);
            bars[part] = bars[part].max(*peak);
        }
        bars
    }

    /// Its budget's window.
    pub(super) fn window(&self) -> Duration {
        self.budget.window()
    }
}
