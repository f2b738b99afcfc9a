//! That something takes its time, and how far it is: on standard error, if that is a terminal, and gone when it is done.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is quicker than this is not worth a line.
const MOMENT: Duration = Duration::from_millis(400);
const TURN: Duration = Duration::from_millis(120);

/// A line that says so until it is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of something that goes on for as long as it takes.
    pub(crate) fn waiting(what: &str) -> Self {
        Self::new(ProgressBar::new_spinner(), "{spinner} {msg} ({elapsed})", what)
    }

    /// Of so many steps.
    pub(crate) fn of(what: &str, steps: u64) -> Self {
        Self::new(ProgressBar::new(steps), "{msg} [{bar:30}] {percent}%, {eta} left", what)
    }

    /// None is shown.
    pub(crate) fn none() -> Self {
        Self(ProgressBar::hidden())
    }

    fn new(bar: ProgressBar, form: &str, what: &str) -> Self {
        let bar = bar.with_message(what.to_owned());
        bar.set_draw_target(ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style.progress_chars("=> "));
        }
        let shown = bar.downgrade();
        let show = move || {
            std::thread::park_timeout(MOMENT);
            if let Some(bar) = shown.upgrade().filter(|bar| !bar.is_finished()) {
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.enable_steady_tick(TURN);
            }
        };
        // Where there is no thread to be had, what is to be done is done all the same.
        let _ = std::thread::Builder::new().spawn(show);
        Self(bar)
    }

    /// One step, or so many.
    pub(crate) fn step(&self, steps: u64) {
        self.0.inc(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
