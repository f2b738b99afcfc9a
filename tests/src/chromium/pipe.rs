//! What Chromium is told and what it says: JSON, each with a zero byte behind it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::wait;

/// Both directions.
pub(super) struct Pipe {
    told: Option<ChildStdin>,
    said: Receiver<Value>,
    calls: u64,
    /// What happened, and nobody has asked for yet.
    events: Vec<Value>,
}

impl Pipe {
    pub(super) fn new(told: ChildStdin, said: ChildStdout) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let messages = BufReader::new(said).split(0);
            let values = messages.map_while(Result::ok).map_while(|text| serde_json::from_slice(&text).ok());
            for value in values {
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        Self { told: Some(told), said: receiver, calls: 0, events: Vec::new() }
    }

    /// Has it do something; what it answers.
    pub(super) fn call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Result<Value> {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let told = self.told.as_mut().context("it is told things until it is dropped")?;
        told.write_all(format!("{message}\0").as_bytes())
            .with_context(|| format!("Chromium does not hear {method}"))?;
        loop {
            let mut message = self.next(method)?;
            if message["id"] == id {
                ensure!(message["error"].is_null(), "Chromium: {method}: {}", message["error"]);
                return Ok(message["result"].take());
            }
            self.events.push(message);
        }
    }

    /// Waits until this has happened.
    pub(super) fn until(&mut self, session: &str, event: &str) -> Result<()> {
        let is_it = |message: &Value| message["method"] == event && message["sessionId"] == session;
        while !self.events.iter().any(is_it) {
            let message = self.next(event)?;
            self.events.push(message);
        }
        Ok(())
    }

    /// All of these that have happened so far.
    pub(super) fn events<'a>(&'a self, session: &'a str, event: &'a str) -> impl Iterator<Item = &'a Value> {
        let is_it = move |message: &&Value| message["method"] == event && message["sessionId"] == session;
        self.events.iter().filter(is_it).map(|message| &message["params"])
    }

    /// It ends then.
    pub(super) fn close(&mut self) {
        self.told = None;
    }

    fn next(&self, what: &str) -> Result<Value> {
        wait::next(&format!("Chromium says {what}"), &self.said)?
            .with_context(|| format!("Chromium has ended before {what}"))
    }
}
