//! The daemon: from the policy to the loop and out again.

mod agent;
mod boot;
mod clock;
mod effect;
mod input;
mod runtime_dir;
mod self_test;
mod tables;

use std::{path::PathBuf, time::Instant};

use anyhow::{Context as _, Result};

use agent::ToldToEnd;

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
}

/// Watches until it is told to end; then lets go of everything and detaches.
pub(crate) fn run(options: Options) -> Result<()> {
    let started = Instant::now();
    let loaded = Policy::load(&options.policy, &ThisHost)?;
    loaded.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told_to_end = runtime.block_on(async { ToldToEnd::catch() })?;
    let host = boot::prepare_host()?;
    let tables = tables::Tables::of(&loaded.policy, host.self_test.path())?;
    let (mut kernel, trees) = boot::arm(&tables)?;
    let proof = self_test::prove(&mut kernel, host.self_test.path())
        .context("the self-test failed, so nothing is armed")?;
    boot::adopt(&mut kernel, &tables)?;
    let mut output = Output::new(options.form);
    output.say(&Event::Armed {
        tier: "tracepoint",
        kernel: host.kernel.clone(),
        pid: std::process::id(),
        accounts: tables.names.accounts().map(str::to_owned).collect(),
        trees: tables.names.trees().map(|path| path.display().to_string()).collect(),
        start_ms: started.elapsed().as_millis(),
        self_test_us: proof.took.as_micros(),
    });
    let ended = runtime.block_on(agent::run(kernel, tables.names, output, told_to_end, proof.records));
    drop(trees); // only now: the kernel programs know directories by inodes that these descriptors pin
    drop(host);
    ended
}
