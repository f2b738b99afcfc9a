use std::io::Write as _;

use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use jiff::{Timestamp, tz::TimeZone};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::held;
use crate::{
    api::{
        AccountView, Bytes, Code, IncidentDetail, IncidentSummary, Moved, Problem, Reloaded, Status, Tested,
        VERSION, Whois, Why,
    },
    client::{
        Common, When, accounts, approve, deny, failure::Failure, incident, incidents, moved, reload,
        selftest, session::Session, status, term::Screen, watch, whois, why,
    },
};

pub(in crate::client) fn screen() -> Screen {
    Screen { now: at("03:16:41"), zone: TimeZone::UTC }
}

pub(in crate::client) fn at(time: &str) -> Timestamp {
    format!("2026-11-22T{time}Z").parse().expect("a time")
}

pub(in crate::client) fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("what the daemon sends")
}

pub(in crate::client) fn account() -> Value {
    json!({
        "name": "deployer", "response": "hold", "standing": "tripped", "until": at("03:27:41"),
        "budgets": [
            { "kind": "deletes", "used": 10, "limit": 10, "window_ms": 10_000 },
            { "kind": "recreates", "used": 2, "limit": 3, "window_ms": 60_000 },
        ],
        "processes": 7, "stopped": 3, "frozen": 0, "held": 0, "refused": 0, "held_since": null, "incident": 7, "then": null,
    })
}

fn quiet_account() -> Value {
    json!({
        "name": "ansible", "response": "observe", "standing": "armed", "until": null,
        "budgets": [{ "kind": "deletes", "used": 0, "limit": 10, "window_ms": 10_000 }],
        "processes": 12, "stopped": 0, "frozen": 0, "held": 0, "refused": 0, "held_since": null, "incident": null, "then": null,
    })
}

pub(in crate::client) fn process(pid: u32, parent: u32, command: &str) -> Value {
    json!({
        "pid": pid, "parent": parent, "comm": "rm", "command": command, "uid": 0, "login": 998,
        "cgroup": "system.slice/runner.service", "stopped": pid == 1379, "held": false, "frozen": false,
    })
}

pub(in crate::client) fn summary() -> Value {
    json!({
        "id": 7, "opened_at": at("03:12:41"), "account": "deployer", "what": "12 deletes in 0.4s in /etc",
        "done": 12, "state": "stopped", "waiting": 1, "refused": 0, "approved": 0,
        "until": at("03:27:41"), "then": "thaw", "by": null, "closed_at": null,
    })
}

pub(in crate::client) fn detail() -> Value {
    let mut detail = summary();
    let act = |time: &str, path: &str, over| json!({ "at": at(time), "kinds": ["delete"], "path": path, "tree": "/etc", "pid": 1379, "comm": "rm", "over": over, "before": 14, "after": 0 });
    detail.as_object_mut().expect("an object").extend([
        ("acts".to_owned(), json!([act("03:12:41", "/etc/nginx/a", false), act("03:12:41.391", "/etc/nginx/b", true)])),
        ("held".to_owned(), json!([])),
        ("kinds".to_owned(), json!([["deletes", 12]])),
        ("processes".to_owned(), json!([process(1379, 1377, "rm -rf /etc/nginx"), process(1377, 1203, "sudo rm -rf /etc/nginx")])),
        ("told".to_owned(), json!([{
            "pid": 1379, "comm": "rm",
            "by": { "kind": "login", "entry": "login uid 998", "since": at("03:12:41"), "origin": { "pid": 1203, "comm": "bash" } },
        }])),
        ("decisions".to_owned(), json!([{
            "at": at("03:15:02"), "verb": "freeze", "by": { "kind": "user", "uid": 1007, "name": "lead", "login": 1007, "pid": 9 },
            "reason": "INC-88", "outcome": "2 processes frozen",
        }])),
        ("next".to_owned(), json!(["burstguard thaw 7   let these processes go on", "burstguard kill 7   end them"])),
    ]);
    detail
}

pub(in crate::client) fn host() -> Value {
    json!({
        "version": "0.3.0", "mode": "enforce", "off_until": null, "tier": "lsm", "tier_note": "can hold and deny",
        "kernel": "6.12.48", "pid": 9, "armed_at": "2026-11-18T23:00:00Z", "self_test_at": at("03:16:29"),
        "policy": {
            "sources": ["/etc/burstguard/policy.toml"], "sha256": "9f31c2aa", "loaded_at": "2026-11-21T01:00:00Z",
            "changed": false, "warnings": [],
        },
        "accounts": [quiet_account(), account()], "trees": ["/etc", "/srv"], "processes": 19, "records_lost": 0,
        "kernel_errors": 0, "open_incidents": 1,
    })
}

