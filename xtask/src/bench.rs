//! `cargo xtask bench`: the benchmarks of the crate `tests`, here or in a virtual machine, and the README's tables, which are made of
//! what they have written and of nothing else.

mod table;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{product, vm};

/// Where, and what becomes of it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// In a virtual machine, whose kernel can hold a call: what is lost there, and how long it takes from an approval to the call's
    /// end. Its processor is emulated, so it says no other times. What it has found goes to target/vm/bench.json. Needs root.
    #[arg(long)]
    vm: bool,
    /// Run nothing: put what earlier runs have written by --json into the README, one table each
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["vm", "args"])]
    write_readme: Vec<PathBuf>,
    /// For the benchmarks, such as a part, --runs N, --quick, --json FILE, --svg DIR; after `--` also their own --help
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Between these lines of the README are the tables.
const BEGIN: &str = "<!-- measured: made by `cargo xtask bench --write-readme` -->";
const END: &str = "<!-- measured: end -->";

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    if options.vm {
        return in_a_guest(workspace, &options.args);
    }
    if options.write_readme.is_empty() {
        return product::exec(workspace, "bench", &options.args);
    }
    let reports = options.write_readme.iter().map(read).collect::<Result<Vec<_>>>()?;
    let file = workspace.root.join("README.md");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let tables: Vec<_> = reports.iter().map(table::of).collect();
    fs::write(&file, replaced(&text, &tables.join("\n"))?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("bench: {} has the figures of {} runs", file.display(), reports.len());
    Ok(ExitCode::SUCCESS)
}

fn in_a_guest(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    let mut args: Vec<_> = args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if args.is_empty() {
        args = ["--runs", "2", "losses", "hold"].map(str::to_owned).to_vec();
    }
    let (status, json) = vm::bench(workspace, &args)?;
    if !json.is_empty() {
        let file = workspace.target.join("vm/bench.json");
        fs::write(&file, json).with_context(|| format!("cannot write {}", file.display()))?;
        println!("bench: written to {}", file.display());
    }
    Ok(status)
}

fn read(file: &PathBuf) -> Result<Value> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let report: Value = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    ensure!(report["quick"] == false, "{}: made by --quick, so its figures mean little", file.display());
    Ok(report)
}

fn replaced(text: &str, tables: &str) -> Result<String> {
    let parts = text.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.with_context(|| format!("the README has no lines {BEGIN} and {END}"))?;
    Ok(format!("{head}{BEGIN}\n\n{}\n\n{END}{tail}", tables.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_lines_is_replaced() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replaced(&text, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert_eq!(replaced(&new, "new\n").unwrap(), new);
        assert!(replaced("a", "new").is_err());
    }

    #[test]
    fn the_readme_has_these_lines() {
        let workspace = Workspace::locate().unwrap();
        let text = fs::read_to_string(workspace.root.join("README.md")).unwrap();
        assert!(replaced(&text, "").is_ok());
    }
}
