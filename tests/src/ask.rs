//! The commands that ask the agent, and what they say.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::account::end_with_us;
use crate::{program, wait};

/// How a command ended, and what it said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit status; none if a signal ended it.
    pub exit: Option<i32>,
    /// On standard output.
    pub output: String,
    /// On standard error.
    pub complaint: String,
}

/// The time between two questions: of one user the agent takes at most 50 a second, and whoever waits for something to become so asks
/// again and again.
const BETWEEN: Duration = Duration::from_millis(25);

/// Asks the agent as root, off a terminal.
pub fn ask(words: &[&str]) -> Result<Said> {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(since) = last.map(|last| last.elapsed()) {
        wait::keep_distance(BETWEEN.saturating_sub(since))?;
    }
    *last = Some(Instant::now());
    drop(last);
    let mut command = Command::new(program::agent()?);
    command.args(words);
    say(command)
}

/// Runs a command that asks, to its end.
pub fn say(mut command: Command) -> Result<Said> {
    wait::go_on()?;
    command.process_group(0).stdin(Stdio::null());
    end_with_us(&mut command, rustix::process::Signal::KILL);
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    Ok(Said {
        exit: output.status.code(),
        output: String::from_utf8(output.stdout).context("a command printed something not UTF-8")?,
        complaint: String::from_utf8(output.stderr).context("a command complained in something not UTF-8")?,
    })
}

/// Asks in JSON; what is answered. An error if the command fails.
pub fn ask_json(words: &[&str]) -> Result<Value> {
    ask(&[words, &["--json"]].concat())?.json(words[0])
}

impl Said {
    /// The answer in JSON, which has the name of the verb.
    pub fn json(&self, verb: &str) -> Result<Value> {
        ensure!(self.exit == Some(0), "{verb}: {self:?}");
        let mut said: Value =
            serde_json::from_str(&self.output).with_context(|| format!("{verb}: {self:?}"))?;
        ensure!(said["version"] == 1, "{verb}: {said}");
        Ok(said[verb].take())
    }
}
