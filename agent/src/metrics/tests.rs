use jiff::Timestamp;

use super::*;
use crate::{
    api::{
        AccountView, BudgetView, GovernorView, GrantedBy, GrantedView, IncidentSummary, Mode, PolicyView,
        Sizes, Standing, State, Status, StoreView,
    },
    keeper, recording,
    report::{Actor, Destruction},
    webhook,
};
use agent_common::{rules::Kind, wire::Counter};

mod conventions;
mod dashboard;
mod http;
mod reference;
mod rules;

fn account(name: &str) -> AccountView {
    let budget =
        |kind: Kind| BudgetView { kind: format!("{}s", kind.word()), used: 3, limit: 10, window_ms: 10_000 };
    AccountView {
        name: name.to_owned(),
        note: None,
        response: "hold".to_owned(),
        standing: Standing::Tripped,
        until: None,
        budgets: [Kind::Delete, Kind::Replace, Kind::Truncate, Kind::Recreate].map(budget).into(),
        processes: 7,
        stopped: 2,
        frozen: 1,
        held: 3,
        refused: 6,
        held_since: Some(Timestamp::from_second(1_700_000_000).unwrap()),
        incident: Some(1),
        granted: Some(GrantedView { by: GrantedBy::Warmup, reason: String::new(), until: None }),
        then: None,
    }
}

/// An incident that waits, since so many seconds after the others.
fn waiting(id: u64, account: Option<&str>, state: State, after: i64) -> IncidentSummary {
    IncidentSummary {
        id,
        opened_at: Timestamp::from_second(1_700_000_000 + after).unwrap(),
        account: account.map(str::to_owned),
        what: String::new(),
        done: 0,
        would_have_stopped: 0,
        passed: None,
        state,
        waiting: 1,
        refused: 0,
        approved: 0,
        approvals: None,
        until: None,
        then: None,
        by: None,
        closed_at: None,
    }
}

fn facts<'a>(accounts: impl IntoIterator<Item = &'a str>) -> Facts {
    let then = Timestamp::from_second(1_700_000_000).unwrap();
    let status = Status {
        version: "0".to_owned(),
        mode: Mode::Enforce,
        governor: Some(GovernorView { since: then, until: then, why: String::new(), accounts: 1 }),
        off_until: None,
        tier: "tracepoint".to_owned(),
        tier_note: String::new(),
        kernel: "6.18".to_owned(),
        pid: 1,
        armed_at: then,
        self_test_at: then,
        policy: PolicyView {
            sources: Vec::new(),
            sha256: "9f31c2".to_owned(),
            loaded_at: then,
            changed: true,
            warnings: vec!["w".to_owned()],
        },
        accounts: accounts.into_iter().map(account).collect(),
        trees: Vec::new(),
        processes: 7,
        records_lost: 5,
        kernel_errors: 5,
        would_have_stopped: 0,
        open_incidents: 1,
        store: StoreView {
            degraded: Some("the disk is full".to_owned()),
            last: Some(9),
            hash: None,
            size: 4096,
            missed: 2,
            unrecorded: 3,
        },
        webhooks: Vec::new(),
        keeper: Default::default(),
    };
    Facts {
        status,
        waiting: vec![
            waiting(3, None, State::Frozen, 0),
            waiting(4, Some("deployer"), State::Held, 7),
            waiting(5, Some("deployer"), State::Held, 9),
            waiting(6, Some("deployer"), State::Denied, 0),
        ],
        self_test_failure: None,
        unpinned: None,
        recording: recording::Standing {
            written: 21,
            lost: 4,
            size: 8192,
            degraded: Some("full".to_owned()),
        },
        webhooks: vec![(
            "pager".to_owned(),
            webhook::Standing { waiting: 2, oldest: Some(then), ..Default::default() },
        )],
        keeper: keeper::Standing {
            degraded: Some("full".to_owned()),
            failures: 2,
            names: 31,
            versions: 32,
            bytes: 33,
            left: [1, 2, 3, 4, 5],
            unsettled: 34,
            since: None,
            unwatched: 35,
            looked: Some(then),
            lost: 36,
            late: 37,
        },
        maps: vec![MapFill { map: "lineage", entries: 7, capacity: 100_000 }],
        counters: Counter::ALL.iter().map(|counter| (*counter, 5)).collect(),
    }
}

