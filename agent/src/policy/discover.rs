//! The policy of a host that has none: it watches the automation users that are found on it, in the directories where a
//! host keeps its configuration, and only observes.
//!
//! Who is found, and by what, is said in each account's `note`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

pub(crate) use units::DIRECTORIES as UNIT_DIRECTORIES;

use super::{Host, parse, render};

mod keys;
mod timetable;
mod units;

/// Where configuration is, and what a host boots and schedules by.
const PATHS: [&str; 5] = ["/etc", "/usr/local/etc", "/boot", "/srv", "/var/spool/cron"];

/// What is made anew from something that is kept elsewhere, by work that is done every day. Nothing is in here that the budgets
/// have room for; tests/corpus has a case for each, and one for what lies beside it.
const EXCEPTIONS: [&str; 6] = [
    // Links into /usr/share, and the bundle of what they lead to: update-ca-certificates --fresh unlinks and makes them all.
    "/etc/ssl/certs",
    // The copies that useradd and its like keep of what they change, written in place: up to six for one user.
    "/etc/*-",
    // Git's own database, which it packs by unlinking every object. What is checked out stays protected.
    "**/.git",
    // What a package manager put there, from a list that stays protected; pip renames whole directories in it.
    "**/.venv",
    "**/venv",
    "**/node_modules",
];

/// The users that automation has where its packages or its manuals made them.
const USERS: [&str; 33] = [
    "actions-runner",
    "ansible",
    "automation",
    "awx",
    "azure-pipelines",
    "bamboo",
    "borg",
    "buildkite-agent",
    "capistrano",
    "chef",
    "ci",
    "circleci",
    "concourse",
    "deploy",
    "deployer",
    "drone",
    "gitea-runner",
    "github-runner",
    "gitlab-runner",
    "gocd",
    "jenkins",
    "octopus",
    "packer",
    "puppet",
    "renovate",
    "runner",
    "rundeck",
    "salt",
    "semaphore",
    "teamcity",
    "terraform",
    "vsts",
    "woodpecker",
];

/// A user of the host, as its list has it.
struct User {
    name: String,
    home: PathBuf,
    shell: PathBuf,
}

/// The text of that policy.
pub(super) fn policy(host: &impl Host) -> String {
    let paths: Vec<_> = PATHS.into_iter().filter(|path| is_real(path, host)).collect();
    let is_of_use =
        |one: &&str| one.starts_with("**/") || paths.iter().any(|path| Path::new(one).starts_with(path));
    let exceptions: Vec<_> = EXCEPTIONS.into_iter().filter(is_of_use).collect();
    let accounts: Map<String, Value> = found(host)
        .into_values()
        .map(|(user, why)| {
            (user.clone(), json!({ "users": [user], "login": [user], "note": why.join("; ") }))
        })
        .collect();
    render::toml(&json!({
        "version": 1,
        "mode": "observe",
        "tree": { "system": { "paths": paths, "except": exceptions } },
        "default": { "trees": ["system"] },
        "account": accounts,
    }))
}

/// The automation users by uid, and what each was found by. Nobody who has root's uid is one: that is every person who
/// becomes root.
fn found(host: &impl Host) -> BTreeMap<u32, (String, Vec<String>)> {
    let users = users(host);
    let by_name = USERS.iter().map(|user| ((*user).to_owned(), "a user name of automation".to_owned()));
    let mut found: BTreeMap<u32, (String, Vec<String>)> = BTreeMap::new();
    let all = units::find(host).into_iter().chain(keys::find(host, &users));
    for (user, why) in all.chain(timetable::find(host, &users)).chain(by_name) {
        if let Ok(Some(uid)) = host.uid(&user)
            && uid != 0
            && parse::is_name(&user)
        {
            found.entry(uid).or_insert_with(|| (user, Vec::new())).1.push(why);
        }
    }
    found
}

/// The host's own users; those of a directory service are found by their units and names.
fn users(host: &impl Host) -> Vec<User> {
    let list = host.read(Path::new("/etc/passwd")).unwrap_or_default();
    let user = |line: &str| {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, _, _, _, home, shell] = fields[..] else { return None };
        Some(User { name: name.to_owned(), home: home.into(), shell: shell.into() })
    };
    list.lines().filter_map(user).collect()
}

/// Through a symbolic link one directory could be protected twice.
fn is_real(path: &str, host: &impl Host) -> bool {
    let path = Path::new(path);
    let parts = path.parent().zip(path.file_name());
    parts.is_some_and(|(above, name)| {
        host.directories(above).is_ok_and(|names| names.iter().any(|found| found == name))
    })
}
