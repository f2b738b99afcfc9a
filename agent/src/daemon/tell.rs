//! What waits says so on its terminal. On a thread of its own: whatever a terminal does, the loop never waits for one.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use crate::{
    metrics::Metrics,
    processes::{
        proc::ProcessId,
        terminal::{NotWritten, Terminal, TerminalId},
    },
};

/// How many lines may wait for the thread; more are dropped.
const WAITING: usize = 64;
/// How many terminals are remembered that have been told.
const TOLD: usize = 1024;

/// A line for the terminal of a process.
#[derive(Debug)]
struct Line {
    incident: u64,
    process: ProcessId,
    text: String,
}

/// Writes to terminals.
pub(super) struct Teller {
    lines: Option<SyncSender<Line>>,
    metrics: Arc<Metrics>,
}

impl Teller {
    /// Without a thread nobody is told, which is counted.
    pub(super) fn start(metrics: Arc<Metrics>) -> Self {
        let (lines, from) = sync_channel(WAITING);
        let counts = Arc::clone(&metrics);
        let started = thread::Builder::new().name("terminals".to_owned()).spawn(move || tell(&from, &counts));
        if let Err(error) = &started {
            log::warn!("nobody is told on a terminal that a call waits: cannot start a thread: {error}");
        }
        Self { lines: started.is_ok().then_some(lines), metrics }
    }

    /// Tells the terminal of a process, if it has one: once an incident.
    pub(super) fn tell(&self, incident: u64, process: ProcessId, text: String) {
        let line = Line { incident, process, text };
        if self.lines.as_ref().is_none_or(|lines| lines.try_send(line).is_err()) {
            self.metrics.terminal_line("dropped");
        }
    }
}

fn tell(lines: &Receiver<Line>, metrics: &Metrics) {
    let mut told: BTreeSet<(u64, TerminalId)> = BTreeSet::new();
    for Line { incident, process, text } in lines {
        // Most have no terminal: that is no fault, and not counted.
        let result = match Terminal::of(process) {
            Ok(None) => continue,
            Ok(Some(terminal)) if !told.insert((incident, terminal.id)) => continue,
            Ok(Some(terminal)) => terminal.write(&text),
            Err(error) => Err(error),
        };
        // Those of the oldest incidents go first.
        while told.len() > TOLD {
            told.pop_first();
        }
        metrics.terminal_line(match &result {
            Ok(()) => "written",
            Err(NotWritten::Blocked) => "blocked",
            Err(NotWritten::NotIts(_)) => "refused",
            Err(NotWritten::Failed(_)) => "failed",
        });
        if let Err(error) = result {
            log::debug!(
                "the terminal of process {} is not told of incident {incident}: {error}",
                process.pid
            );
        }
    }
}
