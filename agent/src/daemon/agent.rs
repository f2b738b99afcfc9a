//! The loop: one input, its effects, the next input.

use std::{
    collections::{HashMap, VecDeque},
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use agent_common::{
    rules::BootNs,
    wire::{Counter, record::LOOK},
};
use anyhow::{Context as _, Result};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::{broadcast, mpsc, oneshot},
    time::{Instant, Interval, MissedTickBehavior, interval, sleep_until},
};

use super::{
    CallId, Effect, Ending, Input, Outcome,
    apply::Finished,
    in_force::InForce,
    memory::{Memory, Remembered},
    record::Record,
    service::Service,
    signals::{Signals, Told},
    survey::Surveyor,
    tell::Teller,
    tier::Wanted,
};
use crate::{
    api::{Answer, Problem, Request},
    clock::boot_now,
    control::{Call, Control},
    enforcer::freezer::Freezer,
    incidents::{Incidents, WasOff},
    keeper::Keeper,
    metrics::Metrics,
    output::Output,
    recording::Recording,
    sensor::{self, HeldNow, Kernel},
    store::{Left, Opened, Past},
    webhook::Webhooks,
};

/// How many records are taken at once, so that a storm of them cannot keep calls, signals and timers waiting.
const BATCH: usize = 512;
/// How many batches are still taken at the end; whoever floods us must not keep us from ending.
const LAST_BATCHES: usize = 32;
/// How often it is looked how things stand.
const FACTS: Duration = Duration::from_secs(1);
/// How often the policy's files are compared with what is in force.
const FILES: Duration = Duration::from_secs(10);

/// What the agent starts with.
pub(super) struct Parts {
    pub(super) in_force: InForce,
    pub(super) freezer: Freezer,
    pub(super) memory: Memory,
    pub(super) record: Record,
    pub(super) recording: Recording,
    pub(super) webhooks: Webhooks,
    pub(super) keeper: Keeper,
    /// What was in the record.
    pub(super) opened: Opened,
    pub(super) control: Control,
    /// Lines for whoever watches.
    pub(super) events: broadcast::Sender<Arc<str>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) output: Output,
    pub(super) signals: Signals,
    /// How to end when told to.
    pub(super) ending: Ending,
    /// The self-test's directory.
    pub(super) self_test: PathBuf,
    /// Which tier every policy is to be carried out in.
    pub(super) tier: Wanted,
}

/// The running agent.
pub(super) struct Agent {
    pub(super) in_force: InForce,
    pub(super) freezer: Freezer,
    pub(super) memory: Memory,
    pub(super) record: Record,
    pub(super) recording: Recording,
    pub(super) webhooks: Webhooks,
    pub(super) keeper: Keeper,
    pub(super) events: broadcast::Sender<Arc<str>>,
    pub(super) teller: Teller,
    pub(super) surveyor: Surveyor,
    pub(super) metrics: Arc<Metrics>,
    pub(super) output: Output,
    pub(super) self_test: PathBuf,
    pub(super) tier: Wanted,
    pub(super) incidents: Incidents,
    /// What waits, for the threads that carry out decisions.
    pub(super) held: HeldNow,
    /// Who waits for an answer.
    pub(super) replies: HashMap<CallId, oneshot::Sender<Result<Answer, Problem>>>,
    /// From the threads that do what takes long.
    pub(super) finished: (mpsc::UnboundedSender<Finished>, mpsc::UnboundedReceiver<Finished>),
    /// Another generation comes.
    pub(super) reloading: bool,
    /// Decisions that were asked for meanwhile. Carried out on the generation in force they would reach the one to come in
    /// part, for that is told only once what was decided.
    postponed: VecDeque<Call>,
    /// What is known of the accounts is not what holds any more.
    pub(super) stale: bool,
    pub(super) policy_changed: bool,
    /// What the kernel programs had counted when that was last looked at.
    pub(super) counters: Vec<(Counter, u64)>,
    /// Why the last self-test failed, if it did.
    pub(super) self_test_failure: Option<String>,
    /// Why the generation in force is not pinned, if it is not.
    pub(super) unpinned: Option<String>,
    /// What the service manager hears.
    pub(super) service: Service,
    /// A signal has told to read the policy again.
    hangup: bool,
    control: Control,
    last_call: CallId,
    records: AsyncFd<OwnedFd>,
    facts: Interval,
    /// When records are looked for that were not worth waking us; none while nothing comes: then the next one does.
    look: Option<BootNs>,
    files: Interval,
    signals: Signals,
    ending: Ending,
}