fn actor(account: &str) -> Actor {
    Actor { at_ns: 1, account: account.to_owned(), pid: 4242, tid: 4242, uid: 998, comm: "rm".to_owned() }
}

fn act() -> Destruction {
    Destruction {
        kinds: vec!["delete", "recreate"],
        tree: Some("/etc".to_owned()),
        path: "hunter2".to_owned(),
        sizes: Sizes::default(),
    }
}

/// One of everything that can be counted.
fn all_events(account: &str) -> Vec<Event> {
    let actor = actor(account);
    vec![
        Event::Joined { actor: actor.clone() },
        Event::Launched { actor: actor.clone(), unit: "run-1.service".to_owned() },
        Event::Operation { actor: actor.clone(), act: act(), over: true, approved: Some(1) },
        Event::Held { incident: Some(1), actor: actor.clone(), act: act() },
        Event::Denied { incident: Some(1), actor: actor.clone(), act: act() },
        Event::Burst { incident: 1, actor: actor.clone(), act: act(), whole: false },
        Event::Escape { incident: 2, actor: actor.clone(), act: act() },
        Event::Stopped { incident: Some(1), actor: actor.clone() },
        Event::Blind { actor: actor.clone(), reason: "io_uring", help: "" },
        Event::Tampering {
            incident: 3,
            actor: actor.clone(),
            what: "policy",
            refused: true,
            times: 1,
            act: act(),
        },
        Event::Attempt { incident: 1, account: account.to_owned(), pid: 4242, times: 3 },
        Event::Released { pids: vec![1, 2] },
        Event::GovernorEngaged { why: String::new(), until: String::new(), accounts: 3 },
    ]
}

/// Fed with everything that the loop can feed.
fn fed() -> Metrics {
    let metrics = Metrics::new().unwrap();
    metrics.facts(facts(["deployer", "weird \"name\"\\"]));
    all_events("deployer").iter().for_each(|event| metrics.event(event));
    metrics.decision(Verb::Thaw, &Responder::Deadline, Some(Duration::from_secs(90)));
    metrics.decision(Verb::Reload, &Responder::Policy, None);
    metrics.decision(Verb::Deny, &Responder::Deadline, Some(Duration::from_secs(10)));
    metrics.freeze(Duration::from_millis(4), 7);
    metrics.loop_turn(Duration::from_micros(50));
    metrics.effect_failed("freeze");
    metrics
}

/// The value of a series; none if there is no such one.
fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    let text = metrics.render().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("burstguard_")?.strip_prefix(series))?;
    line.trim().parse().ok()
}

#[test]
fn what_happens_is_counted() {
    let metrics = fed();
    for (series, expected) in [
        ("operations_total{account=\"deployer\",kind=\"delete\"}", 1.),
        ("operations_total{account=\"deployer\",kind=\"recreate\"}", 1.),
        ("operations_total{account=\"deployer\",kind=\"replace\"}", 0.),
        ("bursts_total{account=\"deployer\",response=\"hold\"}", 1.),
        ("escapes_total{account=\"deployer\"}", 1.),
        ("processes_joined_total{account=\"deployer\"}", 1.),
        ("processes_stopped_total{account=\"deployer\"}", 1.),
        ("calls_held_total{account=\"deployer\"}", 1.),
        ("operations_approved_total{account=\"deployer\"}", 1.),
        ("blind_total{account=\"deployer\",reason=\"io_uring\"}", 1.),
        ("attempts_total{account=\"deployer\"}", 1.),
        ("tampering_total{account=\"deployer\",what=\"policy\"}", 1.),
        ("tampering_total{account=\"deployer\",what=\"signal\"}", 0.),
        ("processes_released_total", 2.),
        ("governor_engagements_total", 1.),
        ("decisions_total{by=\"deadline\",verb=\"thaw\"}", 1.),
        ("decisions_total{by=\"policy\",verb=\"reload\"}", 1.),
        ("decisions_total{by=\"deadline\",verb=\"deny\"}", 1.),
        ("decision_seconds_sum", 100.),
        ("decision_seconds_count", 2.),
        ("freeze_seconds_bucket{le=\"0.005\"}", 1.),
        ("freeze_seconds_bucket{le=\"0.002\"}", 0.),
        ("processes_frozen_total", 7.),
        ("loop_turn_seconds_count", 1.),
        ("effects_failed_total{effect=\"freeze\"}", 1.),
    ] {
        assert_eq!(value(&metrics, series), Some(expected), "{series}");
    }
}

