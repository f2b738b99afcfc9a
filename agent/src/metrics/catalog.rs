//! Every metric: what it is called, what it says and by which labels. It is written down here and nowhere else: what is served is
//! made of it, and so is docs/metrics.md.

use agent_common::{rules::Kind, wire::Counter};

use crate::{
    api::{GrantedBy, Responder, Verb},
    incidents::TOUCHED_WORDS,
    keeper::Why,
    policy::Response,
    webhook::{Dropped, Failed},
};

/// What every name begins with.
pub(super) const NAMESPACE: &str = "burstguard";
/// The response of an account before it is known.
pub(super) const UNKNOWN: &str = "unknown";

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    /// Without the namespace.
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) labels: &'static [Label],
    /// A sentence.
    pub(super) help: &'static str,
}

/// What Prometheus calls its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Counter,
    Gauge,
    /// With these upper bounds, in seconds.
    Histogram(&'static [f64]),
}

/// A label, and what it may say. Never what somebody who is watched has chosen: or he could make series.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) name: &'static str,
    pub(super) values: Values,
}

#[derive(Debug)]
pub(super) enum Values {
    /// The accounts of the policy in force.
    Accounts,
    /// These, and nothing else.
    Words(fn() -> Vec<&'static str>),
    /// Something else, as it is called here.
    Other(&'static str),
}

/// Metrics that are about one thing.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) metrics: &'static [&'static Metric],
}

impl Metric {
    /// As it is served.
    pub(super) fn full_name(&self) -> String {
        format!("{NAMESPACE}_{}", self.name)
    }

    pub(super) fn label_names(&self) -> Vec<&'static str> {
        self.labels.iter().map(|label| label.name).collect()
    }

    /// Every value of its only label; none if that has others than words, or if it is not the only one.
    pub(super) fn words(&self) -> Vec<&'static str> {
        match self.labels {
            [Label { values: Values::Words(words), .. }] => words(),
            _ => Vec::new(),
        }
    }
}

macro_rules! metrics {
    ($($title:literal { $($constant:ident = $name:literal, $shape:expr, [$($label:expr),*], $help:literal;)+ })+) => {
        $($(pub(super) const $constant: Metric =
            Metric { name: $name, shape: $shape, labels: &[$($label),*], help: $help };)+)+
        /// All of them.
        pub(super) const SECTIONS: &[Section] = &[$(Section { title: $title, metrics: &[$(&$constant),+] }),+];
    };
}

const COUNTER: Shape = Shape::Counter;
const GAUGE: Shape = Shape::Gauge;
/// A person decides within minutes.
const DECISION: Shape = Shape::Histogram(&[1., 5., 15., 30., 60., 120., 300., 600., 1800., 3600.]);
/// The kernel freezes within milliseconds, unless a process sleeps where it cannot be frozen.
const FREEZE: Shape = Shape::Histogram(&[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1., 5.]);
/// Most turns are microseconds; past 10 s the loop counts as hanging.
const TURN: Shape = Shape::Histogram(&[0.00001, 0.0001, 0.001, 0.01, 0.1, 1., 10.]);

const ACCOUNT: Label = Label { name: "account", values: Values::Accounts };
const KIND: Label = words("kind", || Kind::ALL.iter().map(|kind| kind.word()).collect());
const RESPONSE: Label = words("response", responses);
/// Before the account is known, too.
const RESPONSE_THEN: Label = words("response", || [responses(), vec![UNKNOWN]].concat());
const GRANTED_BY: Label = words("by", || GrantedBy::ALL.iter().map(|by| by.word()).collect());
const TOUCHED: Label = words("what", || TOUCHED_WORDS.to_vec());
const VERB: Label = words("verb", || Verb::ALL.iter().map(|verb| verb.word()).collect());
const DECIDED_BY: Label = words("by", || Responder::WORDS.to_vec());
const STANDING: Label = words("standing", || vec!["armed", "tripped", "denied", "granted"]);
const MODE: Label = words("mode", || vec!["observe", "enforce", "off"]);
const TIER: Label = words("tier", || vec!["lsm", "tracepoint"]);
const MAP: Label = words("map", || vec!["lineage"]);
const STATE: Label = words("state", || vec!["held", "stopped", "freezing", "frozen"]);
const EFFECT: Label = words("effect", || vec!["freeze", "lease", "revoke"]);
const RELOADED: Label = words("result", || vec!["done", "refused", "failed"]);
const WRITTEN: Label = words("result", || vec!["written", "blocked", "refused", "failed", "dropped"]);
const BLIND: Label = words("reason", blind_reasons);
const FAULT: Label = words("counter", || labels_of(true));
const LIMIT: Label = words("counter", || labels_of(false));
const WEBHOOK: Label =
    Label { name: "webhook", values: Values::Other("the webhooks of the policy in force") };
