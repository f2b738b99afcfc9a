//! What is stated of answers of the daemon, whatever comes.

use std::fmt::Debug;

use anstream::adapter::strip_str;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    accounts, approve, deny, http, incident, incidents, lease, moved, reload, report, selftest, status,
    term::Screen, top, watch, whois, why,
};
use crate::api::{
    AccountView, IncidentDetail, IncidentSummary, LeaseView, Moved, Reloaded, Status, Tested, Whois, Why,
};

/// What is understood is the same when it is written and read again; and whatever others chose in it, what is shown of it does nothing
/// to a terminal, and on a page it is text.
pub(crate) fn answer(bytes: &[u8]) {
    let (about, body) = crate::fuzzing::line(bytes);
    match about {
        b"status" => shown(body, |screen, answer: &Status| status::text(screen, answer)),
        b"accounts" => shown(body, |screen, answer: &Vec<AccountView>| accounts::text(screen, answer)),
        b"incidents" => shown(body, |screen, answer: &Vec<IncidentSummary>| incidents::text(screen, answer)),
        b"incident" => shown(body, |screen, answer: &IncidentDetail| {
            let page = report::page::page(screen, answer, None);
            assert!(page.matches("<script").count() == 0 && page.matches("</html>").count() == 1, "{page}");
            incident::text(screen, answer)
        }),
        b"leases" => shown(body, |screen, answer: &LeaseView| lease::text(screen, answer)),
        b"moved" => shown(body, |screen, answer: &Moved| {
            approve::text(screen, answer) + &deny::text(answer) + &moved::text(screen, answer)
        }),
        b"reloaded" => shown(body, |_, answer: &Reloaded| reload::text(answer)),
        b"tested" => shown(body, |_, answer: &Tested| selftest::text(answer)),
        b"whois" => shown(body, |screen, answer: &Whois| whois::text(screen, answer)),
        b"why" => shown(body, |screen, answer: &Why| why::text(screen, answer)),
        b"event" => {
            let line = crate::fuzzing::text(body);
            let line = line.lines().next().unwrap_or_default();
            does_nothing(&watch::text(line));
            top::fuzz(line);
        }
        _ => {
            let failure = http::problem(body);
            assert!((1..=8).contains(&failure.exit_status()));
            does_nothing(&failure.text());
        }
    }
}

fn shown<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    body: &[u8],
    text: impl Fn(&Screen, &T) -> String,
) {
    let Ok(answer) = serde_json::from_slice::<T>(body) else { return };
    let written = serde_json::to_vec(&answer).expect("JSON");
    assert_eq!(serde_json::from_slice::<T>(&written).expect("what was written"), answer);
    let screen = Screen { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC };
    does_nothing(&text(&screen, &answer));
}

/// Nothing but colours of ours acts on a terminal.
fn does_nothing(text: &str) {
    let plain = strip_str(text).to_string();
    assert!(!plain.chars().any(|char| char.is_control() && char != '\n'), "{plain:?}");
    let ours = |code: &str| code.starts_with('[') && code.contains('m');
    assert!(text.split('\u{1b}').skip(1).all(ours), "{text:?}");
}