/// Runs until it is told to end. `first` are records that were taken already.
pub(super) async fn run(parts: Parts, first: Vec<sensor::Record>) -> Result<()> {
    let Parts {
        in_force,
        freezer,
        memory,
        record,
        recording,
        webhooks,
        keeper,
        opened: Opened { last_incident, left },
        control,
        events,
        metrics,
        output,
        signals,
        ending,
        self_test,
        tier,
    } = parts;
    let records = listen(&in_force.generation.kernel).context("cannot listen to the kernel's records")?;
    let held = HeldNow::new(&in_force.generation.kernel.held)?;
    let last = freezer.ids().max().unwrap_or(0).max(memory.remembered().last).max(last_incident);
    let incidents = Incidents::new(in_force.generation.names().clone(), last);
    let finished = mpsc::unbounded_channel();
    let agent = Agent {
        in_force,
        freezer,
        memory,
        record,
        recording,
        webhooks,
        keeper,
        events,
        teller: Teller::start(Arc::clone(&metrics)),
        surveyor: Surveyor::new(Arc::clone(&metrics), finished.0.clone()),
        metrics,
        output,
        self_test,
        tier,
        incidents,
        held,
        replies: HashMap::new(),
        finished,
        reloading: false,
        postponed: VecDeque::new(),
        stale: false,
        policy_changed: false,
        counters: Vec::new(),
        self_test_failure: None,
        unpinned: None,
        service: Service::new(),
        hangup: false,
        control,
        last_call: 0,
        records,
        facts: every(FACTS),
        look: None,
        files: every(FILES),
        signals,
        ending,
    };
    agent.until_end(left, first).await
}

pub(super) fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

impl Agent {
    async fn next_input(&mut self) -> Result<Input> {
        loop {
            self.do_what_is_written();
            if let Some(hangup) = self.take_hangup() {
                return Ok(hangup);
            }
            if let Some(asked) = self.take_postponed()? {
                return Ok(asked);
            }
            let due = self.incidents.next_due();
            tokio::select! {
                // In this order: an end, a call and a time that has come must not wait for a storm of records to pass.
                biased;
                told = self.signals.recv() => {
                    if let Some(input) = self.take_signal(told) {
                        return Ok(input);
                    }
                }
                stir = self.record.stirs() => {
                    if let Some(asked) = self.take_stir(stir)? {
                        return Ok(asked);
                    }
                }
                kept = self.keeper.news() => self.all_go_ahead(vec![kept.ticket], None),
                Some(finished) = self.finished.1.recv() => {
                    if let Some(outcome) = self.take_finished(finished) {
                        return Ok(Input::Outcome(outcome));
                    }
                }
                state = self.freezer.changed() => return Ok(Input::Frozen(state)),
                // What a deadline decides waits as the decisions of responders do.
                () = until(due), if !self.reloading => return Ok(Input::Due),
                Some(call) = self.control.next() => {
                    if self.reloading && call.request.decides() {
                        self.postponed.push_back(call);
                    } else if let Some(call) = self.look_back(call)
                        && let Some(asked) = self.take_call(call, Past::default())?
                    {
                        return Ok(asked);
                    }
                }
                () = self.service.sign_is_due() => Service::give_sign(),
                _ = self.facts.tick(), if !self.reloading => {
                    self.keep_pinned();
                    self.anchor_now_and_then();
                    self.freezer.look_for_gone();
                    self.in_force.generation.keep_tops()?;
                    if let Err(error) = self.in_force.generation.keep_ways() {
                        log::warn!("ways to have others act are told as they were: {error:#}");
                    }
                    let facts = self.gather_facts()?;
                    // First what led to these facts: an incident is opened by its burst, not by a standing that is found.
                    self.take_all();
                    return Ok(Input::Facts(Arc::new(facts)));
                }
                _ = self.files.tick() => self.policy_changed = self.in_force.has_changed(),
                () = until(self.look), if !self.reloading => {
                    self.look = None;
                    let records = self.take(BATCH);
                    if !records.is_empty() {
                        return Ok(Input::Records(records));
                    }
                }
                ready = self.records.ready(Interest::READABLE), if !self.reloading => {
                    let mut ready = ready.context("cannot wait for the kernel's records")?;
                    let records = take(&mut self.in_force.generation.kernel, BATCH);
                    if records.len() < BATCH {
                        ready.clear_ready();
                    }
                    if !records.is_empty() {
                        self.look = Some(next_look());
                        return Ok(Input::Records(records));
                    }
                }
            }
        }
    }

