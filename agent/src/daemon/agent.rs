//! The loop: one input, its effects, the next input.

use std::{io, os::fd::OwnedFd, time::Duration};

use anyhow::{Context as _, Result};
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{Signal, SignalKind, signal},
    time::{Interval, MissedTickBehavior, interval},
};

use super::{Effect, Input, boot_now, generation::Generation};
use crate::{
    incidents::Incidents,
    output::Output,
    report::Event,
    sensor::{Kernel, Record},
};

/// How many records are taken at once, so that a storm of them cannot keep signals and timers waiting.
const BATCH: usize = 512;
/// How many batches are still taken at the end; whoever floods us must not keep us from ending.
const LAST_BATCHES: usize = 32;
/// How often the counters are looked at.
const COUNTERS: Duration = Duration::from_secs(1);
/// How often records are looked for that were not worth waking us.
const LOOK: Duration = Duration::from_millis(100);

/// The running agent.
struct Agent {
    generation: Generation,
    /// Whether to let go at the end.
    release_on_exit: bool,
    incidents: Incidents,
    output: Output,
    records: AsyncFd<OwnedFd>,
    counters: Interval,
    look: Interval,
    told_to_end: ToldToEnd,
}

/// SIGINT, SIGTERM, and SIGHUP of a terminal that is closed. Made before anything is armed: a signal that comes meanwhile is not lost, and nothing is left armed.
pub(crate) struct ToldToEnd {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl ToldToEnd {
    /// From now on these signals end nothing but the loop. Needs a tokio runtime.
    pub(crate) fn catch() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot catch SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot catch SIGTERM")?,
            hangup: signal(SignalKind::hangup()).context("cannot catch SIGHUP")?,
        })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Runs until it is told to end. `first` are records that were taken already.
pub(crate) async fn run(
    generation: Generation,
    release_on_exit: bool,
    output: Output,
    told_to_end: ToldToEnd,
    first: Vec<Record>,
) -> Result<()> {
    let records = listen(&generation.kernel).context("cannot listen to the kernel's records")?;
    let incidents = Incidents::new(generation.names().clone());
    let (counters, look) = (every(COUNTERS), every(LOOK));
    Agent { generation, release_on_exit, incidents, output, records, counters, look, told_to_end }
        .until_end(first)
        .await
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

impl Agent {
    async fn next_input(&mut self) -> Result<Input> {
        loop {
            tokio::select! {
                // In this order: an end must not wait for a storm of records to pass.
                biased;
                () = self.told_to_end.recv() => return Ok(Input::End),
                _ = self.counters.tick() => {
                    self.generation.kernel.flush_warnings();
                    return Ok(Input::Counters(self.generation.kernel.counters()?));
                }
                _ = self.look.tick() => {
                    let records = take(&mut self.generation.kernel);
                    if !records.is_empty() {
                        return Ok(Input::Records(records));
                    }
                }
                ready = self.records.ready(Interest::READABLE) => {
                    let mut ready = ready.context("cannot wait for the kernel's records")?;
                    let records = take(&mut self.generation.kernel);
                    if records.len() < BATCH {
                        ready.clear_ready();
                    }
                    if !records.is_empty() {
                        return Ok(Input::Records(records));
                    }
                }
            }
        }
    }

    fn handle(&mut self, input: Input) {
        for effect in self.incidents.on(input, boot_now()) {
            self.apply(effect);
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Report(event) => self.output.say(&event),
            Effect::LetGo if self.release_on_exit => self.let_go(),
            Effect::LetGo => {}
        }
    }

    fn let_go(&mut self) {
        match self.generation.let_go() {
            Ok(pids) => self.output.say(&Event::Released { pids }),
            Err(error) => warn("cannot let go of everything", error),
        }
    }

    async fn until_end(mut self, first: Vec<Record>) -> Result<()> {
        self.handle(Input::Records(first));
        loop {
            match self.next_input().await {
                Ok(Input::End) => break,
                Ok(input) => self.handle(input),
                // Nothing can be seen any more: whatever is stopped must not stay so.
                Err(error) => {
                    self.release_on_exit = true;
                    self.handle(Input::End);
                    return Err(error);
                }
            }
        }
        let last = (0..LAST_BATCHES)
            .map(|_| take(&mut self.generation.kernel))
            .take_while(|records| !records.is_empty());
        let last: Vec<Record> = last.flatten().collect();
        self.handle(Input::Records(last));
        match self.generation.kernel.counters() {
            Ok(counters) => self.handle(Input::Counters(counters)),
            Err(error) => warn("cannot read the counters a last time", error),
        }
        self.handle(Input::End);
        self.output.finish();
        Ok(())
    }
}

fn listen(kernel: &Kernel) -> io::Result<AsyncFd<OwnedFd>> {
    let own = kernel.records_fd().try_clone_to_owned()?;
    // SAFETY: an OwnedFd is the same open descriptor for as long as the AsyncFd holds it.
    Ok(unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) }?)
}

/// The next records. One that cannot be read is a fault of ours, said and passed by.
fn take(kernel: &mut Kernel) -> Vec<Record> {
    kernel
        .take(BATCH)
        .into_iter()
        .filter_map(|record| record.inspect_err(|error| log::error!("the kernel programs sent {error}")).ok())
        .collect()
}

fn warn(what: &str, error: impl Into<anyhow::Error>) {
    log::error!("{what}: {:#}", error.into());
}