pub(in crate::client) fn confirmation() -> Value {
    json!({
        "incident": 8, "verb": "freeze", "target": "deployer",
        "by": { "kind": "user", "uid": 0, "name": null, "login": null, "pid": 9 },
        "processes": [process(1379, 1377, "")], "cgroups": 1, "confirmed_us": 4200, "until": at("03:31:41"),
        "left_alone": [{ "pid": 812, "comm": "sshd", "why": "a listener" }],
    })
}

fn whois_value() -> Value {
    json!({
        "process": process(1379, 1377, "rm -rf /etc/nginx"), "account": "deployer",
        "evidence": ["login uid 998 of bash 1203, which it comes from"],
        "by": { "kind": "login", "entry": "login uid 998", "since": at("03:12:41"), "origin": { "pid": 1203, "comm": "bash" } },
        "ancestors": [process(1377, 1203, "sudo rm")], "spared": null,
    })
}

fn why_value() -> Value {
    json!({ "pid": 1379, "account": "deployer", "standing": "tripped", "incident": summary(), "because": "it is stopped" })
}

/// What is seen, colour aside.
pub(super) fn check(found: &str, expected: &str) {
    assert_eq!(strip_str(found).to_string(), expected);
}

#[test]
fn status_on_one_screen() {
    check(
        &status::text(&screen(), &read(host())),
        "\
burstguard 0.3.0   enforcing   tier lsm (can hold and deny)   kernel 6.12.48   armed 3d 4h ago, self-test ok 12s ago
policy   /etc/burstguard/policy.toml   sha 9f31c2   loaded Sat 01:00Z (1d 2h ago), unchanged
watching 2 accounts, 2 trees, 19 processes   records lost 0   kernel errors 0   open incidents 1
ACCOUNT   RESPONSE  STANDING  DELETES  RECREATES  PROCESSES      INCIDENT
ansible   observe   armed     0/10     -          12             -
deployer  hold      TRIPPED   10/10    2/3        7 (3 stopped)  7, until 03:27:41Z
",
    );
}

#[test]
fn a_governor_that_is_engaged_and_who_passes() {
    let mut host = host();
    host["governor"] = json!({
        "since": at("03:12:41"), "until": at("03:27:41"), "why": "4 accounts tripped, where the policy allows 3/1m", "accounts": 1,
    });
    host["accounts"][0]["response"] = json!("hold");
    host["accounts"][0]["standing"] = json!("granted");
    host["accounts"][0]["until"] = json!(at("03:27:41"));
    host["accounts"][0]["granted"] = json!({ "by": "governor", "reason": "", "until": at("03:27:41") });
    let text = strip_str(&status::text(&screen(), &read(host))).to_string();
    let wanted = "GOVERNOR ENGAGED: 4 accounts tripped, where the policy allows 3/1m, 4m ago; 1 account is only observed, until it is \
                  quiet (03:27:41Z at the earliest); burstguard on ends it\n";
    assert!(text.contains(wanted), "{text}");
    let row =
        "ansible   hold      granted   0/10     -          12             passes: governor until 03:27:41Z\n";
    assert!(text.contains(row), "{text}");
}

#[test]
fn an_incident_that_has_passed_says_by_what() {
    let mut incident = summary();
    incident["state"] = json!("observed");
    incident["would_have_stopped"] = json!(9);
    incident["until"] = Value::Null;
    incident["passed"] = json!({ "by": "warmup", "reason": "", "until": at("03:27:41") });
    let text = incidents::text(&screen(), &read::<Vec<IncidentSummary>>(json!([incident])));
    let state = "observed (passed: warm-up until 03:27:41Z), 9 would have been stopped\n";
    assert!(strip_str(&text).to_string().ends_with(state), "{text}");
}

#[test]
fn incidents_in_a_list() {
    check(
        &incidents::text(&screen(), &read::<Vec<IncidentSummary>>(json!([summary()]))),
        "\
ID  OPENED              ACCOUNT   WHAT                        DONE  STATE
7   03:12:41Z (4m ago)  deployer  12 deletes in 0.4s in /etc  12    STOPPED, 1 process, thaws by itself in 11m
",
    );
    check(&incidents::text(&screen(), &[]), "no incidents\n");
}

#[test]
fn one_incident() {
    check(
        &incident::text(&screen(), &read(detail())),
        "\
Incident 7  deployer  STOPPED, 1 process, thaws by itself in 11m  since 03:12:41Z (4m)
  what    12 deletes in 0.4s in /etc
  who     sudo rm -rf /etc/nginx 1377 (uid 0, login 998, system.slice/runner.service)
            rm -rf /etc/nginx 1379 (uid 0, login 998, system.slice/runner.service) [stopped]
  by      rm 1379: login uid 998, from bash 1203
  when    +0.000 delete /etc/nginx/a by rm 1379
          +0.391 delete /etc/nginx/b by rm 1379  over the budget
          … 10 more: --json has those that are kept
  decided 03:15:02Z frozen by lead (uid 1007): \"INC-88\"; 2 processes frozen
  next    burstguard thaw 7   let these processes go on
          burstguard kill 7   end them
          burstguard report 7 -o incident-7.html   all of it as a page
",
    );
}

