//! The daemon: from the policy to the loop and out again.

mod agent;
mod apply;
mod boot;
mod effect;
mod evidence;
mod facts;
mod gather;
mod generation;
mod hold;
mod in_force;
mod input;
mod keep_pinned;
mod let_go;
mod memory;
mod names;
mod namespaces;
mod own;
mod record;
mod record_deeds;
mod refuse_accounts;
mod retirement;
mod runtime_dir;
mod self_test;
mod service;
mod signals;
mod tables;
mod tell;
mod tier;
mod unattended;
mod units;
mod watched;
mod whois;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tokio::sync::broadcast;

use agent::Parts;
use boot::HostReady;
use in_force::{Before, Come, Wish};
use memory::Memory;
use record::Record;
use runtime_dir::RuntimeDir;
use signals::Signals;
use watched::Watched;

use crate::{
    api,
    control::{self, Control},
    enforcer::{
        freezer::{Found, Freezer},
        release::release as release_members,
    },
    incidents::Off,
    keeper::{self, Keeper},
    metrics::{self, Metrics},
    notify,
    output::{Form, Output},
    recording::{self, Recording},
    report::Event,
    sensor,
    store::{self, Opened, Store},
    webhook::Webhooks,
};
pub(crate) use effect::{Effect, Leave, Which, Within};
#[cfg(test)]
pub(crate) use facts::About;
pub(crate) use facts::{AccountFacts, Facts, GrantFacts, HeldFacts, Identity, ProcessFacts};
pub(crate) use input::{
    Asked, CallId, Ending, Frozen, Input, NotReloaded, Outcome, Reload, Rights, SelfTested, Touched,
};
pub(crate) use names::Names;
pub(crate) use own::Place;
pub(crate) use refuse_accounts::ActsForAccount;
pub(crate) use runtime_dir::AnotherAgent;
pub(crate) use self_test::subject;
#[cfg(test)]
pub(crate) use tier::Chosen;
pub(crate) use tier::{Wanted, obstacle};
pub(crate) use unattended::say_unattended;

/// How many events may wait for somebody who watches slowly.
const WATCHED: usize = 1024;

/// How long a start waits for the record, once all else is there.
const OPENING: Duration = Duration::from_secs(2);

/// How to run.
pub(crate) struct Options {
    /// The policy file.
    pub(crate) policy: PathBuf,
    /// In which form to say what happens.
    pub(crate) form: Form,
    /// Let go of everything at the end, instead of leaving it in force for the next agent.
    pub(crate) release_on_exit: bool,
    pub(crate) metrics: metrics::Arguments,
    /// Where to listen for requests.
    pub(crate) socket: PathBuf,
    pub(crate) tier: Wanted,
    /// The directory of the record; none for the usual one.
    pub(crate) state: Option<PathBuf>,
    /// Work in the mounts of the host's first process, whatever mounts we were given.
    pub(crate) host_mounts: bool,
}

/// Watches until it is told to end.
pub(crate) fn run(options: Options) -> Result<()> {
    let started = Instant::now();
    let Options { policy, form, release_on_exit, metrics: arguments, socket, tier, state, host_mounts } =
        options;
    // First of all: what the policy says is another thing there.
    namespaces::refuse_containers()?;
    let metrics = Arc::new(Metrics::new().context("cannot make the metrics")?);
    // Its thread listens to the network, and has no business in the host's files: it is there before we go.
    let _endpoint = metrics::Endpoint::open(&arguments, Arc::clone(&metrics))?;
    if host_mounts {
        namespaces::enter_hosts_mounts()?;
    }
    let loaded = in_force::read(&policy)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = runtime.block_on(async { Signals::catch() })?;
    let host = boot::prepare_host()?;
    sensor::restore();
    let directory = store::directory(state);
    keeper::prepare(&directory);
    let watched = Watched::open(&directory);
    // It is opened while the kernel verifies the programs.
    let recorded = loaded.policy.recording;
    let (store, opening) = Store::open(directory.clone(), loaded.policy.record.bounds);
    let (events, _) = broadcast::channel(WATCHED);
    let control = Control::open(&socket, events.clone())?;
    let memory = RuntimeDir::memory();
    let off_until = memory.remembered().off.map_or(0, Off::end);
    let before = Before { watched, off_until };
    notify::tell("STATUS=loading the kernel programs and proving them\n");
    let come = in_force::bring(
        policy,
        Wish::of(loaded),
        &host.kernel,
        host.self_test.path(),
        tier,
        before,
        directory.clone(),
    )?;
    let output = Output::new(form);
    let mut webhooks = Webhooks::open(&directory, &come.in_force.policy.webhooks);
    let (in_force, first) = begin(come, &host, started, &output, &mut webhooks);
    let opened = opening.wait(OPENING).unwrap_or_else(|| {
        store.leave();
        Opened::default()
    });
    let keeper = Keeper::open(directory.clone(), &in_force.policy.trees);
    let parts = Parts {
        in_force,
        freezer: adopt_freezes(&memory),
        memory,
        opened,
        record: Record::new(store, directory.clone()),
        recording: Recording::open(directory.join(recording::DIRECTORY), recorded),
        webhooks,
        keeper,
        control,
        events,
        metrics,
        output,
        signals,
        ending: if release_on_exit { Ending::LetGo } else { Ending::Leave },
        self_test: host.self_test.path().to_owned(),
        tier,
    };
    let ended = runtime.block_on(agent::run(parts, first));
    drop(host);
    ended
}

