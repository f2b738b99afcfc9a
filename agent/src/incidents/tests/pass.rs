//! What lets accounts pass whatever they do: their warm-up, the governor, off.

use std::time::Duration;

use agent_common::rules::{
    BootNs, NEVER,
    judge::{Phase, Standing},
};

use super::scene::{NOW, S, Scene, act, reason, replies};
use crate::{
    api::{self, AccountView, Answer, GrantedBy, Request, Responder, Scope, State, Target, Verb},
    daemon::{AccountFacts, Effect, Input, Outcome, Touched},
    incidents::{Engaged, Off},
    policy::{Budget, Governor},
    report::Event,
    sensor::{Act, What},
    store::Says,
};

const LIMIT: u64 = 60;

/// Five accounts, of which two may trip within a minute.
fn five() -> Scene {
    let mut scene = Scene::new();
    let named = |name: &str| AccountFacts { name: name.to_owned(), ..scene.account.clone() };
    scene.others = ["b", "c", "d", "e"].map(named).into();
    scene.governor = Governor { accounts: Some(Budget::seconds(2, LIMIT)), incidents: None };
    scene.look();
    scene
}

fn account<'a>(scene: &'a mut Scene, name: &str) -> &'a mut AccountFacts {
    let mut all = std::iter::once(&mut scene.account).chain(&mut scene.others);
    all.find(|account| account.name == name).expect("an account")
}

/// What is reported of an account.
fn reported(scene: &mut Scene, name: &str, what: What) -> Vec<Effect> {
    let index =
        ["", "deployer", "b", "c", "d", "e"].iter().position(|known| *known == name).expect("an account");
    let record = Scene::record(u32::try_from(index).expect("few"), scene.now, what);
    scene.on(Input::Records(vec![record]))
}

/// An account trips, as the kernel judges: it waits, or is only observed for as long as it may pass.
fn burst(scene: &mut Scene, name: &str) -> Vec<Effect> {
    let now = scene.now;
    let one = account(scene, name);
    let passes = now < one.granted_until;
    one.standing = Standing { phase: Phase::Tripped, until: if passes { one.granted_until } else { NEVER } };
    let effects = reported(scene, name, What::Burst(act()));
    carry_out(scene, &effects);
    effects
}

/// One more operation over the budget, that was not stopped.
fn goes_on(scene: &mut Scene, name: &str) -> Vec<Effect> {
    let effects = reported(scene, name, What::Operation(Act { over: true, ..act() }));
    carry_out(scene, &effects);
    effects
}

/// The kernel takes up who passes from now on, as it does, and it is looked again.
fn carry_out(scene: &mut Scene, effects: &[Effect]) {
    let mut changed = false;
    for effect in effects {
        let Effect::Grant { account: name, until } = effect else { continue };
        let until = *until;
        let one = account(scene, name);
        if until == 0 && one.standing.is_observed() {
            one.standing = Standing::ARMED;
        }
        let waits = one.standing.phase != Phase::Armed && !one.standing.is_observed();
        one.granted_until = if waits { 0 } else { until };
        changed = true;
    }
    if changed {
        scene.look();
    }
}

/// Who passes by the kernel's word.
fn passing(scene: &mut Scene) -> Vec<String> {
    let now = scene.now;
    let all = std::iter::once(&scene.account).chain(&scene.others);
    all.filter(|account| now < account.granted_until).map(|account| account.name.clone()).collect()
}

fn later(scene: &mut Scene, seconds: u64) -> Vec<Effect> {
    scene.now += (seconds - 2) * S;
    let effects = scene.look_again();
    carry_out(scene, &effects);
    effects
}

fn view(scene: &mut Scene, name: &str) -> AccountView {
    scene.status().accounts.into_iter().find(|account| account.name == name).expect("an account")
}

fn events(effects: &[Effect]) -> Vec<&Event> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Report(event) = effect { Some(event) } else { None })
        .collect()
}

/// Three of the five have tripped.
fn governed() -> Scene {
    let mut scene = five();
    for name in ["deployer", "b"] {
        let effects = burst(&mut scene, name);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Grant { .. })), "{effects:?}");
    }
    let effects = burst(&mut scene, "c");
    assert!(
        events(&effects).iter().any(|event| matches!(event, Event::GovernorEngaged { accounts: 2, .. })),
        "{effects:?}"
    );
    scene
}

