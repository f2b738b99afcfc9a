//! `cargo xtask docs`: documents that are made of what the program knows of itself.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::run;
use crate::workspace::Workspace;

/// A file, and how the program calls it: `burstguard debug reference NAME` prints it.
struct Document {
    file: &'static str,
    name: &'static str,
}

const DOCUMENTS: &[Document] = &[
    Document { file: "docs/metrics.md", name: "metrics" },
    Document { file: "docs/policy.md", name: "policy" },
    Document { file: "deploy/journal/burstguard.catalog", name: "catalog" },
];

/// Writes each of them; or, if it is only to be checked, fails if one is not what it would be.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for Document { file, name } in DOCUMENTS {
        let mut print =
            workspace.cargo(["run", "--quiet", "-p", "burstguard", "--", "debug", "reference", name]);
        let made = run::for_output(&mut print)?;
        let path = workspace.root.join(file);
        let there = fs::read_to_string(&path).unwrap_or_default(); // one that is not there is stale
        if there == made {
            println!("docs: {file} is of today");
        } else if check {
            stale.push(*file);
        } else {
            fs::write(&path, made).with_context(|| format!("cannot write {}", path.display()))?;
            println!("docs: {file} written");
        }
    }
    ensure!(stale.is_empty(), "not of today: {}; run `cargo xtask docs`", stale.join(", "));
    Ok(())
}
