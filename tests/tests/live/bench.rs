//! The benchmarks run, and say what they are asked for; what their figures are, small as the numbers are here, says nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::bench;

/// With the parts that measure what the others do too.
const PARTS: [&str; 4] = ["losses", "programs", "walk", "growth"];
/// Rows that have to have a figure wherever a test of ours runs.
const ROWS: [&str; 4] = [
    "one process: burstguard, tier tracepoint",
    "a fork storm: burstguard, tier tracepoint",
    "… inotify, then SIGSTOP",
    "the way up from depth 10, more than at the root",
];
const CURVES: [&str; 7] =
    ["accounts", "depth", "exceptions", "incidents-answer", "incidents-start", "members", "roots"];

#[test]
fn each_part_that_is_run_quickly_has_its_rows_and_curves() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (json, svg) = (directory.path().join("bench.json"), directory.path().join("svg"));
    let mut command = Command::new(bench()?);
    command.args(PARTS).args(["--quick", "--runs", "1", "--json"]).arg(&json).arg("--svg").arg(&svg);
    let output = command.output().context("cannot run the benchmarks")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&fs::read(&json)?)?;
    let rows = report["rows"].as_array().context("rows")?;
    let parts: BTreeSet<_> = rows.iter().filter_map(|row| row["part"].as_str()).collect();
    assert!(["losses", "programs", "walk"].iter().all(|part| parts.contains(part)), "{said}");
    for name in ROWS {
        let row = rows.iter().find(|row| row["name"] == name).with_context(|| format!("{name}: {said}"))?;
        assert!(row["median"].is_number(), "{row}");
    }
    // Who is not here says why.
    assert!(rows.iter().all(|row| row["median"].is_number() || row["skipped"].is_string()), "{said}");
    let curves = report["curves"].as_array().context("curves")?;
    let ids: BTreeSet<_> = curves.iter().filter_map(|curve| curve["id"].as_str()).collect();
    assert_eq!(ids, BTreeSet::from(CURVES), "{said}");
    for id in ids {
        assert!(fs::read_to_string(svg.join(format!("{id}.svg")))?.contains("<polyline"), "{id}");
    }
    // What it has told the kernel's audit is taken back.
    if Path::new("/sbin/auditctl").exists() {
        let rules = Command::new("/sbin/auditctl").arg("-l").output()?;
        let rules = String::from_utf8_lossy(&rules.stdout).into_owned();
        assert!(!rules.contains("burstguard-bench") && !rules.contains("never,task"), "{rules}");
    }
    Ok(())
}