#[test]
fn the_governor_lets_pass_who_has_not_tripped_and_nobody_else() {
    let mut scene = governed();
    assert_eq!(passing(&mut scene), ["d", "e"]);
    let status = scene.status();
    let governor = status.governor.expect("it is engaged");
    assert_eq!((governor.accounts, status.mode), (2, api::Mode::Observe), "the mode of a scene's policy");
    assert_eq!(governor.why, "3 accounts tripped, where the policy allows 2/1m");
    assert_eq!(view(&mut scene, "deployer").granted, None);
    let passes = view(&mut scene, "d").granted.expect("it passes");
    assert_eq!((passes.by, passes.reason), (GrantedBy::Governor, governor.why));
    // What it does is told, and stops nobody.
    burst(&mut scene, "d");
    let incident = scene.detail(44).summary;
    assert_eq!(incident.state, State::Observed);
    assert_eq!(incident.passed.map(|passed| passed.by), Some(GrantedBy::Governor));
    // What waited goes on waiting.
    assert_eq!([41, 42, 43].map(|id| scene.detail(id).summary.state), [State::Stopped; 3]);
}

#[test]
fn it_is_in_the_record_as_the_governors_order() {
    let mut scene = governed();
    later(&mut scene, 2 * LIMIT);
    let orders: Vec<_> = scene
        .written
        .iter()
        .filter_map(|(entry, first)| match &entry.says {
            Says::Order(order) => Some((order.verb, order.by.clone(), order.outcome.is_empty(), *first)),
            _ => None,
        })
        .collect();
    // Neither waits for the disk.
    let expected = [Verb::Off, Verb::On].map(|verb| (verb, Responder::Governor, false, false));
    assert_eq!(orders, expected);
}

#[test]
fn who_has_tripped_passes_only_when_a_person_has_let_him_go_on() {
    let mut scene = governed();
    let ended = |scene: &mut Scene, incident, name: &str| {
        account(scene, name).standing = Standing::ARMED;
        let done = Touched::default();
        scene.on(Input::Outcome(Outcome::Thawed { incident, done }));
        later(scene, 2);
    };
    // Its time is over: nobody has decided.
    scene.incidents.incidents.get_mut(&41).expect("the first").until = Some(scene.now);
    scene.on(Input::Due);
    ended(&mut scene, 41, "deployer");
    assert_eq!(scene.detail(41).summary.state, State::Thawed);
    assert_eq!(passing(&mut scene), ["d", "e"]);
    scene.ask(Request::Thaw { incident: Some(42), reason: reason() });
    ended(&mut scene, 42, "b");
    assert_eq!(passing(&mut scene), ["b", "d", "e"]);
}

#[test]
fn whoever_is_denied_or_frozen_is_never_let_pass() {
    let mut scene = five();
    account(&mut scene, "d").standing = Standing { phase: Phase::Denied, until: NOW + 9000 * S };
    scene.freeze(Target::Account("e".to_owned()), None);
    for name in ["deployer", "b", "c"] {
        burst(&mut scene, name);
    }
    assert!(scene.status().governor.is_some());
    assert_eq!(passing(&mut scene), [""; 0]);
}

#[test]
fn an_account_that_is_frozen_by_hand_passes_no_more() {
    let mut scene = governed();
    let effects = scene.freeze(Target::Account("d".to_owned()), None);
    let place = |wanted: &Effect| effects.iter().position(|effect| effect == wanted);
    let trip = place(&Effect::Trip { account: "d".to_owned() });
    let ends = place(&Effect::Grant { account: "d".to_owned(), until: 0 });
    assert!(trip.is_some() && trip < ends, "{effects:?}");
}

#[test]
fn it_is_over_when_it_was_quiet_and_what_was_only_observed_is_no_new_trip() {
    let mut scene = governed();
    burst(&mut scene, "d");
    burst(&mut scene, "e");
    let effects = later(&mut scene, LIMIT + LIMIT / 8 + 1);
    assert!(matches!(events(&effects)[..], [Event::GovernorOver { .. }]), "{effects:?}");
    assert_eq!(passing(&mut scene), [""; 0]);
    assert_eq!(scene.status().governor, None);
    let effects = burst(&mut scene, "d");
    assert!(matches!(events(&effects)[..], [Event::Burst { .. }]), "{effects:?}");
    assert_eq!(scene.detail(46).summary.state, State::Stopped);
}

