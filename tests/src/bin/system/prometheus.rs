//! Debian's Prometheus, asked over its own API as Grafana or Alertmanager would.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{http, wait};

const PORT: u16 = 9090;

/// What it answers to a path of its API.
fn get(path: &str) -> Result<Value> {
    let (status, body) =
        http::get(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)), &format!("/api/v1/{path}"))?;
    ensure!(status == 200, "{path}: {status}: {body}");
    let mut answer: Value = serde_json::from_str(&body).with_context(|| format!("{path}: {body}"))?;
    Ok(answer["data"].take())
}

/// The value of an expression that has one; the expression is made of what needs no escaping in a URL.
fn value(expression: &str) -> Result<Option<f64>> {
    let data = get(&format!("query?query={expression}"))?;
    Ok(data["result"][0]["value"][1].as_str().and_then(|value| value.parse().ok()))
}

/// Waits until it scrapes burstguard.
pub fn until_it_scrapes() -> Result<()> {
    wait::until("Prometheus scrapes burstguard", || {
        // It may not listen yet.
        Ok(value("burstguard_self_test_passed").ok().flatten().filter(|passed| *passed == 1.).map(drop))
    })
}

/// The names of the alerts that fire.
fn firing() -> Result<Vec<String>> {
    let alerts = get("alerts")?;
    let alerts = alerts["alerts"].as_array().context("no list of alerts")?;
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    Ok(firing.filter_map(|alert| alert["labels"]["alertname"].as_str()).map(str::to_owned).collect())
}

/// Waits until this alert fires.
pub fn until_firing(alert: &str) -> Result<()> {
    let mut last = Vec::new();
    wait::until(&format!("{alert} fires"), || {
        last = firing()?;
        Ok(last.iter().any(|name| name == alert).then_some(()))
    })
    .with_context(|| format!("firing are {last:?}"))
}

/// Waits until this alert fires no more.
pub fn until_resolved(alert: &str) -> Result<()> {
    wait::until(&format!("{alert} is resolved"), || {
        Ok((!firing()?.iter().any(|name| name == alert)).then_some(()))
    })
}

/// Waits until it has evaluated each rule of burstguard's; fails at one that it cannot.
pub fn until_all_rules_are_evaluated() -> Result<()> {
    wait::until("each rule is evaluated", || {
        let data = get("rules")?;
        let groups = data["groups"].as_array().context("no list of groups")?;
        let rules: Vec<_> = groups.iter().filter_map(|group| group["rules"].as_array()).flatten().collect();
        ensure!(!rules.is_empty(), "it has no rules: {data}");
        for rule in &rules {
            ensure!(rule["health"] != "err", "{rule}");
        }
        Ok(rules.iter().all(|rule| rule["health"] == "ok").then_some(()))
    })
}
