//! All of a run, for machines.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tests::proc;

use crate::growth::Curve;
use crate::row::Row;
use crate::scale::Scale;

#[derive(Serialize)]
pub(crate) struct Report {
    kernel: String,
    cpus: usize,
    tier: &'static str,
    /// Less than it takes for figures that mean something.
    quick: bool,
    emulated: bool,
    /// What each is about.
    pub(crate) parts: BTreeMap<&'static str, &'static str>,
    pub(crate) rows: Vec<Row>,
    pub(crate) curves: Vec<Curve>,
}

impl Report {
    pub(crate) fn new(scale: Scale, quick: bool, emulated: bool) -> Self {
        let cpus = thread::available_parallelism().map_or(0, usize::from);
        let (parts, rows, curves) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { kernel: proc::kernel(), cpus, tier: scale.tier.name(), quick, emulated, parts, rows, curves }
    }

    /// Into a file, or to our output as its last line.
    pub(crate) fn write(&self, to: &Path) -> Result<()> {
        let text = serde_json::to_string(self)?;
        if to == Path::new("-") {
            println!("{text}");
            return Ok(());
        }
        fs::write(to, text).with_context(|| format!("cannot write {}", to.display()))
    }
}