/// What of the host depends on the first path.
pub(in crate::client) fn with_impact(mut incident: Value) -> Value {
    incident["impact"] = json!("1 conffile of nginx-common; nginx.service names 1 of them and has 1 open");
    let impact = json!({
        "path": "/etc/nginx/a", "packages": ["nginx-common"], "conffile": true, "units": ["nginx.service"],
        "open": [{ "pid": 812, "comm": "nginx", "unit": "nginx.service" }], "open_in": 1,
    });
    for list in ["acts", "held"] {
        if let Some(first) = incident[list].get_mut(0) {
            first["impact"] = impact.clone();
        }
    }
    incident
}

#[test]
fn what_depends_on_what_was_destroyed() {
    let lines = |incident: Value| {
        let text = strip_str(&incident::text(&screen(), &read(with_impact(incident)))).to_string();
        text.lines().filter(|line| line.contains("nginx-common")).map(str::to_owned).collect::<Vec<_>>()
    };
    let impact = "  impact  1 conffile of nginx-common; nginx.service names 1 of them and has 1 open";
    let words = "conffile of nginx-common, named by nginx.service, open in nginx 812 (nginx.service)";
    let act = format!("  when    +0.000 delete /etc/nginx/a, {words}, by rm 1379");
    assert_eq!(lines(detail()), [impact, &act]);
    let waits = format!("          +0.391 HELD delete nginx/k.conf in /etc, {words}, by 1379");
    assert_eq!(lines(held::detail()), [impact, &act, &waits]);
}

#[test]
fn who_and_why() {
    check(
        &whois::text(&screen(), &read(whois_value())),
        "\
rm -rf /etc/nginx 1379 (uid 0, login 998, system.slice/runner.service) [stopped]
  acts for account deployer
  because login uid 998 of bash 1203, which it comes from, since 03:12:41Z (4m)
  child of sudo rm 1377 (uid 0, login 998, system.slice/runner.service)
",
    );
    check(
        &why::text(&screen(), &read(why_value())),
        "\
pid 1379 acts for account deployer, TRIPPED
  it is stopped
  incident 7: 12 deletes in 0.4s in /etc; STOPPED, 1 process, thaws by itself in 11m
",
    );
}

