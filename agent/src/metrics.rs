//! What the daemon counts and measures, for Prometheus. Accounts, kinds and words of the program are labels; paths, processes
//! and users never are: whoever is watched must not be able to make series.

mod catalog;
mod counters;
mod endpoint;
mod facts;
mod family;
mod reference;
#[cfg(test)]
mod tests;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use prometheus::{Registry, TextEncoder};

use counters::Counters;
pub(crate) use endpoint::{Arguments, Endpoint};
pub(crate) use facts::{Facts, MapFill};
pub(crate) use reference::reference;

use crate::{
    api::{Responder, Verb},
    page::{Lately, Timeline},
    report::Event,
};

/// How long the loop may take for a turn before it counts as hanging.
const HANGS: Duration = Duration::from_secs(10);

/// Counters and the last facts. The loop feeds it, the endpoint reads it; neither waits for the other longer than a move.
pub(crate) struct Metrics {
    registry: Registry,
    counters: Counters,
    now: Mutex<Now>,
}

/// How things stand.
#[derive(Default)]
struct Now {
    /// None until the daemon is armed.
    facts: Option<Facts>,
    /// When the loop's last turn ended.
    turned: Option<Instant>,
    lately: Lately,
}

impl Metrics {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// If two metrics have one name.
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counters = Counters::register(&registry)?;
        Ok(Self { registry, counters, now: Mutex::default() })
    }

    /// Something happened. Of an account that has left the policy, nothing counts any more.
    pub(crate) fn event(&self, event: &Event) {
        let mut now = self.now();
        now.lately.note(event, Instant::now());
        match &now.facts {
            Some(facts) => self.counters.event(event, |account| facts.response(account)),
            // Before the first facts nobody knows who the accounts are.
            None => self.counters.event(event, |_| Some(catalog::UNKNOWN)),
        }
    }

    /// How things stand now. Accounts that are not among them lose their series; new ones begin at 0, so that the first burst
    /// is an increase.
    pub(crate) fn facts(&self, facts: Facts) {
        let mut now = self.now();
        if now.facts.as_ref().is_none_or(|before| !facts.has_accounts_of(before)) {
            self.counters.keep(|account| facts.response(account).is_some());
            facts.status.accounts.iter().for_each(|account| self.counters.begin(account));
        }
        now.facts = Some(facts);
    }

    /// A decision was carried out; `waited` is the time since the burst that it is about.
    pub(crate) fn decision(&self, verb: Verb, by: &Responder, waited: Option<Duration>) {
        self.counters.decision(verb, by, waited);
    }

    /// The kernel has confirmed a freeze of so many processes.
    pub(crate) fn freeze(&self, took: Duration, processes: u64) {
        self.counters.freeze(took, processes);
    }

    /// The loop has handled an input; `took` is how long the next one had to wait.
    pub(crate) fn loop_turn(&self, took: Duration) {
        self.counters.loop_turn(took);
        self.now().turned = Some(Instant::now());
    }

    /// An effect was not carried out; its name is one of the program's own words.
    pub(crate) fn effect_failed(&self, effect: &'static str) {
        self.counters.effect_failed(effect);
    }

    /// A line was written to a terminal, or why not, in one of the program's own words.
    pub(crate) fn terminal_line(&self, result: &'static str) {
        self.counters.terminal_line(result);
    }

    /// It was looked what depends on paths: all, a part of it, or nothing.
    pub(crate) fn survey(&self, result: &'static str) {
        self.counters.survey(result);
    }

    /// Everything in Prometheus' text format.
    ///
    /// # Errors
    /// If a metric cannot be written in it.
    pub(crate) fn render(&self) -> prometheus::Result<String> {
        // Copied, so that the loop does not wait while it is written.
        let facts = self.last_facts();
        let mut families = self.registry.gather();
        if let Some(facts) = facts {
            families.extend(facts.gather());
        }
        TextEncoder::new().encode_to_string(&families)
    }

    /// How things stood last; none until the daemon is armed.
    pub(crate) fn last_facts(&self) -> Option<Facts> {
        self.now().facts.clone()
    }

    /// What happened in the last minutes.
    pub(crate) fn timeline(&self, now: Instant) -> Timeline {
        self.now().lately.timeline(now)
    }

    /// Whether the loop turns; else why it seems not to.
    pub(crate) fn healthy(&self) -> Result<(), String> {
        match self.now().turned.map(|turned| turned.elapsed()) {
            None => Err("the loop has not begun yet".to_owned()),
            Some(since) if since > HANGS => {
                Err(format!("the loop has not turned for {} s: restart burstguard", since.as_secs()))
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether accounts are watched, and that was proved; else why not.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.healthy()?;
        match &self.now().facts {
            None => Err("nothing is armed yet".to_owned()),
            Some(Facts { self_test_failure: Some(why), .. }) => Err(format!("the self-test failed: {why}")),
            Some(Facts { unpinned: Some(why), .. }) => {
                Err(format!("enforcement would end with the daemon: {why}"))
            }
            Some(_) => Ok(()),
        }
    }

    /// What a panic elsewhere left is still whole: fields are only ever replaced.
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
