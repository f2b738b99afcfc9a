//! The daemon: from the policy to the loop and out again.

mod agent;
mod boot;
mod clock;
mod effect;
mod generation;
mod input;
mod runtime_dir;
mod self_test;
mod tables;

use std::{path::PathBuf, time::Instant};

use agent_common::rules::judge::Phase;
use anyhow::Result;

use agent::ToldToEnd;
use generation::{AccountNow, Armed, Generation};

use crate::{
    output::{Form, Output},
    policy::{Policy, ThisHost},
    report::Event,
};
pub(crate) use clock::boot_now;
pub(crate) use effect::Effect;
pub(crate) use input::Input;
pub(crate) use self_test::subject;
pub(crate) use tables::Names;

/// How to run.
pub(crate) struct Options {
    /// The policy file.
    pub(crate) policy: PathBuf,
    /// In which form to say what happens.
    pub(crate) form: Form,
    /// Let go of everything at the end, instead of leaving it in force for the next agent.
    pub(crate) release_on_exit: bool,
}

/// Watches until it is told to end.
pub(crate) fn run(options: Options) -> Result<()> {
    let started = Instant::now();
    let loaded = Policy::load(&options.policy, &ThisHost)?;
    loaded.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told_to_end = runtime.block_on(async { ToldToEnd::catch() })?;
    let host = boot::prepare_host()?;
    let tables = tables::Tables::of(&policy, host.self_test.path())?;
    let Armed { generation, proof, carried, retirement } = Generation::arm(tables, host.self_test.path())?;
    retirement.carry_out(None);
    let names = generation.names();
    let mut output = Output::new(options.form);
    output.say(&Event::Armed {
        tier: "tracepoint",
        kernel: host.kernel.clone(),
        pid: std::process::id(),
        accounts: names.accounts().map(str::to_owned).collect(),
        trees: names.trees().map(|path| path.display().to_string()).collect(),
        start_ms: started.elapsed().as_millis(),
        self_test_us: proof.took.as_micros(),
    });
    if !carried.freed.is_empty() {
        log::warn!("nobody is held to the budgets of {} any more", carried.freed.join(", "));
        output.say(&Event::Released { pids: carried.released });
    }
    if carried.from_another {
        say_carried(&generation);
    }
    let first = carried.records.into_iter().chain(proof.records).collect();
    let ended = runtime.block_on(agent::run(generation, options.release_on_exit, output, told_to_end, first));
    drop(host);
    ended
}

/// Says which accounts are not free to act, by what happened before this start.
fn say_carried(generation: &Generation) {
    let accounts = generation.accounts().unwrap_or_else(|error| {
        log::error!("cannot tell where the accounts stand: {error:#}");
        Vec::new()
    });
    for account in accounts.iter().filter(|account| account.standing.phase != Phase::Armed) {
        let AccountNow { name, standing, members, stopped, .. } = account;
        log::warn!(
            "{name} is {:?} from before; {stopped} of its {members} processes are stopped",
            standing.phase
        );
    }
}

/// Lets go without an agent.
pub(crate) fn release() -> Result<()> {
    let _only = runtime_dir::RuntimeDir::lock()?;
    let pids = generation::release_all()?;
    println!("{}", Event::Released { pids });
    Ok(())
}
