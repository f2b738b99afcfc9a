use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    sync::Arc,
    time::Duration,
};

use tokio::sync::broadcast;

use super::stage::{Stage, hung_up};
use crate::{
    api::{Allowance, Bytes, Code, Filter, Reason, Request, Restore, Restored, Scope, Target},
    control::Control,
};

const REASON: &str = r#"{"reason":"INC-88"}"#;

fn because() -> Reason {
    Reason::try_from("INC-88".to_owned()).expect("a reason")
}

/// Every route with what reaches the loop.
fn all() -> Vec<(&'static str, &'static str, &'static str, Request)> {
    let reason = because;
    let minutes = |minutes| Some(Duration::from_mins(minutes));
    let filter = Filter { open: true, account: Some("a b".to_owned()), since_s: Some(60), limit: Some(2) };
    vec![
        ("GET", "/v1/status", "", Request::Status),
        ("GET", "/v1/accounts", "", Request::Accounts),
        ("GET", "/v1/incidents", "", Request::Incidents(Filter::default())),
        ("GET", "/v1/incidents?open=true&account=a%20b&since_s=60&limit=2", "", Request::Incidents(filter)),
        ("GET", "/v1/incidents/9", "", Request::Incident(9)),
        ("GET", "/v1/processes/42", "", Request::Whois(42)),
        ("GET", "/v1/processes/42/why", "", Request::Why(42)),
        ("POST", "/v1/accounts/a%20b/join", "", Request::Join { account: "a b".to_owned() }),
        (
            "POST",
            "/v1/freezes",
            r#"{"target":{"account":"deployer"},"for_s":900,"reason":"INC-88"}"#,
            Request::Freeze {
                target: Target::Account("deployer".to_owned()),
                until: minutes(15),
                reason: reason(),
            },
        ),
        (
            "POST",
            "/v1/incidents/9/approve",
            r#"{"for_s":900,"trees":["/etc"],"budget":5,"reason":"INC-88"}"#,
            Request::Approve {
                incident: 9,
                scope: Scope {
                    once: false,
                    until: minutes(15),
                    trees: vec!["/etc".into()],
                    budget: Some(Allowance::Any(5)),
                },
                reason: reason(),
            },
        ),
        (
            "POST",
            "/v1/leases",
            r#"{"account":"deployer","trees":["/etc"],"budget":{"deletes":5},"for_s":900,"reason":"INC-88"}"#,
            Request::Lease {
                account: "deployer".to_owned(),
                trees: vec!["/etc".into()],
                budget: Some(Allowance::Kinds([("deletes".to_owned(), 5)].into())),
                until: Duration::from_mins(15),
                reason: reason(),
            },
        ),
        ("GET", "/v1/leases", "", Request::Leases),
        ("POST", "/v1/leases/9/revoke", REASON, Request::Revoke { lease: 9, reason: reason() }),
        ("POST", "/v1/incidents/9/deny", REASON, Request::Deny { incident: 9, reason: reason() }),
        ("POST", "/v1/incidents/9/thaw", REASON, Request::Thaw { incident: Some(9), reason: reason() }),
        ("POST", "/v1/incidents/9/kill", REASON, Request::Kill { incident: 9, reason: reason() }),
        (
            "POST",
            "/v1/incidents/9/restore",
            r#"{"paths":3,"reason":"INC-88"}"#,
            Request::Restore {
                incident: 9,
                restore: Restore { paths: 3, to: None, done: None },
                reason: reason(),
            },
        ),
        (
            "POST",
            "/v1/incidents/9/restore",
            r#"{"paths":3,"to":"/tmp/x","done":{"back":1,"over":2,"left":0,"failed":0},"reason":"INC-88"}"#,
            Request::Restore {
                incident: 9,
                restore: Restore {
                    paths: 3,
                    to: Some(Bytes::Text("/tmp/x".to_owned())),
                    done: Some(Restored { back: 1, over: 2, left: 0, failed: 0 }),
                },
                reason: reason(),
            },
        ),
        ("POST", "/v1/thaw", REASON, Request::Thaw { incident: None, reason: reason() }),
        ("POST", "/v1/reload", REASON, Request::Reload { loosen: false, reason: reason() }),
        (
            "POST",
            "/v1/reload",
            r#"{"loosen":true,"reason":"INC-88"}"#,
            Request::Reload { loosen: true, reason: reason() },
        ),
        (
            "POST",
            "/v1/drill",
            r#"{"account":"deployer","tree":"/var/tmp/drill","reason":"INC-88"}"#,
            Request::Drill {
                account: "deployer".to_owned(),
                tree: "/var/tmp/drill".into(),
                reason: reason(),
            },
        ),
        ("POST", "/v1/drill/end", REASON, Request::EndDrill { reason: reason() }),
        (
            "POST",
            "/v1/off",
            r#"{"for_s":600,"reason":"INC-88"}"#,
            Request::Off { until: minutes(10), reason: reason() },
        ),
        ("POST", "/v1/on", REASON, Request::On { reason: reason() }),
        ("POST", "/v1/selftest", "", Request::SelfTest),
    ]
}

