//! What only grows: counters, and histograms of how long something took.

use std::{collections::HashMap, time::Duration};

use agent_common::rules::Kind;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, Result,
    core::{Atomic, Collector, GenericCounterVec},
};

use super::family::NAMESPACE;
use crate::{
    api::{AccountView, Responder, Verb},
    report::{Actor, Event},
};

/// The response of an account before it is known.
pub(super) const UNKNOWN: &str = "unknown";

/// A person decides within minutes.
const DECISION_SECONDS: &[f64] = &[1., 5., 15., 30., 60., 120., 300., 600., 1800., 3600.];
/// The kernel freezes within milliseconds, unless a process sleeps where it cannot be frozen.
const FREEZE_SECONDS: &[f64] = &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1., 5.];
/// Most turns are microseconds; past 10 s the loop counts as hanging.
const TURN_SECONDS: &[f64] = &[0.00001, 0.0001, 0.001, 0.01, 0.1, 1., 10.];

/// Every one of them; what each counts is said where it is registered.
pub(super) struct Counters {
    operations: IntCounterVec,
    bursts: IntCounterVec,
    escapes: IntCounterVec,
    joined: IntCounterVec,
    launched: IntCounterVec,
    stopped: IntCounterVec,
    held: IntCounterVec,
    approved: IntCounterVec,
    blind: IntCounterVec,
    attempts: IntCounterVec,
    released: IntCounter,
    decisions: IntCounterVec,
    decision_seconds: Histogram,
    freeze_seconds: Histogram,
    frozen: IntCounter,
    turn_seconds: Histogram,
    effects_failed: IntCounterVec,
    pins_lost: IntCounter,
    terminal_lines: IntCounterVec,
    reloads: IntCounterVec,
    governor_engagements: IntCounter,
}

impl Counters {
    pub(super) fn register(registry: &Registry) -> Result<Self> {
        let make = Make(registry);
        make.build_info()?;
        Ok(Self {
            operations: make.counters(
                "operations_total",
                "Destructive operations under protected trees; one that is of two kinds counts as each.",
                &["account", "kind"],
            )?,
            bursts: make.counters(
                "bursts_total",
                "Budgets exceeded, by the response of the account at that time.",
                &["account", "response"],
            )?,
            escapes: make.counters(
                "escapes_total",
                "How often somebody who does not act for the account was asked to act.",
                &["account"],
            )?,
            joined: make.counters(
                "processes_joined_total",
                "Processes that began to act for an account, without their children.",
                &["account"],
            )?,
            launched: make.counters(
                "units_launched_total",
                "Units that were started because a process of the account asked for it.",
                &["account"],
            )?,
            stopped: make.counters(
                "processes_stopped_total",
                "Stops of processes by the kernel programs; a process that is stopped twice counts twice.",
                &["account"],
            )?,
            held: make.counters("calls_held_total", "Calls that began to wait for a decision.", &["account"])?,
            approved: make.counters(
                "operations_approved_total",
                "Operations that happened under an approval or a lease; they cost no budget, and are among operations_total too.",
                &["account"],
            )?,
            blind: make.counters(
                "blind_total",
                "What accounts did and this tier cannot judge, by reason.",
                &["account", "reason"],
            )?,
            attempts: make.counters(
                "attempts_total",
                "Attempts of an account's processes to decide about themselves.",
                &["account"],
            )?,
            released: make.counter("processes_released_total", "Stopped processes that were let go on.")?,
            decisions: make.counters(
                "decisions_total",
                "Decisions carried out, by verb and by who decided.",
                &["verb", "by"],
            )?,
            decision_seconds: make.histogram(
                "decision_seconds",
                "From a burst to the decision about it.",
                DECISION_SECONDS,
            )?,
            freeze_seconds: make.histogram(
                "freeze_seconds",
                "From a freeze to the kernel's confirmation.",
                FREEZE_SECONDS,
            )?,
            frozen: make
                .counter("processes_frozen_total", "Processes in freezes that the kernel confirmed.")?,
            turn_seconds: make.histogram(
                "loop_turn_seconds",
                "How long the daemon's loop took for one input, while the next had to wait.",
                TURN_SECONDS,
            )?,
            effects_failed: make.counters(
                "effects_failed_total",
                "What the daemon meant to do and could not.",
                &["effect"],
            )?,
            reloads: make.counters(
                "reloads_total",
                "Policies that were to come into force, by what became of that: done, refused since they loosen what an open incident holds, or failed.",
                &["result"],
            )?,
            terminal_lines: make.counters(
                "terminal_lines_total",
                "Lines for the terminals of processes whose calls wait, by what became of them.",
                &["result"],
            )?,
            governor_engagements: make.counter(
                "governor_engagements_total",
                "Times that more had tripped than the governor allows.",
            )?,
            pins_lost: make.counter(
                "pins_lost_total",
                "Times that pins were found lost, or could not be made again for another reason than before.",
            )?,
        })
    }