#[test]
fn it_goes_on_as_long_as_the_host_does_what_engaged_it() {
    let mut scene = governed();
    // Two of the accounts are not more than two; with the third it is what engaged it.
    for name in ["deployer", "b", "c"] {
        account(&mut scene, name).standing = Standing::ARMED;
    }
    for id in [41, 42, 43] {
        scene.ask(Request::Thaw { incident: Some(id), reason: reason() });
        scene.on(Input::Outcome(Outcome::Thawed { incident: id, done: Touched::default() }));
    }
    later(&mut scene, 2);
    for _ in 0..40 {
        later(&mut scene, 10);
        for name in ["c", "d", "e"] {
            goes_on(&mut scene, name);
        }
        assert_eq!(passing(&mut scene).len(), 5);
    }
    let mut over = None;
    for second in (0..3 * LIMIT).step_by(5) {
        later(&mut scene, 5);
        goes_on(&mut scene, "e");
        if scene.status().governor.is_none() {
            over = Some(second);
            break;
        }
    }
    assert!(
        over.is_some_and(|second| second < 2 * LIMIT + LIMIT / 4),
        "{over:?}: one alone keeps it engaged"
    );
}

#[test]
fn an_admin_ends_it_at_once() {
    let mut scene = governed();
    burst(&mut scene, "d");
    let effects = scene.ask(Request::On { reason: reason() });
    carry_out(&mut scene, &effects);
    assert!(events(&effects).iter().any(|event| matches!(event, Event::GovernorOver { .. })), "{effects:?}");
    let call = scene.last_call;
    let answered = scene.on(Input::Outcome(Outcome::On { call: Some(call) }));
    assert!(matches!(replies(&answered)[..], [Ok(Answer::Moved(_))]), "{answered:?}");
    later(&mut scene, 2);
    assert_eq!(passing(&mut scene), [""; 0]);
    assert_eq!(account(&mut scene, "d").standing, Standing::ARMED);
    // Those that had tripped are not counted again.
    let effects = burst(&mut scene, "d");
    assert!(
        !events(&effects).iter().any(|event| matches!(event, Event::GovernorEngaged { .. })),
        "{effects:?}"
    );
}

#[test]
fn without_it_any_number_may_trip() {
    let mut scene = five();
    scene.governor = Governor::default();
    scene.look();
    for name in ["deployer", "b", "c", "d", "e"] {
        let effects = burst(&mut scene, name);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Grant { .. })), "{effects:?}");
    }
}

#[test]
fn accounts_that_are_only_observed_do_not_engage_it() {
    let mut scene = five();
    let observe = |account: &mut AccountFacts| account.response = "observe";
    observe(&mut scene.account);
    scene.others.iter_mut().for_each(observe);
    scene.look();
    for name in ["deployer", "b", "c", "d", "e"] {
        burst(&mut scene, name);
    }
    assert_eq!(scene.status().governor, None);
}

#[test]
fn a_policy_without_it_ends_it() {
    let mut scene = governed();
    scene.governor = Governor::default();
    let effects = later(&mut scene, 2);
    assert!(events(&effects).iter().any(|event| matches!(event, Event::GovernorOver { .. })), "{effects:?}");
    assert_eq!(passing(&mut scene), [""; 0]);
}

#[test]
fn the_next_daemon_knows_what_lets_pass_and_why() {
    let mut scene = governed();
    let engaged = scene.incidents.governor().cloned();
    let effects = scene.succeed(None, engaged.clone());
    assert!(
        events(&effects).iter().any(|event| matches!(event, Event::GovernorEngaged { accounts: 2, .. })),
        "{effects:?}"
    );
    assert_eq!(
        scene.status().governor.map(|governor| governor.why),
        engaged.map(|engaged: Engaged| engaged.why)
    );
    assert_eq!(passing(&mut scene), ["d", "e"]);
    let effects = later(&mut scene, 2 * LIMIT);
    assert!(events(&effects).iter().any(|event| matches!(event, Event::GovernorOver { .. })), "{effects:?}");
    assert_eq!(passing(&mut scene), [""; 0]);
}

#[test]
fn what_nothing_explains_ends_and_is_said() {
    let mut scene = governed();
    // What the daemon before remembered is lost.
    let effects = scene.succeed(None, None);
    carry_out(&mut scene, &effects);
    let said = events(&effects).into_iter().find_map(|event| match event {
        Event::Unexplained { accounts } => Some(accounts.clone()),
        _ => None,
    });
    assert_eq!(said, Some(vec!["d".to_owned(), "e".to_owned()]), "{effects:?}");
    assert_eq!(passing(&mut scene), [""; 0]);
    assert_eq!(scene.status().governor, None);
}