#[test]
fn every_route_reaches_the_loop() {
    let stage = Stage::open();
    for (method, path, body, expected) in all() {
        let answer = stage.send(method, path, &["content-type: application/json"], body.as_bytes());
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let (_, request) = stage.asked.lock().expect("asked").pop().expect("a request");
        assert_eq!(request, expected, "{path}");
    }
}

#[test]
fn the_description_has_every_route_and_no_other() {
    let stage = Stage::open();
    let description = stage.get("/v1/openapi.json").json();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            if path != "/v1/events" {
                let path = path.replace("{id}", "9").replace("{pid}", "9");
                let asked = stage.send(&method.to_uppercase(), &path, &[], b"");
                assert!(![404, 405].contains(&asked.status), "{method} {path}: {asked:?}");
            }
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let known = all().into_iter().map(|(method, path, ..)| {
        let path = path.split('?').next().expect("a path");
        format!(
            "{method} {}",
            path.replace("/9", "/{id}").replace("/42", "/{pid}").replace("/a%20b/", "/{name}/")
        )
    });
    let known: BTreeSet<_> =
        known.chain(["GET /v1/events", "GET /v1/openapi.json"].map(str::to_owned)).collect();
    assert_eq!(described, known);
    for schema in ["Status", "AccountView", "IncidentDetail", "Problem", "FreezeBody"] {
        assert!(description["components"]["schemas"][schema].is_object(), "{schema}");
    }
}

