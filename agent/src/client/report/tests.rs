//! What is on the page, and what is not.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use super::{
    super::tests::screens::{account, at, detail, no_text, poisoned, read, screen, with_impact},
    page, write,
};
use crate::client::tests::held;

fn page(incident: Value) -> String {
    page::page(&screen(), &read(incident), Some(&read(account())))
}

#[test]
fn it_tells_what_happened() {
    let page = page(detail());
    for part in [
        "<title>Incident 7: deployer</title>",
        "At 2026-11-22 03:12:41 UTC, account deployer: 12 deletes in 0.4s in /etc, past its budget of 10 deletes in any 10 s.",
        "STOPPED, 1 process, thaws by itself in 11m",
        "rm 1379: login uid 998, from bash 1203",
        "<code>sudo rm -rf /etc/nginx</code>",
        "pid 1379, uid 0, login 998, system.slice/runner.service",
        "<code>/etc/nginx/b</code>",
        "+391 ms",
        "Only 2 of 12 operations are drawn and listed",
        "lead (uid 1007)",
        "<q>INC-88</q>",
        "2 processes frozen",
        "<code>burstguard thaw 7</code>",
        "2026-11-22 03:15:02 UTC",
    ] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
}

#[test]
fn it_loads_and_runs_nothing() {
    for page in [page(detail()), page(poisoned(held::detail()))] {
        assert!(page.contains(
            "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\""
        ));
        for part in
            ["<script", "<link", "<img", "<iframe", "<a ", "url(", "@import", "http:", "https:", " on"]
        {
            let inside = |tag: &str| part != " on" || tag.contains(" onload") || tag.contains(" onclick");
            assert!(
                !page.split('<').any(|tag| format!("<{tag}").contains(part) && inside(tag)),
                "{part} in {page}"
            );
        }
    }
}

#[test]
fn what_somebody_else_chose_is_text() {
    let hostile = "<script>alert(1)</script>\"'&\n\u{202e}\u{1b}[2J";
    let mut incident = detail();
    for path in [
        "/account",
        "/what",
        "/acts/0/path",
        "/acts/0/comm",
        "/acts/0/tree",
        "/acts/0/kinds/0",
        "/processes/0/command",
        "/processes/0/cgroup",
        "/told/0/by/entry",
        "/decisions/0/reason",
        "/decisions/0/outcome",
        "/next/0",
        "/kinds/0/0",
    ] {
        *incident.pointer_mut(path).expect(path) = json!(hostile);
    }
    incident["contact"] = json!(hostile);
    let shown = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;\\n\\u{202e}\\u{1b}[2J";
    let page = page(incident);
    assert!(page.matches(shown).count() >= 13, "{page}");
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{1b}'), "{page}");
    let raw = self::page(no_text(detail()));
    assert!(raw.contains("\\xff\\u{1b}]0\\nFORGE"), "{raw}");
}

#[test]
fn what_depends_on_a_path_is_told_beside_it_as_text() {
    let mut incident = with_impact(held::detail());
    let told = page(incident.clone());
    let words = "conffile of nginx-common, named by nginx.service, open in nginx 812 (nginx.service)";
    assert_eq!(told.matches(words).count(), 2, "{told}");
    assert!(told.contains("<dt>Impact</dt><dd>1 conffile of nginx-common; "), "{told}");
    for name in
        ["/impact", "/acts/0/impact/packages/0", "/acts/0/impact/units/0", "/acts/0/impact/open/0/comm"]
    {
        *incident.pointer_mut(name).expect(name) = json!("<script>\u{202e}");
    }
    let told = page(incident);
    assert_eq!(told.matches("&lt;script&gt;\\u{202e}").count(), 4, "{told}");
    assert!(!told.contains("<script") && !told.contains('\u{202e}'), "{told}");
}

#[test]
fn what_went_and_came_back_is_a_pair() {
    let mut incident = detail();
    let mut back = incident["acts"][0].clone();
    (back["at"], back["kinds"]) = (json!(at("03:12:42.500")), json!(["recreate"]));
    incident["acts"].as_array_mut().expect("acts").push(back);
    let page = page(incident);
    assert!(page.contains("↺ came back at +1500 ms") && page.contains("↺ went at 0 s"), "{page}");
    assert!(!self::page(detail()).contains('↺'));
}

#[test]
fn calls_that_wait_are_told_and_marked() {
    let page = page(held::detail());
    for part in [
        "<dd>1 call</dd>",
        "if nobody decides: denied at 2026-11-22 03:27:41 UTC",
        "nginx/k.conf",
        ">waits<",
        "2 held</text>",
    ] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
    assert!(page.contains("Nobody has decided anything."));
}

#[test]
fn little_is_known_of_some() {
    let mut incident = detail();
    for list in ["acts", "held", "kinds", "processes", "told", "decisions", "next"] {
        incident[list] = json!([]);
    }
    incident["account"] = Value::Null;
    let page = page::page(&screen(), &read(incident), None);
    for absent in ["<svg", "<h2>Processes", "<h2>Paths", "What can be done now"] {
        assert!(!page.contains(absent), "{absent} in {page}");
    }
    assert!(page.contains("no account"));
}

#[test]
fn a_file_is_replaced_as_a_whole_and_nothing_else_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("report.html");
    fs::write(&file, "before").expect("a file");
    write(&file, b"page").expect("written");
    assert_eq!(fs::read(&file).expect("the file"), b"page");
    assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    for no_file in [link.as_path(), directory.path()] {
        let error = write(no_file, b"other").expect_err("no file");
        assert!(error.to_string().starts_with("what is there is no file"), "{error}");
    }
    assert_eq!(fs::read(&file).expect("the file"), b"page");
    write(&directory.path().join("missing/report.html"), b"").expect_err("no directory");
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 2);
}