/// Says that watching has begun. The policy in force, and what was reported meanwhile.
fn begin(
    come: Come,
    host: &HostReady,
    started: Instant,
    output: &Output,
    webhooks: &mut Webhooks,
) -> (in_force::InForce, Vec<sensor::Record>) {
    let Come { mut in_force, proof, carried, mut retirement } = come;
    let records = retirement.records(None, &mut in_force.generation);
    retirement.carry_out(None);
    let mut say = |event: &Event| {
        output.say(event);
        webhooks.event(event);
    };
    let names = in_force.generation.names();
    say(&Event::Armed {
        tier: in_force.about.tier.word(),
        tier_note: in_force.about.tier.note.clone(),
        kernel: host.kernel.clone(),
        pid: std::process::id(),
        accounts: names.accounts().map(str::to_owned).collect(),
        trees: names.trees().map(|path| path.display().to_string()).collect(),
        start_ms: started.elapsed().as_millis(),
        self_test_us: proof.took.as_micros(),
    });
    if !carried.freed.is_empty() {
        log::warn!("nobody is held to the budgets of {} any more", carried.freed.join(", "));
        say(&Event::Released { pids: carried.released });
    }
    (in_force, records)
}

/// What an earlier daemon has frozen stays so.
fn adopt_freezes(memory: &Memory) -> Freezer {
    let mut freezer = Freezer::open();
    let mut stopped = memory.remembered().stopped.clone();
    let mut found = freezer.found();
    // Those that could only be stopped have no leaf.
    let ids: Vec<u64> = found.iter().map(|found| found.id).collect();
    let others = stopped.keys().filter(|id| !ids.contains(id));
    found.extend(others.map(|id| Found { id: *id, leaves: Vec::new(), processes: 0 }));
    for found in found {
        freezer.adopt(&found, stopped.remove(&found.id).unwrap_or_default());
    }
    freezer
}

/// Lets go without an agent.
pub(crate) fn release() -> Result<()> {
    namespaces::refuse_containers()?;
    refuse_accounts::refuse_accounts()?;
    let _only = RuntimeDir::lock()?;
    let memory = RuntimeDir::memory();
    let mut freezer = adopt_freezes(&memory);
    let frozen: Vec<u64> = freezer.ids().collect();
    let mut members = Vec::new();
    let mut pids = Vec::new();
    for incident in frozen {
        pids.extend(freezer.processes(incident).iter().map(|id| id.pid));
        let thawed = freezer.thaw(incident);
        thawed.kept.iter().for_each(|kept| log::error!("{kept}"));
        members.extend(thawed.stopped);
    }
    pids.extend(release_members(&members));
    pids.extend(let_go::release_all()?);
    memory.forget();
    // A daemon that was killed has left it, and with it its directory.
    if let Err(error) = control::clear(api::SOCKET.as_ref()) {
        log::warn!("{error:#}");
    }
    println!("{}", Event::Released { pids });
    Ok(())
}