#[test]
fn what_makes_no_sense_is_a_problem() {
    let stage = Stage::open();
    let json = "content-type: application/json";
    for (method, path, header, body, status, code) in [
        ("GET", "/", json, "", 404, Code::NotFound),
        ("GET", "/v2/status", json, "", 404, Code::NotFound),
        ("POST", "/v1/status", json, "", 405, Code::Invalid),
        ("GET", "/v1/thaw", json, "", 405, Code::Invalid),
        ("GET", "/v1/status?all", json, "", 400, Code::Invalid),
        ("GET", "/v1/incidents?opened=true", json, "", 400, Code::Invalid),
        ("GET", "/v1/incidents/x", json, "", 400, Code::Invalid),
        ("GET", "/v1/processes/-1", json, "", 400, Code::Invalid),
        ("POST", "/v1/thaw", json, "", 400, Code::Invalid),
        ("POST", "/v1/thaw", json, "{", 400, Code::Invalid),
        ("POST", "/v1/thaw", json, "[]", 400, Code::Invalid),
        ("POST", "/v1/thaw", json, "{}", 400, Code::Invalid),
        ("POST", "/v1/thaw", json, r#"{"reason":" "}"#, 400, Code::Invalid),
        ("POST", "/v1/thaw", json, r#"{"reason":"a\nb"}"#, 400, Code::Invalid),
        ("POST", "/v1/thaw", json, r#"{"reason":"x","force":true}"#, 400, Code::Invalid),
        ("POST", "/v1/thaw", "accept: */*", REASON, 415, Code::Invalid),
        ("POST", "/v1/off", json, r#"{"reason":"x","for_s":0}"#, 400, Code::Invalid),
        ("POST", "/v1/off", json, r#"{"reason":"x","for_s":2592001}"#, 400, Code::Invalid),
        ("POST", "/v1/off", json, r#"{"reason":"x","for_s":-1}"#, 400, Code::Invalid),
        (
            "POST",
            "/v1/incidents/9/approve",
            json,
            r#"{"reason":"x","once":true,"for_s":9}"#,
            400,
            Code::Invalid,
        ),
        ("POST", "/v1/incidents/9/approve", json, r#"{"reason":"x","budget":0}"#, 400, Code::Invalid),
        ("POST", "/v1/incidents/9/approve", json, r#"{"reason":"x","for_s":0}"#, 400, Code::Invalid),
        ("POST", "/v1/incidents/9/deny", json, r#"{"reason":"x","once":true}"#, 400, Code::Invalid),
        ("POST", "/v1/freezes", json, r#"{"reason":"x","target":{"host":"a"}}"#, 400, Code::Invalid),
        ("GET", "/v1/incidents/7", json, "", 404, Code::NotFound),
        ("GET", "/v1/incidents/6", json, "", 409, Code::AlreadyDecided),
    ] {
        let answer = stage.send(method, path, &[header], body.as_bytes());
        assert_eq!(
            (answer.status, answer.problem().code),
            (status, code),
            "{method} {path} {body}: {answer:?}"
        );
    }
}

#[test]
fn curl_gets_an_answer() {
    let stage = Stage::open();
    let curl = std::process::Command::new("curl")
        .args(["-sS", "--unix-socket"])
        .arg(&stage.socket)
        .arg("http://localhost/v1/accounts")
        .output();
    match curl {
        Ok(done) => assert_eq!(String::from_utf8_lossy(&done.stdout), "[]", "{done:?}"),
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "curl is there and does not run");
        }
    }
}

#[test]
fn events_come_as_they_happen_and_end_with_the_daemon() {
    let mut stage = Stage::open();
    let mut stream = stage.connect();
    stream.write_all(b"GET /v1/events HTTP/1.0\r\n\r\n").expect("a request");
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle"))
        .lines()
        .map(|line| line.expect("a line"));
    let head: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(head.iter().any(|line| line == "content-type: application/x-ndjson"), "{head:?}");
    for event in [r#"{"event":"joined"}"#, r#"{"event":"burst"}"#] {
        stage.events.send(Arc::from(event)).expect("a watcher");
        assert_eq!(lines.next().as_deref(), Some(event));
    }
    stage.end();
    assert_eq!(lines.next(), None);
}

#[test]
fn who_watches_too_slowly_is_told_what_it_missed_and_cut() {
    let stage = Stage::open();
    let mut stream = stage.connect();
    stream.write_all(b"GET /v1/events HTTP/1.0\r\n\r\n").expect("a request");
    let mut lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
    assert!(lines.by_ref().take_while(|line| !line.is_empty()).count() > 0);
    let event: Arc<str> = format!(r#"{{"event":"{}"}}"#, "x".repeat(10_000)).into();
    let sent = 1000;
    for _ in 0..sent {
        let _ = stage.events.send(Arc::clone(&event)); // fails once the watcher has been cut
    }
    let lines: Vec<_> = lines.collect();
    let (last, whole) = lines.split_last().expect("lines");
    assert!(whole.iter().all(|line| **line == *event));
    let cut: serde_json::Value = serde_json::from_str(last).expect("json");
    assert_eq!(cut["event"], "cut");
    // What the server's channel still holds is not sent any more: a gap is the end.
    let missed = cut["missed"].as_u64().expect("a number");
    assert!(missed > 0 && whole.len() as u64 + missed <= sent, "{} came, {missed} missed", whole.len());
}

#[test]
fn one_watcher_too_many_and_the_first_is_cut() {
    let stage = Stage::open();
    let watch = || {
        let mut stream = stage.connect();
        stream.write_all(b"GET /v1/events HTTP/1.0\r\n\r\n").expect("a request");
        let mut lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
        assert!(lines.by_ref().take_while(|line| !line.is_empty()).count() > 0);
        lines
    };
    let mut first = watch();
    let others: Vec<_> = (0..15).map(|_| watch()).collect();
    stage.events.send(Arc::from("{}")).expect("watchers");
    assert_eq!(first.next().as_deref(), Some("{}"));
    let _one_more = watch();
    let cut: serde_json::Value = serde_json::from_str(&first.next().expect("a line")).expect("json");
    assert_eq!((&cut["event"], &cut["missed"]), (&"cut".into(), &0.into()));
    assert!(first.next().is_none());
    drop(others);
}

#[test]
fn whoever_may_not_watch_does_not() {
    let stage = Stage::answering(|_| Err(crate::api::Problem::new(Code::NotAllowed, "no")));
    assert_eq!(stage.get("/v1/events").status, 403);
}

#[test]
fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("control.sock");
    let open = || Control::open(&socket, broadcast::channel(1).0);
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    assert!(socket.exists(), "a listener leaves its socket behind");
    let first = open().expect("in the place of the dead one");
    let error = open().expect_err("a second one").to_string();
    assert!(error.contains("another daemon answers"), "{error}");
    drop(first);
    assert!(!socket.exists(), "the server removes its socket");
    std::fs::write(&socket, "").expect("a file");
    let error = open().expect_err("in the place of a file").to_string();
    assert!(error.contains("is no socket"), "{error}");
    assert!(open().is_err() && socket.exists());
}

#[test]
fn a_loop_that_does_not_answer_is_a_problem_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("control.sock");
    let mut control = Control::open(&socket, broadcast::channel(1).0).expect("a server");
    let mut stream = super::stage::connect(&socket);
    stream.write_all(b"GET /v1/status HTTP/1.0\r\n\r\n").expect("a request");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    drop(runtime.block_on(control.next()));
    let answer = super::stage::Answered::read(&mut stream);
    assert_eq!((answer.status, answer.problem().message.as_str()), (500, "the daemon is ending"));
    let mut stream = super::stage::connect(&socket);
    drop(control);
    assert!(hung_up(&mut stream) < Duration::from_secs(5));
}
