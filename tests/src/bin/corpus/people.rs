//! A user for each case, and the policy that is shipped, with these users as its accounts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::agent;

use crate::cases::Case;
use crate::disk::Exception;
use crate::judge::Budget;

/// There is no such file in the guest, so that the built-in policy takes its place.
pub(crate) const POLICY: &str = "/etc/burstguard/policy.toml";
/// Lies over it, and says no more than who the accounts are and that it is in force.
const DROP_IN: &str = "/etc/burstguard/policy.d/corpus.toml";
/// Out of every case's reach.
const MOST: &str = "1024";
const FIRST: u32 = 20_000;
/// Of all of them: who is in it may use sudo.
pub(crate) const GROUP: u32 = 19_999;

/// Whom a case acts as.
pub(crate) struct Person {
    pub(crate) uid: u32,
    pub(crate) name: String,
    /// Outside of every tree.
    pub(crate) home: PathBuf,
    /// What the policy calls it: the name of the case.
    pub(crate) account: String,
}

/// A user for each case. Their entries are written, not asked for: `useradd` takes a second each where this runs.
pub(crate) fn make(cases: &[Case]) -> Result<Vec<Person>> {
    let (mut passwd, mut shadow, groups) = (String::new(), String::new(), format!("corpus:x:{GROUP}:\n"));
    let mut people = Vec::new();
    for (uid, case) in (FIRST..).zip(cases) {
        let name = format!("c{}", uid - FIRST);
        let home = Path::new("/home").join(&name);
        writeln!(passwd, "{name}:x:{uid}:{GROUP}:{}:{}:/bin/bash", case.name, home.display())?;
        writeln!(shadow, "{name}:*:20000:0:99999:7:::")?;
        fs::create_dir_all(&home).and_then(|()| chown(&home, Some(uid), Some(GROUP)))?;
        people.push(Person { uid, name, home, account: case.name.clone() });
    }
    for (file, more) in [("/etc/passwd", &passwd), ("/etc/shadow", &shadow), ("/etc/group", &groups)] {
        let append =
            File::options().append(true).open(file).and_then(|mut file| file.write_all(more.as_bytes()));
        append.with_context(|| format!("cannot write to {file}"))?;
    }
    Ok(people)
}

/// What the policy that is shipped says.
pub(crate) struct Shipped {
    /// By kind.
    pub(crate) budgets: BTreeMap<String, Budget>,
    pub(crate) exceptions: Vec<Exception>,
}

/// Writes the policy.
pub(crate) fn employ(people: &[Person], out_of_reach: bool) -> Result<Shipped> {
    let mut text = "version = 1\nmode = \"enforce\"\n".to_owned();
    for Person { uid, account, .. } in people {
        write!(text, "[account.{account}]\nusers = [{uid}]\nlogin = [{uid}]\n")?;
    }
    let file = Path::new(DROP_IN);
    let directory = file.parent().context("a file is in a directory")?;
    fs::create_dir_all(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o755))?;
    fs::write(file, &text)?;
    let shipped = shipped(people.first().context("there are people")?)?;
    if out_of_reach {
        text.push_str("[default]\n");
        for (kind, budget) in &shipped.budgets {
            writeln!(text, "budget.{kind}s = \"{MOST}/{}ms\"", budget.window.as_millis())?;
        }
        fs::write(file, &text)?;
    }
    Ok(shipped)
}

/// As the agent understands the policy.
fn shipped(person: &Person) -> Result<Shipped> {
    let output = Command::new(agent()?).args(["check", "--effective", "--json"]).output()?;
    let said: Value = serde_json::from_slice(&output.stdout).context("burstguard check --json")?;
    let policy = &said["effective"];
    let table = policy["account"][&person.account]["budget"].as_object();
    let budget = |(key, text): (&String, &Value)| {
        let text = text.as_str().unwrap_or_default();
        let (count, window) = text.split_once('/').with_context(|| format!("{text:?} is no budget"))?;
        let kind = key.trim_end_matches('s').to_owned();
        Ok((kind, Budget { count: count.parse()?, window: duration(window)? }))
    };
    let budgets = table.with_context(|| format!("the policy is no good: {said}"))?.iter().map(budget);
    let trees = policy["tree"].as_object().into_iter().flat_map(|trees| trees.values());
    let exceptions = trees.filter_map(|tree| tree["except"].as_array()).flatten().filter_map(Value::as_str);
    Ok(Shipped {
        budgets: budgets.collect::<Result<_>>()?,
        exceptions: exceptions.map(|text| Exception(text.to_owned())).collect(),
    })
}

fn duration(text: &str) -> Result<Duration> {
    let (number, unit) = text.split_at(text.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(text.len()));
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    ensure!(milliseconds > 0, "{text:?} is no duration");
    Ok(Duration::from_millis(number.parse::<u64>()? * milliseconds))
}