    /// What a signal tells; a reload during another one waits for its end.
    fn take_signal(&mut self, told: Told) -> Option<Input> {
        match told {
            Told::End => Some(Input::End(self.ending)),
            Told::Reload => {
                self.hangup = true;
                None
            }
        }
    }

    /// The reload that a signal has asked for. Nobody waits for an answer: no reply has its number.
    fn take_hangup(&mut self) -> Option<Input> {
        if self.reloading || !std::mem::take(&mut self.hangup) {
            return None;
        }
        self.take_all(); // an incident that has just begun is one
        self.last_call += 1;
        Some(Input::Hangup { call: self.last_call })
    }

    /// What has come of something that took long; none if nobody waits to hear it.
    fn take_finished(&mut self, finished: Finished) -> Option<Outcome> {
        match finished {
            Finished::As(outcome) => {
                // First what led to it: a call that waited for this decision is of the incident that it ends.
                self.take_all();
                Some(outcome)
            }
            Finished::GivenUp(processes) => {
                self.goes_on(processes);
                None
            }
            Finished::Come { call, come } => {
                let outcome = self.succeed(call, *come);
                Service::ready();
                Some(outcome)
            }
            Finished::Kept { call, why } => {
                self.reloading = false;
                Service::ready();
                Some(Outcome::Reloaded { call, done: Err(why) })
            }
        }
    }

    /// Takes what was reported so far. While another generation comes, nothing is taken of what this one reports: it is told
    /// apart afterwards from what both report.
    fn take_all(&mut self) {
        if !self.reloading {
            let records = self.take(LAST_BATCHES * BATCH);
            self.handle(Input::Records(records));
        }
    }

    /// A call as an input, with what the record has for it; none if the asker has gone.
    pub(super) fn take_call(&mut self, call: Call, past: Past) -> Result<Option<Input>> {
        if matches!(call.request, Request::Reload { .. }) {
            self.take_all(); // as for a hangup
        }
        self.last_call += 1;
        let Some(asked) = self.gather_asked(self.last_call, &call, past)? else { return Ok(None) };
        self.replies.insert(self.last_call, call.reply);
        Ok(Some(Input::Asked(Box::new(asked))))
    }

    /// The next decision that waited for the end of a reload, if it has ended; whoever does not wait for it any more has been told
    /// that it was not carried out.
    fn take_postponed(&mut self) -> Result<Option<Input>> {
        while !self.reloading
            && let Some(call) = self.postponed.pop_front()
        {
            if !call.reply.is_closed()
                && let Some(asked) = self.take_call(call, Past::default())?
            {
                return Ok(Some(asked));
            }
        }
        Ok(None)
    }

    fn handle(&mut self, input: Input) {
        let began = Instant::now();
        if let Input::Facts(facts) | Input::Found { facts, .. } = &input {
            let measured = self.measured(facts);
            self.service.stands(&measured.status);
            self.metrics.facts(measured);
        }
        let mut input = input;
        let records = input.records();
        self.in_force.take_secrets_out(records);
        self.record_deeds(records);
        let effects = self.incidents.on(input, boot_now());
        self.carry_out(effects);
        self.metrics.loop_turn(began.elapsed());
    }

