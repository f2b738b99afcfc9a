//! How far the keeper is, as the agent says it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{ask_json, wait};

/// How often it is waited: the keeper comes last, and on a machine that is busy it takes its time.
const TIMES: usize = 4;

/// Waits until at least so many names are kept, and nothing has changed that is not.
pub fn until_settled(names: u64) -> Result<()> {
    let mut last = Value::Null;
    let mut is_settled = || {
        last = ask_json(&["status"])?["keeper"].take();
        let is_settled = last["unsettled"] == 0
            && !last["looked_at"].is_null()
            && last["names"].as_u64().is_some_and(|kept| kept >= names);
        anyhow::Ok(is_settled.then_some(()))
    };
    let mut settled = Ok(());
    for _ in 0..TIMES {
        wait::go_on()?;
        settled = wait::until("all is kept", &mut is_settled);
        if settled.is_ok() {
            break;
        }
    }
    settled.map_err(|error| error.context(format!("the keeper: {last}")))
}

/// Writes a file in a tree and waits until it is kept, and with it all that had changed before.
pub fn until_seen(mark: &Path) -> Result<()> {
    let path = mark.to_str().context("a path of ours")?;
    let versions = || {
        let rows = ask_json(&["history", path])?;
        anyhow::Ok(rows.as_array().map_or(0, Vec::len))
    };
    let before = versions()?;
    fs::write(mark, format!("{before}\n")).with_context(|| format!("cannot write {path}"))?;
    let kept = wait::until("the mark is kept", || Ok((versions()? > before).then_some(())));
    kept.with_context(|| format!("the keeper: {}", ask_json(&["status"]).unwrap_or_default()["keeper"]))?;
    until_settled(1)
}
