//! What a state looks like, and what keys make of it.

mod feed;
mod keys;
mod screens;

use jiff::{Timestamp, tz::TimeZone};
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    layout::Size,
};
use serde_json::{Value, json};

use super::{
    facts::{Facts, Waiting},
    state::{Effect, Input, State},
    view::{Paint, View},
};
use crate::{
    api::IncidentDetail,
    client::{
        term::Screen,
        tests::screens::{account, at, detail, host, read, summary},
    },
};

/// The time of all screens here.
fn now() -> Timestamp {
    at("03:16:41")
}

fn named(name: &str, standing: &str, used: u64, waits: &str, incident: Option<u64>) -> Value {
    let mut one = account();
    one["name"] = json!(name);
    one["standing"] = json!(standing);
    one["stopped"] = json!(0);
    one["budgets"][0]["used"] = json!(used);
    one["until"] = Value::Null;
    one["incident"] = json!(incident);
    if !waits.is_empty() {
        one[waits] = json!(1);
    }
    one
}

/// Incident 8 has a call that waits, incident 7 was stopped, 6 is over.
fn incidents() -> Value {
    let mut held = summary();
    held["id"] = json!(8);
    held["account"] = json!("ci");
    held["state"] = json!("held");
    held["then"] = json!("deny");
    held["opened_at"] = json!(at("03:16:01"));
    held["what"] = json!("10 deletes in 2 ms in /srv/app");
    held["done"] = json!(10);
    let mut over = summary();
    over["id"] = json!(6);
    over["state"] = json!("thawed");
    over["until"] = Value::Null;
    over["waiting"] = json!(0);
    over["closed_at"] = json!(at("03:13:00"));
    json!([summary(), over, held, summary()])
}

/// What the daemon says of a busy host.
fn facts() -> Facts {
    let mut status = host();
    status["open_incidents"] = json!(2);
    status["accounts"] = json!([
        named("ansible", "armed", 0, "", None),
        named("backup", "armed", 9, "", None),
        named("deployer", "tripped", 10, "stopped", Some(7)),
        named("ci", "tripped", 10, "held", Some(8)),
    ]);
    status["accounts"][3]["until"] = json!(at("03:27:41"));
    status["accounts"][3]["then"] = json!("deny");
    let stopped: IncidentDetail = read(detail());
    let mut held = detail();
    held["id"] = json!(8);
    held["account"] = json!("ci");
    held["processes"][0]["pid"] = json!(2101);
    held["processes"][0]["held"] = json!(true);
    let held: IncidentDetail = read(held);
    Facts {
        status: read(status),
        incidents: read(incidents()),
        waiting: Waiting::of(&stopped).chain(Waiting::of(&held)).collect(),
        more_wait: 0,
        story: None,
        operations: Some([("deployer".to_owned(), 12)].into()),
    }
}

/// A screen of this size, which has just heard of it.
fn state(width: u16, height: u16) -> State {
    let mut state = State::new(facts(), at("03:16:40"), Size { width, height });
    state.on(Input::Facts(Ok(Box::new(facts()))), now());
    state
}

/// What is seen, and how.
fn drawn(state: &State, has_colour: bool) -> TestBackend {
    let backend = TestBackend::new(state.size.width, state.size.height);
    let mut terminal = Terminal::new(backend).expect("a screen in memory");
    let screen = Screen { now: state.now, zone: TimeZone::UTC };
    let view = View { state, screen, paint: Paint { has_colour } };
    terminal.draw(|frame| view.draw(frame)).expect("a screen in memory");
    terminal.backend().clone()
}

/// The lines on the screen, without the space at their ends.
fn shown(state: &State) -> String {
    let backend = drawn(state, true);
    let buffer = backend.buffer();
    let line = |row: u16| {
        let line: String = (0..state.size.width).map(|column| buffer[(column, row)].symbol()).collect();
        line.trim_end().to_owned() + "\n"
    };
    (0..state.size.height).map(line).collect()
}

fn press(state: &mut State, code: KeyCode) -> Option<Effect> {
    state.on(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)), now())
}

fn write(state: &mut State, text: &str) {
    for char in text.chars() {
        assert_eq!(press(state, KeyCode::Char(char)), None);
    }
}

/// The words on the screen, wherever a line or a box ends.
fn words(state: &State) -> String {
    shown(state).replace(['│', '…'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Each of these is on the screen.
#[track_caller]
fn check(state: &State, expected: &[&str]) {
    let shown = shown(state);
    for text in expected {
        assert!(shown.contains(text), "no {text:?} in:\n{shown}");
    }
}