#[test]
fn what_was_found_to_wait_is_no_new_trip() {
    let mut scene = five();
    for name in ["deployer", "b", "c", "d"] {
        account(&mut scene, name).standing = Standing { phase: Phase::Tripped, until: NEVER };
    }
    scene.succeed(None, None);
    assert_eq!(scene.status().open_incidents, 4);
    assert_eq!(scene.status().governor, None);
}

#[test]
fn trips_whose_records_were_lost_count() {
    let mut scene = five();
    for name in ["deployer", "b", "c"] {
        account(&mut scene, name).standing = Standing { phase: Phase::Tripped, until: NEVER };
    }
    let effects = later(&mut scene, 2);
    assert!(
        events(&effects).iter().any(|event| matches!(event, Event::GovernorEngaged { .. })),
        "{effects:?}"
    );
}

/// One that is new for an hour.
fn warm() -> Scene {
    let mut scene = five();
    let until = NOW + 3600 * S;
    for name in ["d", "e"] {
        let one = account(&mut scene, name);
        (one.warm_until, one.granted_until) = (until, until);
    }
    scene.look();
    scene
}

#[test]
fn who_is_new_is_only_observed_and_it_shows() {
    let mut scene = warm();
    let seen = view(&mut scene, "d");
    let granted = seen.granted.expect("it passes");
    assert_eq!((granted.by, granted.until), (GrantedBy::Warmup, seen.until));
    assert_eq!(seen.standing, api::Standing::Granted);
    burst(&mut scene, "d");
    goes_on(&mut scene, "d");
    goes_on(&mut scene, "d");
    let incident = scene.detail(41).summary;
    // One happens before a process can be stopped, in this tier.
    assert_eq!((incident.state, incident.would_have_stopped), (State::Observed, 1));
    let passed = incident.passed.expect("it has passed");
    assert_eq!((passed.by, passed.until), (GrantedBy::Warmup, granted.until));
    // Its standing says that it is over its budgets.
    let seen = view(&mut scene, "d");
    assert_eq!(seen.standing, api::Standing::Tripped);
    assert_eq!(seen.granted.map(|granted| granted.by), Some(GrantedBy::Warmup));
}

#[test]
fn an_escape_is_only_observed_too() {
    let mut scene = warm();
    account(&mut scene, "d").escapes = "hold";
    scene.look();
    let escape = What::Burst(Act { way: Some(1), ..act() });
    reported(&mut scene, "d", escape);
    let incident = scene.detail(41).summary;
    assert_eq!(incident.state, State::Observed);
    assert_eq!(incident.passed.map(|passed| passed.by), Some(GrantedBy::Warmup));
}

#[test]
fn a_warm_up_begins_and_ends_with_an_event() {
    let mut scene = five();
    let begun = |effects: &[Effect]| {
        events(effects).into_iter().filter(|event| matches!(event, Event::Warmup { .. })).count()
    };
    account(&mut scene, "d").warm_until = NOW + 3600 * S;
    let effects = later(&mut scene, 2);
    assert_eq!(begun(&effects), 1, "{effects:?}");
    assert_eq!(passing(&mut scene), ["d"]);
    assert_eq!(begun(&later(&mut scene, 2)), 0);
    let effects = later(&mut scene, 3600);
    assert!(events(&effects).contains(&&Event::WarmupOver { account: "d".to_owned() }), "{effects:?}");
    // What it did meanwhile is forgiven.
    assert!(effects.contains(&Effect::Grant { account: "d".to_owned(), until: 0 }), "{effects:?}");
    assert_eq!(later(&mut scene, 2), []);
}

#[test]
fn who_waits_is_not_freed_by_a_warm_up() {
    let mut scene = five();
    burst(&mut scene, "d");
    account(&mut scene, "d").warm_until = NOW + 3600 * S;
    assert!(!later(&mut scene, 2).iter().any(|effect| matches!(effect, Effect::Grant { .. })));
    assert_eq!(passing(&mut scene), [""; 0]);
}

#[test]
fn bursts_of_warm_ups_do_not_engage_the_governor() {
    let mut scene = warm();
    burst(&mut scene, "d");
    burst(&mut scene, "e");
    burst(&mut scene, "deployer");
    burst(&mut scene, "b");
    assert_eq!(scene.status().governor, None);
    burst(&mut scene, "c");
    assert!(scene.status().governor.is_some());
}

fn all_until(scene: &mut Scene, until: BootNs) {
    scene.account.granted_until = until;
    scene.others.iter_mut().for_each(|account| account.granted_until = until);
}

