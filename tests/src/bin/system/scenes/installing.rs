//! From nothing to a host that is watched.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{Job, ask_json, wait};

use crate::book::Book;
use crate::{ground, host, prometheus};

const README: &str = include_str!("../../../../../README.md");

/// In force on this host, over what the package brings.
pub const FILE: &str = "/etc/burstguard/policy.toml";

/// Three who are told by their users, and whatever runs in a box.
const POLICY: &str = r#"version = 1
mode = "enforce"
[tree.srv]
paths = ["/srv"]
[default]
trees = ["srv"]
budget.deletes = "10/10s"
hold.deadline = "1h"
[account.deployer]
users = ["deployer"]
[account.nightly]
users = ["nightly"]
login = ["nightly"]
response = "deny"
[account.visitor]
login = ["visitor"]
[account.box]
units = ["box-*.scope"]
"#;

pub fn installed(_: &mut Book) -> Result<()> {
    host::run(&["apt-get", "install", "--yes", host::PACKAGE])?;
    host::ensure_active("burstguard.service")?;
    ensure!(host::run(&["systemctl", "is-enabled", "burstguard.service"])? == "enabled", "it is not enabled");
    let status = ask_json(&["status"])?;
    ensure!(status["tier"] == "lsm", "{status}");
    // Nothing is stopped on a host whose administrators have not said so.
    ensure!(status["mode"] == "observe", "{status}");
    host::run(&["getent", "group", "burstguard"])?;
    for file in [
        "/usr/share/man/man1/burstguard.1.gz",
        "/usr/share/man/man1/burstguard-approve.1.gz",
        "/usr/share/bash-completion/completions/burstguard",
        "/usr/share/burstguard/prometheus/burstguard.rules.yml",
        "/usr/share/doc/burstguard/examples/policies/ai-laptop.toml",
    ] {
        ensure!(fs::exists(file)?, "there is no {file}");
    }
    // What it really is allowed, with all that systemd knows of this kernel.
    host::run(&["systemd-analyze", "security", "--no-pager", "--threshold=30", "burstguard.service"])
        .map(drop)
}

/// README's five minutes, word for word, once the package is there.
pub fn readme(_: &mut Book) -> Result<()> {
    let begin = README.find("```sh\nuseradd ").context("README makes no account")? + "```sh\n".len();
    let end = begin + README[begin..].find("```").context("README's commands have no end")?;
    host::run(&["sh", "-e", "-c", &README[begin..end]])?;
    let act = "sudo -u deploy sh -c 'rm -rf /srv/app/*'; echo \"rm ended with $?\"";
    ensure!(README.contains(act), "README does something else");
    let job = Job::start(shell(act))?;
    let incident = ground::incident("deploy", "held")?;
    ensure!(fs::read_dir("/srv/app")?.count() == 90, "not 90 files are left");
    let id = incident.0.to_string();
    let shown = host::run(&["burstguard", "incident", &id])?;
    ensure!(shown.contains(&format!("burstguard approve {id}")), "{shown}");
    host::run(&["burstguard", "approve", &id, "--reason", "CHG-123: the old site goes"])?;
    job.until_done_in_the_end()?;
    ensure!(job.output()? == "rm ended with 0\n", "{}", job.output()?);
    ensure!(fs::read_dir("/srv/app")?.count() == 0, "it has not gone on");
    fs::remove_file(FILE)?;
    host::run(&["userdel", "--remove", "deploy"])?;
    fs::remove_dir("/srv/app").map_err(Into::into)
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    command
}

pub fn policy(_: &mut Book) -> Result<()> {
    host::run(&["usermod", "--append", "--groups", "burstguard", host::RESPONDER])?;
    fs::write(FILE, POLICY)?;
    host::run(&["burstguard", "check"])?;
    host::run(&["systemctl", "reload", "burstguard.service"])?;
    // The signal is sent when systemctl ends; the policy before was enforced too.
    let has_it = |status: &Value| {
        let accounts = status["accounts"].as_array().into_iter().flatten();
        status["mode"] == "enforce" && accounts.filter(|account| account["name"] == "nightly").count() == 1
    };
    let status = wait::until("the policy is in force", || Ok(Some(ask_json(&["status"])?).filter(has_it)))?;
    ensure!(status["policy"]["changed"] == false, "{status}");
    Ok(())
}

pub fn prometheus(_: &mut Book) -> Result<()> {
    host::run(&["promtool", "check", "config", "/etc/prometheus/prometheus.yml"])?;
    host::run(&["systemctl", "start", "prometheus.service"])?;
    prometheus::until_it_scrapes()?;
    prometheus::until_all_rules_are_evaluated()
}