    /// Counts an event; `response_of` is none for what is no account.
    pub(super) fn event<'a>(&self, event: &Event, response_of: impl Fn(&str) -> Option<&'a str>) {
        let known = |actor: &Actor| response_of(&actor.account);
        match event {
            Event::Operation { actor, act, approved, .. } if known(actor).is_some() => {
                for kind in &act.kinds {
                    self.operations.with_label_values(&[&*actor.account, *kind]).inc();
                }
                if approved.is_some() {
                    self.approved.with_label_values(&[&actor.account]).inc();
                }
            }
            Event::Held { actor, .. } if known(actor).is_some() => {
                self.held.with_label_values(&[&actor.account]).inc();
            }
            Event::Burst { actor, .. } => {
                if let Some(response) = known(actor) {
                    self.bursts.with_label_values(&[&*actor.account, response]).inc();
                }
            }
            Event::Escape { actor, .. } if known(actor).is_some() => {
                self.escapes.with_label_values(&[&actor.account]).inc();
            }
            Event::Joined { actor } if known(actor).is_some() => {
                self.joined.with_label_values(&[&actor.account]).inc();
            }
            Event::Launched { actor, .. } if known(actor).is_some() => {
                self.launched.with_label_values(&[&actor.account]).inc();
            }
            Event::Stopped { actor, .. } if known(actor).is_some() => {
                self.stopped.with_label_values(&[&actor.account]).inc();
            }
            Event::Blind { actor, reason, .. } if known(actor).is_some() => {
                self.blind.with_label_values(&[&*actor.account, *reason]).inc();
            }
            Event::Attempt { account, .. } if response_of(account).is_some() => {
                self.attempts.with_label_values(&[account]).inc();
            }
            Event::Released { pids } => self.released.inc_by(pids.len() as u64),
            Event::PinsLost { .. } => self.pins_lost.inc(),
            Event::Reloaded { .. } => self.reloads.with_label_values(&["done"]).inc(),
            Event::NotReloaded { loosens, .. } => {
                let result = if loosens.is_empty() { "failed" } else { "refused" };
                self.reloads.with_label_values(&[result]).inc();
            }
            Event::GovernorEngaged { .. } => self.governor_engagements.inc(),
            // Somebody who has left, or what facts say.
            _ => {}
        }
    }

    /// Begins what is sure to be asked for, at 0.
    pub(super) fn begin(&self, account: &AccountView) {
        let name = account.name.as_str();
        for kind in Kind::ALL {
            self.operations.with_label_values(&[name, kind.word()]);
        }
        self.bursts.with_label_values(&[name, &account.response]);
        self.escapes.with_label_values(&[name]);
        self.joined.with_label_values(&[name]);
        self.launched.with_label_values(&[name]);
        self.stopped.with_label_values(&[name]);
        self.held.with_label_values(&[name]);
        self.approved.with_label_values(&[name]);
        self.attempts.with_label_values(&[name]);
    }

    /// Forgets the accounts that are not to be kept.
    pub(super) fn keep(&self, kept: impl Fn(&str) -> bool) {
        for counters in [
            &self.operations,
            &self.bursts,
            &self.escapes,
            &self.joined,
            &self.launched,
            &self.stopped,
            &self.held,
            &self.approved,
            &self.blind,
            &self.attempts,
        ] {
            forget(counters, |account| !kept(account));
        }
    }

    pub(super) fn decision(&self, verb: Verb, by: &Responder, waited: Option<Duration>) {
        self.decisions.with_label_values(&[verb.word(), by.word()]).inc();
        if let Some(waited) = waited {
            self.decision_seconds.observe(waited.as_secs_f64());
        }
    }

    pub(super) fn freeze(&self, took: Duration, processes: u64) {
        self.freeze_seconds.observe(took.as_secs_f64());
        self.frozen.inc_by(processes);
    }

    pub(super) fn loop_turn(&self, took: Duration) {
        self.turn_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn terminal_line(&self, result: &'static str) {
        self.terminal_lines.with_label_values(&[result]).inc();
    }

    pub(super) fn effect_failed(&self, effect: &'static str) {
        self.effects_failed.with_label_values(&[effect]).inc();
    }
}

/// Removes every series of the accounts that have left.
fn forget<P: Atomic>(counters: &GenericCounterVec<P>, left: impl Fn(&str) -> bool) {
    for family in counters.collect() {
        for metric in family.get_metric() {
            let labels: HashMap<&str, &str> =
                metric.get_label().iter().map(|label| (label.name(), label.value())).collect();
            if labels.get("account").is_some_and(|account| left(account)) {
                let _ = counters.remove(&labels); // fails only if it is gone already
            }
        }
    }
}

/// Makes metrics of one registry.
struct Make<'a>(&'a Registry);

impl Make<'_> {
    fn build_info(&self) -> Result<()> {
        let info = self.gauges("build_info", "The version that runs; always 1.", &["version"])?;
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(())
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        let counter = IntCounter::with_opts(opts(name, help))?;
        self.register(counter)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        self.register(IntCounterVec::new(opts(name, help), labels)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        self.register(IntGaugeVec::new(opts(name, help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
        let opts = HistogramOpts { common_opts: opts(name, help), buckets: buckets.to_vec() };
        self.register(Histogram::with_opts(opts)?)
    }

    fn register<C: Collector + Clone + 'static>(&self, collector: C) -> Result<C> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(NAMESPACE)
}