#[test]
fn off_shows_as_what_lets_pass_and_a_warm_up_goes_on_after_it() {
    let mut scene = warm();
    let off = Request::Off { until: Some(Duration::from_secs(9)), reason: reason() };
    scene.ask(off);
    // It waits for the disk: until it is carried out nothing else does a part of it.
    assert!(!later(&mut scene, 2).iter().any(|effect| matches!(effect, Effect::Grant { .. })));
    all_until(&mut scene, NOW + 9 * S);
    let call = scene.last_call;
    scene.on(Input::Outcome(Outcome::Off { call, done: Touched::default() }));
    scene.look();
    for name in ["deployer", "d"] {
        let seen = view(&mut scene, name);
        assert_eq!(seen.granted.map(|granted| granted.by), Some(GrantedBy::Off), "{name}");
        assert!(seen.until.is_some());
    }
    burst(&mut scene, "b");
    assert_eq!(scene.detail(41).summary.passed.map(|passed| passed.by), Some(GrantedBy::Off));
    scene.now = NOW + 9 * S;
    let effects = scene.on(Input::Due);
    let until = |name: &str| {
        effects.iter().find_map(|effect| match effect {
            Effect::Grant { account, until } if account == name => Some(*until),
            _ => None,
        })
    };
    assert_eq!((until("deployer"), until("d")), (Some(0), Some(NOW + 3600 * S)), "{effects:?}");
    assert_eq!(effects.last(), Some(&Effect::On { call: None }));
}

#[test]
fn off_ends_the_governor_and_does_not_come_back_with_it() {
    let mut scene = governed();
    let effects = scene.ask(Request::Off { until: None, reason: reason() });
    assert!(events(&effects).iter().any(|event| matches!(event, Event::GovernorOver { .. })), "{effects:?}");
    assert_eq!(scene.status().governor, None);
}

#[test]
fn the_next_daemon_knows_that_it_is_off_and_until_when() {
    let mut scene = five();
    all_until(&mut scene, NOW + 9 * S);
    let off = Some(Off { until: Some(NOW + 9 * S) });
    let effects = scene.succeed(off, None);
    assert!(matches!(events(&effects)[..], [Event::Off { .. }]), "{effects:?}");
    let status = scene.status();
    assert_eq!((status.mode, status.off_until.is_some()), (api::Mode::Off, true));
    scene.now = NOW + 9 * S;
    assert!(scene.on(Input::Due).contains(&Effect::On { call: None }));
    // One that comes later knows that it was, and forgives what was done meanwhile.
    let effects = scene.succeed(off, None);
    assert_eq!(events(&effects), [] as [&Event; 0]);
    assert_eq!(effects.len(), 5, "{effects:?}");
    assert!(effects.contains(&Effect::Grant { account: "e".to_owned(), until: 0 }), "{effects:?}");
    assert_ne!(scene.status().mode, api::Mode::Off);
}

#[test]
fn what_passed_before_an_early_end_is_not_held_against_anybody() {
    let mut scene = governed();
    let before = scene.now;
    scene.now += S;
    let effects = scene.ask(Request::On { reason: reason() });
    carry_out(&mut scene, &effects);
    let call = scene.last_call;
    scene.on(Input::Outcome(Outcome::On { call: Some(call) }));
    // Its record comes only now.
    scene.on(Input::Records(vec![Scene::record(4, before, What::Burst(act()))]));
    assert_eq!(scene.detail(44).summary.state, State::Observed);
}

#[test]
fn an_approval_is_shown_as_one() {
    let mut scene = super::hold::waiting();
    scene.ask(super::hold::approve(Scope::default()));
    scene.on(Input::Outcome(Outcome::Approved { incident: super::hold::ID, done: super::hold::done() }));
    scene.stand(Phase::Armed, NEVER);
    scene.grant(super::hold::ID, NOW + 3600 * S, 1);
    scene.look();
    let granted = view(&mut scene, "deployer").granted.expect("granted");
    assert_eq!((granted.by, granted.reason), (GrantedBy::Approve, "INC-88".to_owned()));
}

/// A warm-up that the policy has ended is no `off`.
#[test]
fn what_the_daemon_before_did_not_switch_off_is_on() {
    let mut scene = five();
    all_until(&mut scene, NOW + 3600 * S);
    let effects = scene.succeed_one_that_was_on();
    carry_out(&mut scene, &effects);
    assert_eq!(passing(&mut scene), [""; 0]);
    assert_ne!(scene.status().mode, api::Mode::Off);
}
