//! Leases, as they are shown.

use serde_json::{Value, json};

use super::screens::{at, read, screen};
use crate::{
    api::LeaseView,
    client::lease::{list, text},
};

fn lease() -> Value {
    json!({
        "id": 4, "account": "runner", "trees": ["/etc/nginx", "/srv"], "budget": { "deletes": 500 },
        "left": { "deletes": 469 }, "used": 31, "granted_at": at("03:04:41"), "until": at("03:34:41"),
        "by": { "kind": "user", "uid": 1004, "name": "oncall", "login": 1004, "pid": 9 }, "reason": "CHG-123",
    })
}

fn unlimited() -> Value {
    let mut lease = lease();
    (lease["budget"], lease["left"]) = (Value::Null, Value::Null);
    lease
}

fn proposed() -> Value {
    let mut lease = lease();
    let given = json!({
        "at": at("03:04:41"), "by": lease["by"], "person": 1004, "verb": "approve", "reason": "CHG-123", "once": false,
        "for_s": 1800, "trees": [], "budget": null,
    });
    lease["waits"] = json!({ "needed": 2, "given": [given] });
    lease
}

fn said(lease: Value) -> String {
    text(&screen(), &read::<LeaseView>(lease))
}

#[test]
fn what_was_granted_is_said_in_a_line() {
    assert_eq!(
        said(lease()),
        "lease 4: what runner destroys in /etc/nginx, /srv passes, 500 deletes at most, until 03:34:41Z\n"
    );
    assert_eq!(
        said(unlimited()),
        "lease 4: what runner destroys in /etc/nginx, /srv passes, until 03:34:41Z\n"
    );
    let more = "burstguard approve 4\n";
    assert!(
        said(proposed()).starts_with("lease 4 is NOT in force: 1 of 2") && said(proposed()).ends_with(more)
    );
}

#[test]
fn those_in_force_are_a_table() {
    assert_eq!(list(&screen(), &[]), "no lease is in force\n");
    let table = list(&screen(), &[read(lease()), read(unlimited()), read(proposed())]);
    let expected = "\
LEASE  ACCOUNT  TREES             USED           LEFT         ENDS IN           BY                 REASON
4      runner   /etc/nginx, /srv  31 operations  469 deletes  18m               oncall (uid 1004)  CHG-123
4      runner   /etc/nginx, /srv  31 operations  any number   18m               oncall (uid 1004)  CHG-123
4      runner   /etc/nginx, /srv  31 operations  469 deletes  not in force yet  oncall (uid 1004)  CHG-123
";
    assert_eq!(table, expected);
}
