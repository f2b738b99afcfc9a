//! What is shown of calls that wait, and of what was decided about them.

use anstream::adapter::strip_str;
use serde_json::{Value, json};

use super::screens::{self, at, check, confirmation, process, read, screen, summary};
use crate::{
    api::{Moved, Pending, Verb},
    client::{accounts, approve, deny, incident, incidents, moved},
};

pub(in crate::client) fn account() -> Value {
    let mut account = screens::account();
    account["stopped"] = json!(0);
    account["held"] = json!(3);
    account["held_since"] = json!(at("03:12:41"));
    account["then"] = json!("deny");
    account
}

pub(in crate::client) fn detail() -> Value {
    let mut detail = screens::detail();
    let held = json!([{
        "at": at("03:12:41.391"), "kinds": ["delete"], "path": "nginx/k.conf", "tree": "/etc", "pid": 1379, "tid": 1379,
        "above": null,
    }]);
    let fields = [
        ("state", json!("held")),
        ("then", json!("deny")),
        ("held", held),
        ("decisions", json!([])),
        ("refused", json!(0)),
        ("next", json!([])),
    ];
    fields.into_iter().for_each(|(key, value)| detail[key] = value);
    detail["processes"][0]["held"] = json!(true);
    detail
}

#[test]
fn what_waits() {
    let mut granted = screens::account();
    for (key, value) in [("standing", json!("granted")), ("stopped", json!(0))] {
        granted[key] = value;
    }
    check(
        &accounts::text(&screen(), &[read(account()), read(granted)]),
        "\
ACCOUNT   RESPONSE  STANDING  DELETES  RECREATES  PROCESSES   INCIDENT
deployer  hold      TRIPPED   10/10    2/3        7 (3 held)  7, denied in 11m unless approved
deployer  hold      granted   10/10    2/3        7           7, approved until 03:27:41Z
",
    );
    let state = |state: &str, closed: bool| {
        let mut summary = summary();
        let by = json!({ "kind": "user", "uid": 1004, "name": "oncall", "login": null, "pid": 9 });
        let then = if state == "held" { json!("deny") } else { Value::Null };
        let closed = if closed { json!(at("03:13:41")) } else { Value::Null };
        for (key, value) in [("state", json!(state)), ("then", then), ("by", by), ("closed_at", closed)] {
            summary[key] = value;
        }
        strip_str(&incidents::state(&screen(), &read(summary))).to_string()
    };
    assert_eq!(state("held", false), "HELD, 1 call, denied in 11m");
    assert_eq!(state("approved", true), "approved by oncall (uid 1004) until 03:27:41Z");
    assert_eq!(state("denied", false), "DENIED by oncall (uid 1004) until 03:27:41Z");
    assert_eq!(state("denied", true), "denied by oncall (uid 1004)");
    check(
        &incident::text(&screen(), &read(detail())),
        "\
Incident 7  deployer  HELD, 1 call, denied in 11m  since 03:12:41Z (4m)   if nobody decides: denied at 03:27:41Z
  what    12 deletes in 0.4s in /etc
  who     sudo rm -rf /etc/nginx 1377 (uid 0, login 998, system.slice/runner.service)
            rm -rf /etc/nginx 1379 (uid 0, login 998, system.slice/runner.service) [held]
  by      rm 1379: login uid 998, from bash 1203
  when    +0.000 delete /etc/nginx/a by rm 1379
          +0.391 delete /etc/nginx/b by rm 1379  over the budget
          … 10 more: --json has those that are kept
          +0.391 HELD delete nginx/k.conf in /etc by 1379
  next    burstguard report 7 -o incident-7.html   all of it as a page
",
    );
}

