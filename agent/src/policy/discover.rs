//! The policy of a host that has none: it watches the automation users that are known by name, in the directories where
//! a host keeps its configuration, and only observes.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Map, Value, json};

use super::{Host, render};

/// Where configuration is, and what a host boots and schedules by.
const PATHS: [&str; 5] = ["/etc", "/usr/local/etc", "/boot", "/srv", "/var/spool/cron"];

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

/// The text of that policy.
pub(super) fn policy(host: &impl Host) -> String {
    let paths: Vec<_> = PATHS.into_iter().filter(|path| is_real(path, host)).collect();
    let mut uids = BTreeSet::new();
    let accounts: Map<String, Value> = USERS
        .into_iter()
        .filter(|name| host.uid(name).is_ok_and(|uid| uid.is_some_and(|uid| uid != 0 && uids.insert(uid))))
        .map(|name| (name.to_owned(), json!({ "users": [name], "login": [name] })))
        .collect();
    render::toml(&json!({
        "version": 1,
        "mode": "observe",
        "tree": { "system": { "paths": paths } },
        "default": { "trees": ["system"] },
        "account": accounts,
    }))
}

/// Through a symbolic link one directory could be protected twice.
fn is_real(path: &str, host: &impl Host) -> bool {
    let path = Path::new(path);
    let parts = path.parent().zip(path.file_name());
    parts.is_some_and(|(above, name)| {
        host.directories(above).is_ok_and(|names| names.iter().any(|found| found == name))
    })
}
