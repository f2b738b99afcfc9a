//! Users that a runner's service runs as.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use glob::Pattern;

use super::Host;

/// Where systemd looks, the most important first (<https://www.freedesktop.org/software/systemd/man/systemd.unit.html>).
pub(crate) const DIRECTORIES: [&str; 4] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
];

/// The services of runners, deployers and configuration management, as they install themselves.
const SERVICES: [&str; 21] = [
    "act_runner*.service",
    "actions.runner.*.service",
    "ansible*.service",
    "awx*.service",
    "bamboo-agent*.service",
    "buildkite-agent*.service",
    "chef-client.service",
    "circleci*.service",
    "concourse-worker*.service",
    "drone-runner*.service",
    "forgejo-runner*.service",
    "gitea-runner*.service",
    "gitlab-runner*.service",
    "go-agent*.service",
    "jenkins*.service",
    "puppet*.service",
    "renovate*.service",
    "rundeck*.service",
    "teamcity*.service",
    "vsts.agent.*.service",
    "woodpecker-agent*.service",
];

/// Users, and the service that each was found by.
pub(super) fn find(host: &impl Host) -> Vec<(String, String)> {
    let patterns: Vec<_> = SERVICES.iter().filter_map(|service| Pattern::new(service).ok()).collect();
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for directory in DIRECTORIES.map(Path::new) {
        for name in host.files(directory).unwrap_or_default() {
            let Ok(name) = name.into_string() else { continue };
            if patterns.iter().any(|pattern| pattern.matches(&name)) {
                files.entry(name.clone()).or_insert_with(|| directory.join(name));
            }
        }
    }
    let user = |(name, file): (String, PathBuf)| {
        let user = texts(host, &name, &file).iter().filter_map(|text| user(text)).next_back()?;
        Some((user, format!("{name} runs as it")))
    };
    files.into_iter().filter_map(user).collect()
}

/// A unit file and what an administrator has laid over it, which comes later.
fn texts(host: &impl Host, name: &str, file: &Path) -> Vec<String> {
    let over = Path::new(DIRECTORIES[0]).join(format!("{name}.d"));
    let mut names = host.files(&over).unwrap_or_default();
    names.sort();
    let files = [file.to_owned()].into_iter().chain(names.into_iter().map(|name| over.join(name)));
    files.filter_map(|file| host.read(&file).ok()).collect()
}

/// The user that the text of a unit says last.
fn user(text: &str) -> Option<String> {
    let said = |line: &str| {
        Some(line.trim().strip_prefix("User")?.trim_start().strip_prefix('=')?.trim().to_owned())
    };
    text.lines().filter_map(said).next_back().filter(|user| !user.is_empty())
}