    /// What waited until it was on the disk is done; not while another generation comes, which it would reach in part.
    fn do_what_is_written(&mut self) {
        while !self.reloading
            && let Some(effects) = self.record.ready()
        {
            self.carry_out(effects);
        }
    }

    /// Does what follows from an input.
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) {
        // Before, or a daemon that is killed meanwhile leaves accounts that pass, and nobody knows why; and after, for what came of it.
        self.remember();
        effects.into_iter().for_each(|effect| self.apply(effect));
        if std::mem::take(&mut self.stale)
            && let Ok(facts) = self.gather_standings()
        {
            self.handle(Input::Facts(Arc::new(facts)));
        }
        self.remember();
    }

    /// For the daemon that comes next.
    fn remember(&mut self) {
        let now = Remembered {
            last: self.incidents.last(),
            off: self.incidents.off_after(self.memory.remembered().off),
            governor: self.incidents.governor().cloned(),
            stopped: self.freezer.stopped(),
        };
        if let Err(error) = self.memory.keep(now) {
            log::error!("a daemon that is started next will not know all of what this one did: {error:#}");
        }
    }

    fn take(&mut self, most: usize) -> Vec<sensor::Record> {
        let records = take(&mut self.in_force.generation.kernel, most);
        if !records.is_empty() {
            self.look = Some(next_look());
        }
        records
    }

    async fn until_end(mut self, left: Vec<Left>, first: Vec<sensor::Record>) -> Result<()> {
        let facts = self.gather_facts()?;
        let freezes = self.gather_found();
        self.remember_who_acted(&left);
        let &Remembered { off, ref governor, .. } = self.memory.remembered();
        let governor = governor.clone();
        let off = if self.memory.was_there() { WasOff::Known(off) } else { WasOff::Unknown };
        self.begin_recording();
        self.handle(Input::Found { left, freezes, off, governor, facts: Arc::new(facts) });
        self.handle(Input::Records(first));
        Service::ready();
        let ending = loop {
            match self.next_input().await {
                Ok(Input::End(ending)) => {
                    Service::stopping();
                    self.settle_record();
                    break self.ending(ending);
                }
                Ok(input) => self.handle(input),
                // Nothing can be seen any more: whatever is stopped must not stay so.
                Err(error) => {
                    self.settle_record();
                    self.handle(Input::End(Ending::LetGo));
                    self.settle_record();
                    return Err(error);
                }
            }
        };
        for _ in 0..LAST_BATCHES {
            let records = self.take(BATCH);
            if records.is_empty() {
                break;
            }
            self.handle(Input::Records(records));
        }
        match self.gather_facts() {
            Ok(facts) => self.handle(Input::Facts(Arc::new(facts))),
            Err(error) => log::error!("cannot look a last time how things stand: {error:#}"),
        }
        self.handle(Input::End(ending));
        self.settle_record();
        self.recording.settle();
        self.webhooks.settle();
        self.output.finish();
        Ok(())
    }

    /// Listens to the generation in force.
    pub(super) fn listen_again(&mut self) -> io::Result<()> {
        self.records = listen(&self.in_force.generation.kernel)?;
        Ok(())
    }
}

/// Until a time on the kernel's clock; for ever if there is none.
async fn until(due: Option<u64>) {
    let instant = due.map(|due| Duration::from_nanos(due.saturating_sub(boot_now())));
    match instant.and_then(|wait| Instant::now().checked_add(wait)) {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

fn next_look() -> BootNs {
    boot_now() + LOOK
}

fn listen(kernel: &Kernel) -> io::Result<AsyncFd<OwnedFd>> {
    let own = kernel.records_fd().try_clone_to_owned()?;
    // SAFETY: an OwnedFd is the same open descriptor for as long as the AsyncFd holds it.
    Ok(unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) }?)
}

/// The next records. One that cannot be read is a fault of ours, said and passed by.
fn take(kernel: &mut Kernel, most: usize) -> Vec<sensor::Record> {
    kernel
        .take(most)
        .into_iter()
        .filter_map(|record| record.inspect_err(|error| log::error!("the kernel programs sent {error}")).ok())
        .collect()
}
