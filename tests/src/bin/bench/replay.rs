//! A policy tried on a million operations that were recorded.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{Account, Daemon, Ground, Job, Policy, ask_json};

use crate::row::Row;
use crate::scale::Scale;

/// How many of them are made before it is waited until they are recorded.
const AT_ONCE: usize = 50_000;

pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
    let operations = scale.files * 50;
    // More, should some of the records be lost.
    let made = operations + operations / 10;
    let account = Account::new()?;
    let ground = Ground::in_memory(&account)?;
    ground.fill(&ground.tree(), 1)?;
    let policy = Policy::new(account.name(), &ground.tree()).budget("overwrites", "1024/1ms");
    let mut daemon = Daemon::start(&policy, ground.base())?;
    for _ in 0..made.div_ceil(AT_ONCE) {
        let overwrite = ["overwrite", &AT_ONCE.to_string()];
        Job::start(ground.hand_command(&account, &overwrite)?)?.until_done_in_the_end()?;
        ask_json(&["accounts"])?; // what was reported is taken before a question is
    }
    daemon.end()?;
    let base = ground.base();
    let (policy, recording) = (base.join("policy.toml"), base.join("state/recording"));
    let [policy, recording] =
        [policy.to_str(), recording.to_str()].map(|path| path.context("a path of ours"));
    let (policy, recording) = (policy?, recording?);
    let mut each = Vec::new();
    for _ in 0..scale.long_runs {
        let replay: Value = ask_json(&["replay", "--policy", policy, recording])?;
        let number = |name: &str| replay[name].as_u64().unwrap_or_default() as f64;
        ensure!(number("operations") >= operations as f64, "too few were recorded: {replay}");
        ensure!(number("different") == 0.0, "{replay}");
        each.push(number("took_ms") / number("operations") * operations as f64);
    }
    Ok(vec![Row::new(format!("replay of {operations} operations"), "ms", each).always(1000.0)])
}
