//! What the screen shows: what is known, what is chosen, what is open. Pure: what is to be done outside comes back as an effect.

mod act;

use std::time::Duration;

use jiff::Timestamp;
use ratatui::{crossterm::event::KeyEvent, layout::Size};

use super::{
    cursor::Cursor,
    facts::Facts,
    input::{self, Action, Place},
    order::Order,
    rates::Rates,
};
use crate::api::Reason;

/// All that can happen.
#[derive(Debug)]
pub(super) enum Input {
    Key(KeyEvent),
    /// Text that was pasted: words of a reason, and nowhere else anything.
    Paste(String),
    Resize(Size),
    /// Some time has passed.
    Tick,
    /// The daemon has said how things stand, or why it has not.
    Facts(Result<Box<Facts>, String>),
    /// What it has said to an order.
    Answer(Result<String, String>),
    /// A signal, or the terminal is gone.
    End,
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Asks the daemon at once, for this story too.
    Look(Option<u64>),
    Post(Order, Reason),
    Redraw,
    Quit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Accounts,
    Waiting,
    Incidents,
}

/// The story of an incident, which lies over the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Story {
    pub(super) id: u64,
    /// How many lines of it are above the screen.
    pub(super) scroll: usize,
}

/// Asks for the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dialog {
    pub(super) order: Order,
    pub(super) reason: String,
    /// What is wrong with it.
    pub(super) wrong: Option<String>,
}

/// The line at the bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) is_bad: bool,
    /// Until it is put away, or more is said; else until the next key.
    pub(super) stays: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) now: Timestamp,
    pub(super) size: Size,
    pub(super) facts: Facts,
    /// When that was said.
    pub(super) heard: Timestamp,
    /// Why nothing was said since.
    pub(super) silence: Option<String>,
    pub(super) rates: Rates,
    pub(super) list: List,
    pub(super) account: Cursor<String>,
    /// By incident and process.
    pub(super) process: Cursor<(u64, u32)>,
    pub(super) incident: Cursor<u64>,
    pub(super) story: Option<Story>,
    pub(super) help: bool,
    pub(super) dialog: Option<Dialog>,
    pub(super) said: Option<Said>,
}

impl State {
    /// After this long without an answer it says so.
    const LATE: Duration = Duration::from_secs(4);

    pub(super) fn new(facts: Facts, now: Timestamp, size: Size) -> Self {
        let mut state = Self {
            now,
            size,
            facts: facts.sorted(),
            heard: now,
            silence: None,
            rates: Rates::default(),
            list: List::Accounts,
            account: Cursor::default(),
            process: Cursor::default(),
            incident: Cursor::default(),
            story: None,
            help: false,
            dialog: None,
            said: None,
        };
        state.settle();
        state
    }

    pub(super) fn on(&mut self, input: Input, now: Timestamp) -> Option<Effect> {
        self.now = now;
        match input {
            Input::Key(key) => input::action(self.place(), key).and_then(|action| self.act(action)),
            Input::Paste(text) => {
                if self.place() == Place::Dialog {
                    let letters = text.chars().filter(|char| !char.is_control());
                    letters.for_each(|letter| drop(self.act(Action::Type(letter))));
                }
                None
            }
            Input::Resize(size) => {
                self.size = size;
                None
            }
            Input::Tick => None,
            Input::Facts(facts) => {
                self.learn(facts);
                None
            }
            Input::Answer(answer) => Some(self.answered(answer)),
            Input::End => Some(Effect::Quit),
        }
    }

    /// What hears the keys.
    pub(super) fn place(&self) -> Place {
        match self {
            Self { dialog: Some(_), .. } => Place::Dialog,
            Self { help: true, .. } => Place::Help,
            Self { story: Some(_), .. } => Place::Story,
            _ => Place::Lists,
        }
    }

    /// Why what is shown is not how things stand, if so.
    pub(super) fn stale(&self) -> Option<String> {
        let age = self.now.duration_since(self.heard).unsigned_abs();
        let late = (age > Self::LATE).then(|| "the daemon does not answer".to_owned());
        self.silence.clone().or(late)
    }

    fn learn(&mut self, facts: Result<Box<Facts>, String>) {
        match facts {
            Ok(facts) => {
                let facts = facts.sorted();
                let seconds = self.now.duration_since(self.heard).unsigned_abs().as_secs_f64().round();
                // Not more than are kept.
                self.rates.count(facts.operations.clone(), seconds.min(60.0) as usize);
                self.facts = facts;
                self.heard = self.now;
                self.silence = None;
                self.settle();
            }
            Err(why) => self.silence = Some(why),
        }
    }

    fn answered(&mut self, answer: Result<String, String>) -> Effect {
        self.said = Some(match answer {
            Ok(text) => Said { text, is_bad: false, stays: true },
            Err(text) => Said { text, is_bad: true, stays: true },
        });
        Effect::Look(self.story.as_ref().map(|story| story.id))
    }

    /// The rows are others now.
    fn settle(&mut self) {
        self.account.settle(&self.accounts());
        self.process.settle(&self.processes());
        self.incident.settle(&self.incidents());
    }

    fn accounts(&self) -> Vec<String> {
        self.facts.status.accounts.iter().map(|account| account.name.clone()).collect()
    }

    fn processes(&self) -> Vec<(u64, u32)> {
        self.facts.waiting.iter().map(|one| (one.incident, one.process.pid)).collect()
    }

    fn incidents(&self) -> Vec<u64> {
        self.facts.incidents.iter().map(|incident| incident.id).collect()
    }
}
