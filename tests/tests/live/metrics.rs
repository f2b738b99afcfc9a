//! What Prometheus is told is what the disk says.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Result;
use tests::http::{get, value};
use tests::{Account, Daemon, Ground, Policy, Scene, ask_json, wait};

use crate::check::{FILES, each};
use crate::commands::burst_is_known;

/// Names a file to keep what was scraped in, for who has more to say about it.
const KEEP: &str = "BURSTGUARD_KEEP_SCRAPE";

/// An address that is free now.
pub(crate) fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn measured(address: SocketAddr) -> Result<Scene> {
    measured_with(address, |policy| policy)
}

/// The same with another policy.
pub(crate) fn measured_with(address: SocketAddr, change: impl FnOnce(Policy) -> Policy) -> Result<Scene> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    ground.fill(&ground.tree(), FILES)?;
    let policy = change(Policy::new(account.name(), &ground.tree()));
    let daemon = Daemon::start_measured(&policy, ground.base(), address)?;
    Ok(Scene { daemon, ground, account })
}

#[test]
fn a_scrape_says_what_the_disk_says() -> Result<()> {
    let address = free()?;
    let mut scene = measured(address)?;
    wait::until("it is ready", || {
        Ok((get(address, "/readyz").ok() == Some((200, "ok\n".to_owned()))).then_some(()))
    })?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    let destroyed = scene.destroyed(FILES) as f64;
    let text = wait::until("the burst is in the facts", || {
        let (_, text) = get(address, "/metrics")?;
        let tripped = value(&text, r#"burstguard_account_standing{account="a0",standing="tripped"}"#)?;
        Ok((tripped == 1.).then_some(text))
    })?;
    let rows = [
        (r#"burstguard_operations_total{account="a0",kind="delete"}"#, destroyed),
        (r#"burstguard_bursts_total{account="a0",response="hold"}"#, 1.),
        (r#"burstguard_processes_stopped_total{account="a0"}"#, 1.),
        (r#"burstguard_processes_stopped{account="a0"}"#, 1.),
        (r#"burstguard_account_standing{account="a0",standing="armed"}"#, 0.),
        (r#"burstguard_budget_used{account="a0",kind="delete"}"#, 10.),
        (r#"burstguard_kernel_faults_total{counter="record_lost"}"#, 0.),
        ("burstguard_incidents_open", 1.),
        ("burstguard_self_test_passed", 1.),
    ];
    for (series, expected) in rows {
        assert_eq!(value(&text, series)?, expected, "{series}");
    }
    let waiting = value(&text, r#"burstguard_oldest_incident_number{account="a0",state="stopped"}"#)?;
    assert_eq!(ask_json(&["incidents", "--open"])?[0]["id"].as_f64(), Some(waiting));
    if let Some(file) = env::var_os(KEEP) {
        fs::write(file, &text)?;
    }
    let status = ask_json(&["status"])?;
    let info = [
        format!("burstguard_policy_info{{sha256={}}}", status["policy"]["sha256"]),
        format!("version={}", status["version"]),
    ];
    for series in info {
        assert!(
            text.lines().any(|line| line.contains(&series) && line.ends_with(" 1")),
            "{series} in\n{text}"
        );
    }
    assert_eq!(get(address, "/healthz")?, (200, "ok\n".to_owned()));
    drop(job);
    scene.end().map(drop)
}

#[test]
fn a_port_in_use_keeps_nobody_from_watching() -> Result<()> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = taken.local_addr()?;
    let mut scene = measured(address)?;
    let job = each(&scene, &["unlink {}"])?;
    burst_is_known(&mut scene, &job)?;
    assert_eq!(scene.destroyed(FILES), 11);
    scene.daemon.until_complains("cannot serve metrics on")?;
    scene.daemon.until_complains("another program has port")?;
    drop(taken);
    wait::until("it is served after all", || {
        Ok(get(address, "/readyz").is_ok_and(|(status, _)| status == 200).then_some(()))
    })?;
    drop(job);
    scene.end().map(drop)
}

#[test]
fn an_address_that_others_reach_is_refused() -> Result<()> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    let policy = Policy::new(account.name(), &ground.tree()).write(ground.base())?;
    let refusal = Daemon::refused_metrics(&policy, "0.0.0.0:9479")?;
    assert_eq!(refusal.status.code(), Some(1));
    assert!(refusal.complaint.contains("which other hosts reach"), "{}", refusal.complaint);
    Ok(())
}
