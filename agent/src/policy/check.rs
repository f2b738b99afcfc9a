//! What `burstguard check` says about a policy. It needs no daemon and no privilege, and changes nothing.

use std::path::Path;

use agent_common::rules::judge::Tier;
use serde_json::{Value, json};

use super::{
    Host, Loaded, Policy, PolicyError, Problem,
    problem::{counted, listing},
    render,
};

/// The exit status for a policy that is not good.
pub(crate) const INVALID: u8 = 7;

/// What is wanted besides the problems.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish<'a> {
    /// The policy as it would be carried out.
    pub(crate) effective: bool,
    /// JSON instead of text.
    pub(crate) json: bool,
    /// What the kernel can do, and why not more, if that is known.
    pub(crate) tier: Option<(Tier, &'a str)>,
}

/// What to print, and with which status to exit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// For standard output.
    pub(crate) output: String,
    /// For standard error.
    pub(crate) complaints: String,
    pub(crate) exit: u8,
}

/// Checks the policy file `path` together with the drop-ins of the directory it is in.
pub(crate) fn check(path: &Path, host: &impl Host, wish: Wish<'_>) -> Checked {
    let (loaded, errors, warnings) = match Policy::load(path, host) {
        Ok(loaded) => {
            let tier = wish.tier.map(|(tier, why)| loaded.warnings_for(tier, why)).unwrap_or_default();
            let holds = wish.tier.is_some_and(|(tier, _)| tier == Tier::Lsm);
            let advice = if holds { loaded.advice(host) } else { Vec::new() };
            let mut warnings = [&loaded.warnings[..], &tier, &advice].concat();
            warnings.sort();
            (Some(loaded), Vec::new(), warnings)
        }
        Err(PolicyError::Invalid { errors, warnings }) => (None, errors, warnings),
    };
    let exit = if loaded.is_some() { 0 } else { INVALID };
    let effective =
        loaded.as_ref().filter(|_| wish.effective).map(|loaded| render::effective(&loaded.policy));
    if wish.json {
        let output = json!({
            "version": 1,
            "errors": listed(&errors),
            "warnings": listed(&warnings),
            "effective": effective,
        });
        return Checked { output: format!("{output}\n"), complaints: String::new(), exit };
    }
    let outcome = loaded.as_ref().map_or_else(|| "nothing was loaded".to_owned(), summary);
    Checked {
        output: effective.as_ref().map(render::toml).unwrap_or_default(),
        complaints: format!("{}\n", listing(&errors, &warnings, &outcome)),
        exit,
    }
}

fn summary(loaded: &Loaded) -> String {
    let Loaded { policy, sources, built_in, .. } = loaded;
    let from = match (built_in, sources.len()) {
        (false, 1) => String::new(),
        (false, files) => format!(" from {}", counted(files, "file")),
        (true, 0) => " of the built-in policy".to_owned(),
        (true, files) => format!(" of the built-in policy and {}", counted(files, "file")),
    };
    let accounts = counted(policy.accounts.len(), "account");
    let paths = counted(policy.trees.iter().map(|tree| tree.paths.len()).sum(), "path");
    format!("{accounts} and {paths}{from} are ready to be loaded")
}

fn listed(problems: &[Problem]) -> Vec<Value> {
    problems
        .iter()
        .map(|Problem { position, message }| {
            json!({
                "file": position.file.to_string_lossy(),
                "line": position.line,
                "column": position.column,
                "message": message,
            })
        })
        .collect()
}