#[test]
fn how_things_stand_is_shown() {
    let metrics = fed();
    for (series, expected) in [
        ("account_standing{account=\"deployer\",standing=\"tripped\"}", 1.),
        ("account_standing{account=\"deployer\",standing=\"armed\"}", 0.),
        ("account_granted{account=\"deployer\",by=\"warmup\"}", 1.),
        ("account_granted{account=\"deployer\",by=\"governor\"}", 0.),
        ("governor_engaged", 1.),
        ("account_info{account=\"deployer\",response=\"hold\"}", 1.),
        ("processes{account=\"deployer\"}", 7.),
        ("processes_stopped{account=\"deployer\"}", 2.),
        ("processes_frozen{account=\"deployer\"}", 1.),
        ("processes_held{account=\"deployer\"}", 3.),
        ("oldest_held_timestamp_seconds{account=\"deployer\"}", 1_700_000_000.),
        ("calls_refused_total{account=\"deployer\"}", 6.),
        ("budget_used{account=\"deployer\",kind=\"delete\"}", 3.),
        ("budget_limit{account=\"deployer\",kind=\"delete\"}", 10.),
        ("incidents_open", 1.),
        ("oldest_incident_number{account=\"deployer\",state=\"held\"}", 4.),
        ("oldest_incident_timestamp_seconds{account=\"deployer\",state=\"held\"}", 1_700_000_007.),
        ("oldest_incident_number{account=\"\",state=\"frozen\"}", 3.),
        ("kernel_faults_total{counter=\"record_lost\"}", 5.),
        ("kernel_limits_total{counter=\"io_uring\"}", 5.),
        ("map_entries{map=\"lineage\"}", 7.),
        ("map_capacity{map=\"lineage\"}", 100_000.),
        ("mode{mode=\"enforce\"}", 1.),
        ("mode{mode=\"off\"}", 0.),
        ("tier_info{tier=\"tracepoint\"}", 1.),
        ("policy_info{sha256=\"9f31c2\"}", 1.),
        ("policy_changed", 1.),
        ("policy_warnings", 1.),
        ("policy_loaded_timestamp_seconds", 1_700_000_000.),
        ("self_test_passed", 1.),
        ("store_degraded", 1.),
        ("store_size_bytes", 4096.),
        ("store_missed_total", 2.),
        ("store_unrecorded_total", 3.),
        ("recording_degraded", 1.),
        ("recording_size_bytes", 8192.),
        ("recording_written_total", 21.),
        ("recording_missed_total", 4.),
        ("keeper_degraded", 1.),
        ("keeper_failures_total", 2.),
        ("keeper_names", 31.),
        ("keeper_versions", 32.),
        ("keeper_bytes", 33.),
        ("keeper_left{why=\"too_large\"}", 1.),
        ("keeper_left{why=\"changing\"}", 5.),
        ("keeper_unsettled_directories", 34.),
        ("keeper_behind_seconds", 0.),
        ("keeper_unwatched_directories", 35.),
        ("keeper_looked_timestamp_seconds", 1_700_000_000.),
        ("keeper_lost_total", 36.),
        ("keeper_late_total", 37.),
    ] {
        assert_eq!(value(&metrics, series), Some(expected), "{series}");
    }
}