#[test]
fn what_was_done() {
    check(
        &moved::text(&screen(), &read(confirmation())),
        "\
frozen: deployer, 1 process in 1 cgroup, confirmed by the kernel in 4 ms, as uid 0; thaws by itself at 03:31:41Z (incident 8)
  left alone: sshd 812: a listener
",
    );
    let accounts = ["a", "b"].map(str::to_owned).to_vec();
    let done = Reloaded {
        before: "1".repeat(64),
        after: "2".repeat(64),
        accounts,
        warnings: vec!["old".to_owned()],
    };
    check(&reload::text(&done), "policy loaded: sha 222222, was 111111; watching a, b\nwarning: old\n");
    let done = Tested { tier: "lsm".to_owned(), took_us: 12_345 };
    check(&selftest::text(&done), "self-test passed: tier lsm, in 12 ms\n");
    check(
        &watch::text(r#"{"event":"burst","incident":7,"path":"a\u001b[2J"}"#),
        "BURST  incident=7  path=a\\u{1b}[2J",
    );
    check(&watch::text("garbage\u{7}"), "garbage\\u{7}");
}

#[test]
fn failures_say_what_to_do() {
    let problem =
        Problem::new(Code::AlreadyDecided, "incident 7 is already decided: \u{1b}[2J").help("nothing");
    assert_eq!(
        Failure::Problem(problem).text(),
        "incident 7 is already decided: \\u{1b}[2J\n  nothing   (exit 6)"
    );
    let socket = "/run/x.sock".into();
    let failure = Failure::NoDaemon { socket, source: std::io::ErrorKind::ConnectionRefused.into() };
    assert!(
        failure.text().starts_with("no daemon answers at /run/x.sock: connection refused\n"),
        "{}",
        failure.text()
    );
}

/// What acts on a terminal or a database, or looks like a line of ours; and what is no text.
const HOSTILE: &str = "\u{1b}]0;x\u{7}\u{9b}2J\r\u{202e}'; DROP TABLE incidents;--\nFORGED";
const NO_TEXT: [u8; 10] = *b"\xff\x1b]0\nFORGE";

/// Puts something hostile into every text of an answer.
fn poison(value: &mut Value, free: bool) {
    match value {
        Value::String(text) if free => text.push_str(HOSTILE),
        Value::Array(values) => values.iter_mut().for_each(|value| poison(value, free)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| {
            let closed =
                ["standing", "state", "verb", "mode", "then"].contains(&key.as_str()) || key.ends_with("_at");
            poison(
                value,
                !closed
                    && !["until", "off_until", "held_since", "since", "at", "kind"].contains(&key.as_str()),
            );
        }),
        _ => {}
    }
}

pub(in crate::client) fn poisoned(mut value: Value) -> Value {
    poison(&mut value, true);
    value
}

pub(in crate::client) fn no_text(mut value: Value) -> Value {
    for act in value["acts"].as_array_mut().into_iter().flatten() {
        (act["path"], act["comm"]) = (json!(NO_TEXT), json!(NO_TEXT));
    }
    for process in value["processes"].as_array_mut().into_iter().flatten() {
        (process["comm"], process["command"], process["cgroup"]) =
            (json!(NO_TEXT), json!(NO_TEXT), json!(NO_TEXT));
    }
    value
}

#[test]
fn nothing_that_somebody_else_chose_acts_on_a_terminal() {
    let budgets = |mut value: Value| {
        value["budgets"][0]["kind"] = json!("deletes\u{1b}[2J");
        value
    };
    for text in [
        status::text(&screen(), &read::<Status>(poisoned(host()))),
        accounts::text(
            &screen(),
            &[read::<AccountView>(budgets(poisoned(account()))), read(poisoned(held::account()))],
        ),
        accounts::notes(&[read(poisoned(account()))]),
        incidents::text(&screen(), &[read(poisoned(summary()))]),
        incident::text(&screen(), &read::<IncidentDetail>(poisoned(detail()))),
        incident::text(&screen(), &read::<IncidentDetail>(poisoned(held::detail()))),
        incident::text(&screen(), &read::<IncidentDetail>(poisoned(with_impact(held::detail())))),
        incident::text(&screen(), &read::<IncidentDetail>(no_text(detail()))),
        approve::text(&screen(), &read::<Moved>(poisoned(confirmation()))),
        deny::text(&read::<Moved>(poisoned(confirmation()))),
        whois::text(&screen(), &read::<Whois>(poisoned(whois_value()))),
        why::text(&screen(), &read::<Why>(poisoned(why_value()))),
        moved::text(&screen(), &read::<Moved>(poisoned(confirmation()))),
    ] {
        // Our own colours are the only escapes: a stricter stripper than a terminal would hide others.
        let own = text
            .replace("\u{1b}[0m", "")
            .replace("\u{1b}[1m", "")
            .replace("\u{1b}[31m", "")
            .replace("\u{1b}[32m", "");
        let acting: Vec<_> =
            own.chars().filter(|char| char.is_control() && *char != '\n' || *char == '\u{202e}').collect();
        assert!(acting.is_empty(), "{acting:?} in {text}");
        assert!(!own.lines().any(|line| line.trim_start().starts_with("FORGE")), "{text}");
    }
}

#[test]
fn json_has_its_version_and_bytes_survive_it() {
    let session =
        |json| Session::new(Common { socket: "/".into(), json, color: When::Never, utc: true, quiet: false });
    let whois = Whois {
        process: crate::api::ProcessView {
            comm: Bytes::Raw(vec![0xff, 0x1b]),
            ..read(process(1, 0, "a\u{1b}b"))
        },
        ..read(whois_value())
    };
    let text = session(true).form("whois", &whois, |_| String::new());
    let value: Value = serde_json::from_str(&text).expect("one object");
    assert_eq!(value["version"], VERSION);
    assert_eq!(read::<Whois>(value["whois"].clone()), whois);
    assert!(text.ends_with('\n') && !text.contains('\u{1b}'), "{text}");
    assert_eq!(session(false).form("whois", &whois, |_| "text".to_owned()), "text");
}

#[test]
fn colour_is_left_out_where_it_is_not_wanted() {
    let text = accounts::text(&screen(), &[read(account())]);
    let written = |choice| {
        let mut out = AutoStream::new(Vec::new(), choice);
        out.write_all(text.as_bytes()).expect("memory");
        String::from_utf8(out.into_inner()).expect("text")
    };
    assert!(written(ColorChoice::Always).contains('\u{1b}'));
    // What is no terminal, as with NO_COLOR set.
    assert!(!written(ColorChoice::Auto).contains('\u{1b}'));
    assert!(!written(ColorChoice::Never).contains('\u{1b}'));
}
