//! Incidents, as the commands show them and decide about them.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::{Said, ask, ask_json, wait};

const WHY: [&str; 2] = ["--reason", "CHG-123, a test"];

/// The number of one.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Incident(pub u64);

impl Incident {
    /// No incident has this number.
    pub const NONE: Self = Self(0);

    /// All that is known of it.
    pub fn show(self) -> Result<Value> {
        ask_json(&["incident", &self.0.to_string()])
    }

    /// Waits until it is in this state.
    pub fn until(self, state: &str) -> Result<Value> {
        let mut last = Value::Null;
        wait::until(&format!("incident {} is {state}", self.0), || {
            last = self.show()?;
            Ok((last["state"] == state).then(|| last.clone()))
        })
        .with_context(|| format!("instead it is {last}"))
    }

    /// Waits until so many of its processes do not go on.
    pub fn until_waiting(self, count: usize) -> Result<Value> {
        let mut last = Value::Null;
        wait::until(&format!("{count} processes wait in incident {}", self.0), || {
            last = self.show()?;
            Ok((last["waiting"] == count).then(|| last.clone()))
        })
        .with_context(|| format!("instead it is {last}"))
    }

    /// Decides about it, and sees the decision carried out.
    pub fn decide(self, verb: &str, options: &[&str]) -> Result<Value> {
        ask_json(&[&[verb, &self.0.to_string()], options, &WHY].concat())
    }

    /// Lets its processes finish.
    pub fn approve(self, options: &[&str]) -> Result<Value> {
        self.decide("approve", options)
    }

    /// Tries to decide about it; what is said to that.
    pub fn try_to(self, verb: &str) -> Result<Said> {
        ask(&[&[verb, &self.0.to_string()][..], &WHY].concat())
    }
}
