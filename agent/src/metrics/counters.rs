//! What only grows: counters, and histograms of how long something took.

use std::{collections::HashMap, time::Duration};

use agent_common::rules::Kind;
use jiff::Timestamp;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, Result,
    core::{Atomic, Collector, GenericCounterVec},
};

use super::catalog::{self, Metric, NAMESPACE, Shape};
use crate::{
    api::{AccountView, Responder, Verb},
    incidents::TOUCHED_WORDS,
    report::{Actor, Event},
};

/// Every one of them; what each counts is said in the catalog.
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
    tampering: IntCounterVec,
    released: IntCounter,
    decisions: IntCounterVec,
    decision_seconds: Histogram,
    freeze_seconds: Histogram,
    frozen: IntCounter,
    turn_seconds: Histogram,
    effects_failed: IntCounterVec,
    pins_lost: IntCounter,
    terminal_lines: IntCounterVec,
    surveys: IntCounterVec,
    reloads: IntCounterVec,
    governor_engagements: IntCounter,
}

impl Counters {
    /// Those whose series are known are there from the start, at 0: so that the first time is an increase.
    pub(super) fn register(registry: &Registry) -> Result<Self> {
        let make = Make(registry);
        make.about_us()?;
        Ok(Self {
            operations: make.counters(&catalog::OPERATIONS)?,
            bursts: make.counters(&catalog::BURSTS)?,
            escapes: make.counters(&catalog::ESCAPES)?,
            joined: make.counters(&catalog::JOINED)?,
            launched: make.counters(&catalog::LAUNCHED)?,
            stopped: make.counters(&catalog::STOPPED)?,
            held: make.counters(&catalog::HELD)?,
            approved: make.counters(&catalog::APPROVED)?,
            blind: make.counters(&catalog::BLIND_TO)?,
            attempts: make.counters(&catalog::ATTEMPTS)?,
            tampering: make.counters(&catalog::TAMPERING)?,
            released: make.counter(&catalog::RELEASED)?,
            decisions: make.decisions()?,
            decision_seconds: make.histogram(&catalog::DECISION_SECONDS)?,
            freeze_seconds: make.histogram(&catalog::FREEZE_SECONDS)?,
            frozen: make.counter(&catalog::FROZEN)?,
            turn_seconds: make.histogram(&catalog::TURN_SECONDS)?,
            effects_failed: make.counters(&catalog::EFFECTS_FAILED)?,
            pins_lost: make.counter(&catalog::PINS_LOST)?,
            terminal_lines: make.counters(&catalog::TERMINAL_LINES)?,
            surveys: make.counters(&catalog::SURVEYS)?,
            reloads: make.counters(&catalog::RELOADS)?,
            governor_engagements: make.counter(&catalog::GOVERNOR_ENGAGEMENTS)?,
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
            Event::Tampering { actor, what, .. } if known(actor).is_some() => {
                self.tampering.with_label_values(&[&*actor.account, *what]).inc();
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
        for what in TOUCHED_WORDS {
            self.tampering.with_label_values(&[name, what]);
        }
        for reason in catalog::blind_reasons() {
            self.blind.with_label_values(&[name, reason]);
        }
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
            &self.tampering,
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

    pub(super) fn survey(&self, result: &'static str) {
        self.surveys.with_label_values(&[result]).inc();
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
    /// What never changes while we run.
    fn about_us(&self) -> Result<()> {
        let info = self.register(IntGaugeVec::new(opts(&catalog::BUILD_INFO), &["version"])?)?;
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        self.register(IntGauge::with_opts(opts(&catalog::START))?)?.set(Timestamp::now().as_second());
        Ok(())
    }

    fn counter(&self, metric: &Metric) -> Result<IntCounter> {
        self.register(IntCounter::with_opts(opts(metric))?)
    }

    fn counters(&self, metric: &Metric) -> Result<IntCounterVec> {
        let counters = self.register(IntCounterVec::new(opts(metric), &metric.label_names())?)?;
        for word in metric.words() {
            counters.with_label_values(&[word]);
        }
        Ok(counters)
    }

    fn decisions(&self) -> Result<IntCounterVec> {
        let decisions = self.counters(&catalog::DECISIONS)?;
        for verb in Verb::ALL {
            for by in Responder::WORDS {
                decisions.with_label_values(&[verb.word(), by]);
            }
        }
        Ok(decisions)
    }

    fn histogram(&self, metric: &Metric) -> Result<Histogram> {
        let Shape::Histogram(buckets) = metric.shape else {
            return Err(prometheus::Error::Msg(format!("{} is no histogram", metric.name)));
        };
        let opts = HistogramOpts { common_opts: opts(metric), buckets: buckets.to_vec() };
        self.register(Histogram::with_opts(opts)?)
    }

    fn register<C: Collector + Clone + 'static>(&self, collector: C) -> Result<C> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }
}

fn opts(metric: &Metric) -> Opts {
    Opts::new(metric.name, metric.help).namespace(NAMESPACE)
}