const LEFT: Label = words("why", || Why::ALL.iter().map(|why| why.word()).collect());
const FAILED_BY: Label = words("reason", || Failed::ALL.iter().map(|why| why.word()).collect());
const DROPPED_BY: Label = words("reason", || Dropped::ALL.iter().map(|why| why.word()).collect());
const VERSION: Label = Label { name: "version", values: Values::Other("the version") };
const SHA256: Label =
    Label { name: "sha256", values: Values::Other("the policy's hash, as in `burstguard status`") };

const fn words(name: &'static str, words: fn() -> Vec<&'static str>) -> Label {
    Label { name, values: Values::Words(words) }
}

fn responses() -> Vec<&'static str> {
    Response::ALL.iter().map(|response| response.as_str()).collect()
}

/// What the kernel programs report of a process, by the counter that it is counted by.
pub(super) fn blind_reasons() -> Vec<&'static str> {
    [Counter::IoUring, Counter::Compat, Counter::UnresolvedPath, Counter::TooDeep, Counter::UnreadablePath]
        .map(Counter::label)
        .to_vec()
}

fn labels_of(fault: bool) -> Vec<&'static str> {
    Counter::ALL.iter().filter(|counter| counter.is_fault() == fault).map(|counter| counter.label()).collect()
}

metrics! {
    "What accounts do" {
        OPERATIONS = "operations_total", COUNTER, [ACCOUNT, KIND],
            "Destructive operations under protected trees; one that is of two kinds counts as each.";
        BURSTS = "bursts_total", COUNTER, [ACCOUNT, RESPONSE_THEN],
            "Budgets exceeded, by the response of the account at that time.";
        ESCAPES = "escapes_total", COUNTER, [ACCOUNT],
            "How often somebody who does not act for the account was asked to act.";
        ATTEMPTS = "attempts_total", COUNTER, [ACCOUNT],
            "Attempts of an account's processes to decide about themselves.";
        TAMPERING = "tampering_total", COUNTER, [ACCOUNT, TOUCHED],
            "What an account's processes did to burstguard itself, or tried to.";
        JOINED = "processes_joined_total", COUNTER, [ACCOUNT],
            "Processes that began to act for an account, without their children.";
        LAUNCHED = "units_launched_total", COUNTER, [ACCOUNT],
            "Units that were started because a process of the account asked for it.";
        STOPPED = "processes_stopped_total", COUNTER, [ACCOUNT],
            "Stops of processes by the kernel programs; a process that is stopped twice counts twice.";
        HELD = "calls_held_total", COUNTER, [ACCOUNT],
            "Calls that began to wait for a decision.";
        REFUSED = "calls_refused_total", COUNTER, [ACCOUNT],
            "Calls of the account that were refused since the kernel programs were loaded.";
        APPROVED = "operations_approved_total", COUNTER, [ACCOUNT],
            "Operations that happened under an approval or a lease; they cost no budget, and are among operations_total too.";
        BLIND_TO = "blind_total", COUNTER, [ACCOUNT, BLIND],
            "What accounts did and this tier cannot judge, by reason.";
    }
    "How accounts stand" {
        ACCOUNT_INFO = "account_info", GAUGE, [ACCOUNT, RESPONSE],
            "What happens past the budgets of an account; always 1.";
        ACCOUNT_STANDING = "account_standing", GAUGE, [ACCOUNT, STANDING],
            "1 for the standing of the account, 0 for the others.";
        ACCOUNT_GRANTED = "account_granted", GAUGE, [ACCOUNT, GRANTED_BY],
            "1 for what lets the account pass, 0 for what else could.";
        BUDGET_USED = "budget_used", GAUGE, [ACCOUNT, KIND],
            "Operations in the budget's window that ends now.";
        BUDGET_LIMIT = "budget_limit", GAUGE, [ACCOUNT, KIND],
            "How many operations the budget admits in its window.";
        PROCESSES = "processes", GAUGE, [ACCOUNT],
            "Processes that act for the account.";
        PROCESSES_STOPPED = "processes_stopped", GAUGE, [ACCOUNT],
            "Processes of the account that are stopped now.";
        PROCESSES_FROZEN = "processes_frozen", GAUGE, [ACCOUNT],
            "Processes of the account that are frozen now.";
        PROCESSES_HELD = "processes_held", GAUGE, [ACCOUNT],
            "Processes of the account with a call that waits for a decision.";
        OLDEST_HELD = "oldest_held_timestamp_seconds", GAUGE, [ACCOUNT],
            "When the call began to wait that has waited longest; not there if none waits.";
    }
    "Incidents and decisions" {
        INCIDENTS_OPEN = "incidents_open", GAUGE, [],
            "Incidents that wait for a decision.";
        OLDEST_INCIDENT_NUMBER = "oldest_incident_number", GAUGE, [ACCOUNT, STATE],
            "The number of the incident that has waited longest for a decision; without an account if it is about something else, not there if none waits.";
        OLDEST_INCIDENT_AT = "oldest_incident_timestamp_seconds", GAUGE, [ACCOUNT, STATE],
            "When that incident began.";
        DECISIONS = "decisions_total", COUNTER, [VERB, DECIDED_BY],
            "Decisions carried out, by verb and by who decided.";
        DECISION_SECONDS = "decision_seconds", DECISION, [],
            "From a burst to the decision about it.";
        EFFECTS_FAILED = "effects_failed_total", COUNTER, [EFFECT],
            "What the daemon meant to do and could not.";
        FREEZE_SECONDS = "freeze_seconds", FREEZE, [],
            "From a freeze to the kernel's confirmation.";
        FROZEN = "processes_frozen_total", COUNTER, [],
            "Processes in freezes that the kernel confirmed.";
        RELEASED = "processes_released_total", COUNTER, [],
            "Stopped processes that were let go on.";
        TERMINAL_LINES = "terminal_lines_total", COUNTER, [WRITTEN],
            "Lines for the terminals of processes whose calls wait, by what became of them.";
    }
    "Policy" {
        POLICY_INFO = "policy_info", GAUGE, [SHA256],
            "The policy in force; always 1.";
        POLICY_LOADED = "policy_loaded_timestamp_seconds", GAUGE, [],
            "When the policy in force was loaded.";
        POLICY_CHANGED = "policy_changed", GAUGE, [],
            "Whether the policy's files say something else than the policy in force.";
        POLICY_WARNINGS = "policy_warnings", GAUGE, [],
            "Warnings about the policy in force.";
        RELOADS = "reloads_total", COUNTER, [RELOADED],
            "Policies that were to come into force, by what became of that: done, refused since they loosen what an open incident holds, or failed.";
        MODE_IN_FORCE = "mode", GAUGE, [MODE],
            "1 for the mode in force, 0 for the others.";
        GOVERNOR_ENGAGED = "governor_engaged", GAUGE, [],
            "Whether the governor is engaged, so that accounts that have not tripped are only observed.";
        GOVERNOR_ENGAGEMENTS = "governor_engagements_total", COUNTER, [],
            "Times that more had tripped than the governor allows.";
    }
    "The daemon" {
        BUILD_INFO = "build_info", GAUGE, [VERSION],
            "The version that runs; always 1.";
        START = "start_timestamp_seconds", GAUGE, [],
            "When the daemon was started; what it counts itself begins at 0 then.";
        ARMED = "armed_timestamp_seconds", GAUGE, [],
            "When watching began.";
        TURN_SECONDS = "loop_turn_seconds", TURN, [],
            "How long the daemon's loop took for one input, while the next had to wait.";
        SELF_TEST_PASSED = "self_test_passed", GAUGE, [],
            "Whether the last self-test passed.";
        SELF_TEST_AT = "self_test_timestamp_seconds", GAUGE, [],
            "When the last self-test ended.";
        STORE_DEGRADED = "store_degraded", GAUGE, [],
            "Whether incidents cannot be written down.";
        STORE_SIZE = "store_size_bytes", GAUGE, [],
            "How large the record of incidents is.";
        STORE_MISSED = "store_missed_total", COUNTER, [],
            "Entries that are lost for the record of incidents.";
        STORE_UNRECORDED = "store_unrecorded_total", COUNTER, [],
            "Decisions that were carried out before they were on the disk.";
        RECORDING_DEGRADED = "recording_degraded", GAUGE, [],
            "Whether what accounts do cannot be recorded for a replay.";
        RECORDING_SIZE = "recording_size_bytes", GAUGE, [],
            "How large the recording of what accounts do is.";
        RECORDING_WRITTEN = "recording_written_total", COUNTER, [],
            "Entries that were written to the recording.";
        RECORDING_MISSED = "recording_missed_total", COUNTER, [],
            "Entries that are lost for the recording.";
    }
    "What is kept" {
        KEEPER_DEGRADED = "keeper_degraded", GAUGE, [],
            "Whether what changes in protected trees cannot be kept.";
        KEEPER_FAILURES = "keeper_failures_total", COUNTER, [],
            "How often that began.";
        KEEPER_NAMES = "keeper_names", GAUGE, [],
            "Names in protected trees that are kept as they are now.";
        KEEPER_VERSIONS = "keeper_versions", GAUGE, [],
            "Versions of all names, those of what is gone too.";
        KEEPER_BYTES = "keeper_bytes", GAUGE, [],
            "What contents, each once, and versions take.";
        KEEPER_LEFT = "keeper_left", GAUGE, [LEFT],
            "Names in protected trees that are not kept, by why.";
        KEEPER_UNSETTLED = "keeper_unsettled_directories", GAUGE, [],
            "Directories with changes that are not kept yet.";
        KEEPER_BEHIND = "keeper_behind_seconds", GAUGE, [],
            "How old the oldest change is that is not kept yet; 0 if all are.";
        KEEPER_UNWATCHED = "keeper_unwatched_directories", GAUGE, [],
            "Directories that the kernel does not tell changes of, which are looked at each minute.";
        KEEPER_LOOKED = "keeper_looked_timestamp_seconds", GAUGE, [],
            "When all protected trees were last looked at from one end to the other; not there before that was done.";
        KEEPER_LOST = "keeper_lost_total", COUNTER, [],
            "How often the kernel had more changes to tell than it keeps, so that all is looked at again.";
        KEEPER_LATE = "keeper_late_total", COUNTER, [],
            "Decisions that let calls go on before what those may change was kept.";
    }
    "Webhooks" {
        WEBHOOK_WAITING = "webhook_waiting", GAUGE, [WEBHOOK],
            "Events that wait to be delivered.";
        WEBHOOK_OLDEST = "webhook_oldest_timestamp_seconds", GAUGE, [WEBHOOK],
            "When the event happened that has waited longest to be delivered; not there if none waits.";
        WEBHOOK_QUEUED = "webhook_queued_total", COUNTER, [WEBHOOK],
            "Events that were written down to be delivered.";
        WEBHOOK_DELIVERED = "webhook_delivered_total", COUNTER, [WEBHOOK],
            "Events that the receiver has taken.";
        WEBHOOK_FAILED = "webhook_failed_total", COUNTER, [WEBHOOK, FAILED_BY],
            "Attempts that failed and are made again, by reason.";
        WEBHOOK_DROPPED = "webhook_dropped_total", COUNTER, [WEBHOOK, DROPPED_BY],
            "Events that are never delivered: too many waited (full) or came at once (busy), an account made too many of a kind in a minute (many), or the receiver answered 4xx (refused).";
    }
    "The kernel programs" {
        TIER_INFO = "tier_info", GAUGE, [TIER],
            "What this kernel lets burstguard do; always 1.";
        PINNED = "pinned", GAUGE, [],
            "Whether enforcement stays when the daemon is killed.";
        PINS_LOST = "pins_lost_total", COUNTER, [],
            "Times that pins were found lost, or could not be made again for another reason than before.";
        KERNEL_FAULTS = "kernel_faults_total", COUNTER, [FAULT],
            "Faults of the kernel programs: what they could not do.";
        KERNEL_LIMITS = "kernel_limits_total", COUNTER, [LIMIT],
            "What the kernel programs met that is beyond this tier.";
        MAP_ENTRIES = "map_entries", GAUGE, [MAP],
            "Entries in a map of the kernel programs.";
        MAP_CAPACITY = "map_capacity", GAUGE, [MAP],
            "How many entries a map has room for.";
    }
}