#[test]
fn who_does_not_wait_for_it() {
    let but = |above: Value| {
        let mut detail = detail();
        detail["held"][0]["above"] = above;
        let text = strip_str(&incident::text(&screen(), &read(detail))).to_string();
        text.lines().find_map(|line| line.strip_prefix("  but     ")).map(str::to_owned)
    };
    let goes_on =
        |started: Value| json!({ "pid": 1203, "comm": "bash", "whereabouts": "goes_on", "started": started });
    assert_eq!(but(Value::Null), None);
    assert_eq!(
        but(goes_on(json!([]))).as_deref(),
        Some("bash 1203 has heard that rm 1379 stopped, and did not stop with it: it may have gone on")
    );
    assert_eq!(
        but(goes_on(json!([{ "pid": 1401, "comm": "sleep" }, { "pid": 1402, "comm": "cat" }]))).as_deref(),
        Some("bash 1203 has gone on without rm 1379: since then it has started sleep 1401, cat 1402")
    );
    let ended = json!({ "pid": 1203, "comm": "", "whereabouts": "ended", "started": [] });
    assert_eq!(
        but(ended).as_deref(),
        Some("process 1203, which had started rm 1379, has ended: nobody waits for rm 1379")
    );
}

fn approval(verb: &str) -> Moved {
    let mut moved = confirmation();
    let mut held = process(1379, 1377, "");
    held["held"] = json!(true);
    let sudo = json!({ "comm": "sudo" });
    let mut wrapper = process(1377, 1203, "");
    wrapper["comm"] = sudo["comm"].clone();
    let by = json!({ "kind": "user", "uid": 1004, "name": "oncall", "login": null, "pid": 9 });
    for (key, value) in [
        ("verb", json!(verb)),
        ("incident", json!(7)),
        ("by", by),
        ("confirmed_us", json!(8000)),
        ("processes", json!([held, wrapper])),
        ("left_alone", json!([])),
    ] {
        moved[key] = value;
    }
    read(moved)
}

/// Of two people one has said so.
#[test]
fn what_more_people_have_to_say() {
    let mut first = approval("approve");
    first.processes.clear();
    first.pending = vec![Pending { incident: 7, given: 1, needed: 2 }];
    let more = "approved 7 as oncall (uid 1004), 1 of 2: nothing goes on yet\n  another person with the role \"respond\" has \
                to say so too: burstguard approve 7\n";
    check(&approve::text(&screen(), &first), more);
    first.verb = Verb::Thaw;
    let thawed = more.replace("approved", "thawed").replace("approve", "thaw");
    check(&moved::text(&screen(), &first), &thawed);
    // One went on, another did not.
    let all = Moved { incident: None, target: "everything".to_owned(), cgroups: 0, ..first };
    let all = moved::text(&screen(), &all);
    assert!(
        all.starts_with("thawed: everything, 0 processes") && all.contains("\nthawed 7 as oncall"),
        "{all}"
    );
    let mut summary = summary();
    let by = json!({ "kind": "user", "uid": 1004, "name": "oncall", "login": null, "pid": 9 });
    let given = json!([{
        "at": at("03:13:41"), "by": by, "person": 1004, "verb": "approve", "reason": "x", "once": false,
        "for_s": null, "trees": [], "budget": null,
    }]);
    for (given, expected) in
        [(json!([]), "HELD, 1 call, denied in 11m"), (given, "HELD, 1 call, 1 of 2 approvals, denied in 11m")]
    {
        let fields = [("state", json!("held")), ("then", json!("deny"))];
        fields.into_iter().for_each(|(key, value)| summary[key] = value);
        summary["approvals"] = json!({ "needed": 2, "given": given });
        check(&incidents::state(&screen(), &read(summary.clone())), expected);
    }
}

#[test]
fn what_was_decided_about_it() {
    let approved = approval("approve");
    check(
        &approve::text(&screen(), &approved),
        "\
approved 7 as oncall (uid 1004): deployer's held process may finish, at most until 03:31:41Z
released: rm 1379, sudo 1377 (had stopped with it); all judged again 8 ms later
",
    );
    let once = Moved { until: None, ..approved };
    assert!(
        approve::text(&screen(), &once)
            .contains("the call of deployer's held process may happen, and no other\n")
    );
    check(
        &deny::text(&approval("deny")),
        "\
denied 7 as oncall (uid 1004): deployer's calls fail with EPERM, and whatever it destroys next, until it has been quiet for 10 minutes
released: rm 1379, sudo 1377 (had stopped with it); all judged again 8 ms later
",
    );
}
