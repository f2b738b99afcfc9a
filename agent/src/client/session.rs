//! One command: whom it asks, and in which form it answers.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anstream::{AutoStream, ColorChoice};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::json;

use super::{Common, Failure, When, http::Daemon, term::Screen};
use crate::{api::VERSION, progress::Progress};

#[derive(Debug)]
pub(super) struct Session {
    pub(super) daemon: Daemon,
    socket: PathBuf,
    pub(super) json: bool,
    quiet: bool,
    color: ColorChoice,
    screen: Screen,
}

impl Session {
    pub(super) fn new(common: Common) -> Self {
        let Common { socket, json, color, utc, quiet } = common;
        let zone = if utc { TimeZone::UTC } else { TimeZone::system() };
        let color = match color {
            When::Auto => ColorChoice::Auto,
            When::Always => ColorChoice::Always,
            When::Never => ColorChoice::Never,
        };
        Self {
            daemon: Daemon::at(&socket),
            socket,
            json,
            quiet,
            color,
            screen: Screen { now: Timestamp::now(), zone },
        }
    }

    /// When it was begun.
    pub(super) fn now(&self) -> Timestamp {
        self.screen.now
    }

    /// That it waits for something, to a person.
    pub(super) fn waiting(&self, what: &str) -> Progress {
        if self.quiet || self.json { Progress::none() } else { Progress::waiting(what) }
    }

    /// The same of so many steps.
    pub(super) fn progress(&self, what: &str, steps: u64) -> Progress {
        if self.quiet || self.json { Progress::none() } else { Progress::of(what, steps) }
    }

    /// Whether nothing is said of what was done.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// What a person's answer is relative to.
    pub(super) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// What a screen is relative to at this time, for whoever goes on.
    pub(super) fn screen_at(&self, now: Timestamp) -> Screen {
        Screen { now, zone: self.screen.zone.clone() }
    }

    /// Whether what is shown on this terminal may have colours.
    pub(super) fn has_colour(&self) -> bool {
        let choice = match self.color {
            ColorChoice::Auto => AutoStream::choice(&io::stdout()),
            choice => choice,
        };
        choice != ColorChoice::Never
    }

    /// Where the daemon listens.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Shows what was asked for.
    pub(super) fn show<T: Serialize>(
        &self,
        name: &str,
        answer: &T,
        text: impl FnOnce(&Screen) -> String,
    ) -> Result<(), Failure> {
        self.print(&self.form(name, answer, text))
    }

    pub(super) fn form<T: Serialize>(
        &self,
        name: &str,
        answer: &T,
        text: impl FnOnce(&Screen) -> String,
    ) -> String {
        if self.json {
            format!("{}\n", json!({ "version": VERSION, name: answer }))
        } else {
            text(&self.screen)
        }
    }

    /// Says what was done.
    pub(super) fn done<T: Serialize>(
        &self,
        name: &str,
        answer: &T,
        text: impl FnOnce(&Screen) -> String,
    ) -> Result<(), Failure> {
        if self.quiet && !self.json { Ok(()) } else { self.show(name, answer, text) }
    }

    /// Prints at once: whoever watches does not wait for a buffer to fill.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = AutoStream::new(io::stdout(), self.color).lock();
        Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
    }

    /// Says what went wrong: to a person on standard error, to a program on standard output too.
    pub(super) fn fail(&self, failure: &Failure) -> ExitCode {
        if self.json {
            let _ = self.print(&format!("{}\n", json!({ "version": VERSION, "problem": failure.problem() })));
        }
        let mut err = AutoStream::new(io::stderr(), self.color).lock();
        // If standard error cannot be written to, the exit status must do.
        let _ = writeln!(err, "{}: {}", super::term::bad("error"), failure.text());
        ExitCode::from(failure.exit_status())
    }
}
