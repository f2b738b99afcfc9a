//! Incidents of earlier daemons, and how the record stands.

use serde_json::{Value, json};

use super::screens::{at, check, detail, host, read, screen};
use crate::{
    api::IncidentSummary,
    client::{incident, incidents, status},
};

fn left() -> Value {
    let mut left = detail();
    left["state"] = json!("left");
    left["closed_at"] = json!(at("03:14:00"));
    (left["until"], left["then"], left["waiting"], left["next"]) =
        (json!(null), json!(null), json!(0), json!([]));
    left["decisions"][0]["outcome"] =
        json!("not known: the daemon ended before it had heard what came of it");
    left
}

#[test]
fn what_a_daemon_has_left() {
    let shown = incident::text(&screen(), &read(left()));
    let lines: Vec<&str> = shown.lines().collect();
    check(lines[0], "Incident 7  deployer  left by its daemon  since 03:12:41Z (4m)");
    let end = "  decided 03:15:02Z frozen by lead (uid 1007): \"INC-88\"; not known: the daemon ended before it had heard what came of it
  else    it could not be carried on; what waits still is another incident: burstguard incidents --open
  next    burstguard report 7 -o incident-7.html   all of it as a page";
    check(&lines[lines.len() - 3..].join("\n"), end);
    let summary: IncidentSummary = read(left());
    check(&incidents::state(&screen(), &summary), "left by its daemon");
}

#[test]
fn a_record_that_cannot_be_written_is_on_the_first_screen() {
    let mut degraded = host();
    degraded["store"] = json!({
        "degraded": "cannot write to /var/lib/burstguard/incidents.db: disk full\u{1b}[2J", "last": 9, "hash": null, "size": 4096,
        "missed": 1, "unrecorded": 2,
    });
    let shown = status::text(&screen(), &read(degraded));
    let line = shown.lines().find(|line| line.starts_with("record")).expect("a line");
    check(
        line,
        "record   DEGRADED: cannot write to /var/lib/burstguard/incidents.db: disk full\\u{1b}[2J; 1 entry lost, 2 decisions \
         carried out before they were on the disk",
    );
}

#[test]
fn what_was_over_before_this_daemon() {
    let states = [
        ("unseen", "ended while no daemon was there"),
        ("rebooted", "ended by a reboot"),
        ("left", "left by its daemon"),
    ];
    for (state, shown) in states {
        let mut over = left();
        over["state"] = json!(state);
        check(&incidents::state(&screen(), &read(over)), shown);
    }
}

/// Written down while the clock was ahead.
#[test]
fn an_age_that_is_none_is_not_shown() {
    let mut ahead = detail();
    ahead["opened_at"] = json!("2036-11-22T03:12:41Z");
    let shown = incident::text(&screen(), &read(ahead.clone()));
    check(
        shown.lines().next().unwrap_or_default(),
        "Incident 7  deployer  STOPPED, 1 process, thaws by itself in 11m  since 2036-11-22 03:12Z (the clock was ahead)",
    );
    let listed = incidents::text(&screen(), &[read(ahead)]);
    assert!(listed.contains("2036-11-22 03:12Z (the clock was ahead)"), "{listed}");
}
