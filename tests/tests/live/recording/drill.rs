//! A fire drill on a host that works.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use anyhow::{Context as _, Result};
use serde_json::json;
use tests::{ask, ask_json};

use crate::commands::decide;
use crate::restart::Stage;

/// Answers as Prometheus does in which an alert about this account fires.
fn prometheus(account: &str) -> Result<String> {
    let alert =
        json!({ "labels": { "alertname": "BurstguardBurst", "account": account }, "state": "firing" });
    let other = json!({ "labels": { "alertname": "Other", "account": "a0" }, "state": "firing" });
    let body = json!({ "status": "success", "data": { "alerts": [other, alert] } }).to_string();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let at = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                match stream.read(&mut byte) {
                    Ok(1) => asked.push(byte[0]),
                    _ => break,
                }
            }
            let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\n{body}");
        }
    });
    Ok(at)
}

/// What drills have left.
fn leftovers() -> Result<usize> {
    let names = fs::read_dir("/var/tmp")?.flatten().map(|entry| entry.file_name());
    Ok(names.filter(|name| name.to_string_lossy().starts_with("burstguard-drill-")).count())
}

#[test]
fn a_burst_of_nobody_is_followed_to_the_alert() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let before = leftovers()?;
    let at = prometheus("a0.drill")?;
    let drilled = decide(&["drill", "--account", "a0", "--prometheus", &at])?;
    assert_eq!(
        (&drilled["account"], &drilled["budget"], &drilled["files"], &drilled["gone"]),
        (&json!("a0.drill"), &json!(10), &json!(15), &json!(11)),
        "{drilled}"
    );
    assert_eq!((&drilled["state"], &drilled["alert"]), (&json!("stopped"), &json!("BurstguardBurst")));
    let id = drilled["incident"].as_u64().context("a number")?;
    assert_eq!(tests::Incident(id).show()?["state"], "killed");
    // The account that it was like has nothing to do with it, and nothing is left.
    let accounts = ask_json(&["accounts"])?;
    assert_eq!(accounts.as_array().map(Vec::len), Some(1));
    assert_eq!((&accounts[0]["name"], &accounts[0]["standing"]), (&json!("a0"), &json!("armed")));
    assert_eq!((leftovers()?, stage.missing()), (before, 0));
    stage.shell("exec rm -f *")?.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    let _ = daemon.end()?;
    Ok(())
}

#[test]
fn it_needs_an_account_and_says_what_did_not_come_of_it() -> Result<()> {
    let stage = Stage::new()?;
    let _daemon = stage.start()?;
    let said = ask(&["drill", "--account", "b7", "--reason", "a test"])?;
    assert_eq!(said.exit, Some(2), "{said:?}");
    assert!(said.complaint.contains("the policy has no account"), "{said:?}");
    let at = prometheus("somebody.else")?;
    let said = ask(&["drill", "--account", "a0", "--prometheus", &at, "--for", "3s", "--reason", "a test"])?;
    assert_eq!(said.exit, Some(1), "{said:?}");
    assert!(said.complaint.contains("no alert has fired"), "{said:?}");
    // One that was interrupted is ended by hand; to end none is no harm.
    assert_eq!(ask(&["drill", "--end", "--reason", "a test"])?.exit, Some(0));
    assert_eq!(stage.missing(), 0);
    Ok(())
}