#[test]
fn who_waits_for_no_decision_is_no_oldest_incident() {
    assert!(!fed().render().unwrap().contains("state=\"denied\""));
}

#[test]
fn what_is_counted_begins_at_0() {
    let metrics = Metrics::new().unwrap();
    metrics.facts(facts(["deployer"]));
    for series in [
        "bursts_total{account=\"deployer\",response=\"hold\"}",
        "escapes_total{account=\"deployer\"}",
        "attempts_total{account=\"deployer\"}",
        "blind_total{account=\"deployer\",reason=\"io_uring\"}",
        "blind_total{account=\"deployer\",reason=\"unreadable_path\"}",
        "effects_failed_total{effect=\"freeze\"}",
        "reloads_total{result=\"failed\"}",
        "reloads_total{result=\"refused\"}",
        "governor_engagements_total",
        "loop_turn_seconds_count",
        "pins_lost_total",
    ] {
        assert_eq!(value(&metrics, series), Some(0.), "{series}");
    }
    let now = Timestamp::now().as_second() as f64;
    let started = value(&metrics, "start_timestamp_seconds").unwrap();
    assert!((now - 60.0..=now).contains(&started), "{started}");
}

#[test]
fn an_account_that_leaves_takes_its_series_along() {
    let metrics = fed();
    metrics.facts(Facts { waiting: Vec::new(), ..facts(["runner"]) });
    all_events("deployer").iter().for_each(|event| metrics.event(event)); // reported late
    let text = metrics.render().unwrap();
    assert!(!text.contains("deployer") && !text.contains("weird"), "{text}");
    assert_eq!(value(&metrics, "bursts_total{account=\"runner\",response=\"hold\"}"), Some(0.));
}

#[test]
fn an_account_that_stays_keeps_its_counts() {
    let metrics = fed();
    metrics.facts(facts(["runner", "deployer"]));
    assert_eq!(value(&metrics, "bursts_total{account=\"deployer\",response=\"hold\"}"), Some(1.));
}

#[test]
fn nobody_who_is_watched_can_make_series() {
    let metrics = fed();
    let series = |metrics: &Metrics| metrics.render().unwrap().lines().count();
    let before = series(&metrics);
    for pid in 0..100 {
        let actor = Actor { pid, uid: pid, comm: pid.to_string(), ..actor("deployer") };
        let act = Destruction { path: pid.to_string(), ..act() };
        metrics.event(&Event::Operation { actor, act, over: false, approved: None });
    }
    assert_eq!(series(&metrics), before);
    let text = metrics.render().unwrap();
    assert!(!text.contains("hunter2") && !text.contains("4242"), "{text}");
}

#[test]
fn ready_is_what_is_armed_and_proved() {
    let metrics = Metrics::new().unwrap();
    assert_eq!(metrics.healthy(), Err("the loop has not begun yet".to_owned()));
    metrics.loop_turn(Duration::ZERO);
    assert_eq!(metrics.healthy(), Ok(()));
    assert_eq!(metrics.ready(), Err("nothing is armed yet".to_owned()));
    metrics.facts(facts([]));
    assert_eq!(metrics.ready(), Ok(()));
    metrics.facts(Facts { self_test_failure: Some("it went on".to_owned()), ..facts([]) });
    assert_eq!(metrics.ready(), Err("the self-test failed: it went on".to_owned()));
    metrics.facts(Facts { unpinned: Some("read-only".to_owned()), ..facts([]) });
    assert_eq!(metrics.ready(), Err("enforcement would end with the daemon: read-only".to_owned()));
    let long_ago = Instant::now().checked_sub(HANGS + Duration::from_secs(1));
    metrics.now().turned = long_ago;
    assert!(metrics.healthy().is_err_and(|why| why.contains("has not turned for 11 s")));
    assert!(metrics.ready().is_err());
}
