//! What became of the scenes so far, and what they have to know of each other: on the disk, since the host boots in between.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

const FILE: &str = "/var/lib/system-test.json";

/// All of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Book {
    boots: usize,
    /// Each scene, and whether it went well.
    played: Vec<(String, bool)>,
    notes: BTreeMap<String, u64>,
}

impl Book {
    /// What the boots before have left; nothing at the first.
    pub fn open() -> Result<Self> {
        match fs::read_to_string(FILE) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            text => {
                let text = text.with_context(|| format!("cannot read {FILE}"))?;
                serde_json::from_str(&text).with_context(|| format!("{FILE} is not what we wrote"))
            }
        }
    }

    /// Counts one more; how many there were before.
    pub fn begin_boot(&mut self) -> Result<usize> {
        self.boots += 1;
        self.keep()?;
        Ok(self.boots - 1)
    }

    pub fn note_played(&mut self, scene: &str, is_ok: bool) -> Result<()> {
        self.played.push((scene.to_owned(), is_ok));
        self.keep()
    }

    /// Writes down a number for a later boot.
    pub fn note(&mut self, name: &str, number: u64) -> Result<()> {
        self.notes.insert(name.to_owned(), number);
        self.keep()
    }

    /// A number that an earlier boot has written down.
    pub fn noted(&self, name: &str) -> Result<u64> {
        let noted = self.notes.get(name).copied();
        noted.with_context(|| format!("no boot before has left {name}: its scene has failed"))
    }

    fn keep(&self) -> Result<()> {
        fs::write(FILE, serde_json::to_string(self)?).with_context(|| format!("cannot write {FILE}"))
    }

    /// Says it all in the form of Rust's test harness; how many have failed.
    pub fn tell(&self) -> usize {
        let failed: Vec<_> = self.played.iter().filter(|(_, is_ok)| !is_ok).map(|(name, _)| name).collect();
        if !failed.is_empty() {
            println!("failures:");
            failed.iter().for_each(|name| println!("    {name}"));
        }
        let word = if failed.is_empty() { "ok" } else { "FAILED" };
        let passed = self.played.len() - failed.len();
        println!("\ntest result: {word}. {passed} passed; {} failed; 0 ignored", failed.len());
        failed.len()
    }
}
