//! `burstguard top`: how things stand, live, and the keys to decide.

mod cursor;
mod facts;
mod feed;
mod input;
mod order;
mod rates;
mod sources;
mod state;
#[cfg(test)]
mod tests;
mod view;

use std::{
    io::{self, IsTerminal as _},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use ratatui::{
    DefaultTerminal,
    crossterm::{
        self,
        event::{DisableBracketedPaste, EnableBracketedPaste},
    },
    layout::Size,
};

use super::{Failure, session::Session};
use feed::Feed;
#[cfg(any(fuzzing, test))]
pub(super) use feed::fuzz;
use state::{Effect, Input, State};
use view::{Paint, View};

/// How often the times on the screen are brought up to date, whatever happens.
const TICK: Duration = Duration::from_secs(1);
/// How long it is waited, in the end, for the answer to what was ordered.
const LAST: Duration = Duration::from_secs(10);

pub(super) fn run(session: &Session) -> Result<(), Failure> {
    refuse(session.json)?;
    let (sender, inbox) = channel();
    // While it can still fail as any other command does.
    let mut feed = Feed::new(session.daemon.clone());
    let facts = feed.ask(None)?;
    sources::signals(sender.clone())?;
    let (wish, wishes) = channel();
    let mut top =
        Top { session, sender, inbox, wish, paint: Paint { has_colour: session.has_colour() }, asked: 0 };
    let screen = OnScreen::enter()?;
    let (width, height) = crossterm::terminal::size()?;
    let state = State::new(facts, Timestamp::now(), Size { width, height });
    feed.run(wishes, top.sender.clone());
    sources::keys(top.sender.clone());
    let ended = top.watch(screen, state);
    top.hear_the_last()?;
    ended
}

/// It is for a person at a terminal.
fn refuse(json: bool) -> Result<(), Failure> {
    let instead = "for programs: burstguard watch --json, or burstguard status --json";
    if json {
        return Err(Failure::usage("top is a screen for a person, and has no JSON", instead));
    }
    let not = match (io::stdin().is_terminal(), io::stdout().is_terminal()) {
        (true, true) => return Ok(()),
        (false, _) => "standard input",
        (_, false) => "standard output",
    };
    let help = "off a terminal: burstguard watch, or burstguard status";
    Err(Failure::usage(format!("top takes a terminal, and {not} is none"), help))
}

/// The terminal, while it is ours. Whatever ends us, a panic too, it is as it was before.
struct OnScreen(DefaultTerminal);

impl OnScreen {
    fn enter() -> Result<Self, Failure> {
        match ratatui::try_init() {
            Ok(terminal) => {
                let on = Self(terminal);
                // What is pasted comes as such: a line of it must not be taken for keys that decide.
                crossterm::execute!(io::stdout(), EnableBracketedPaste)?;
                Ok(on)
            }
            Err(error) => {
                let _ = ratatui::try_restore(); // it may be ours in part
                Err(error.into())
            }
        }
    }
}

impl Drop for OnScreen {
    fn drop(&mut self) {
        // Nothing is to be done about an error: the terminal may be gone.
        let _ = crossterm::execute!(io::stdout(), DisableBracketedPaste);
        let _ = ratatui::try_restore();
    }
}

struct Top<'a> {
    session: &'a Session,
    sender: Sender<Input>,
    inbox: Receiver<Input>,
    /// Has the daemon asked at once, for this story too.
    wish: Sender<Option<u64>>,
    paint: Paint,
    /// Orders that were not answered yet.
    asked: usize,
}

impl Top<'_> {
    fn watch(&mut self, mut on: OnScreen, mut state: State) -> Result<(), Failure> {
        loop {
            let most = self.view(&state).longest_scroll();
            state.scroll_at_most(most);
            let view = self.view(&state);
            on.0.draw(|frame| view.draw(frame))?;
            let mut next = match self.inbox.recv_timeout(TICK) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => Some(Input::Tick),
                Err(RecvTimeoutError::Disconnected) => None,
            };
            // All that has happened, before it is drawn.
            while let Some(input) = next {
                if matches!(input, Input::Answer(_)) {
                    self.asked -= 1;
                }
                match state.on(input, Timestamp::now()) {
                    None => {}
                    Some(Effect::Quit) => return Ok(()),
                    Some(Effect::Redraw) => on.0.clear()?,
                    // The thread that asks lives as long as we do.
                    Some(Effect::Look(story)) => drop(self.wish.send(story)),
                    Some(Effect::Post(order, reason)) => {
                        self.asked += 1;
                        feed::post(self.session, order, reason, self.sender.clone());
                    }
                }
                next = self.inbox.try_recv().ok();
            }
        }
    }

    fn view<'s>(&self, state: &'s State) -> View<'s> {
        View { state, screen: self.session.screen_at(state.now), paint: self.paint }
    }

    /// What was ordered is answered where it can still be read.
    fn hear_the_last(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + LAST;
        while self.asked > 0 {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Input::Answer(Ok(text) | Err(text))) => {
                    self.asked -= 1;
                    self.session.print(&format!("{text}\n"))?;
                }
                Ok(input) if !matches!(input, Input::End) => {}
                _ => return Err(Failure::Unheard("the screen was left before".to_owned())),
            }
        }
        Ok(())
    }
}
