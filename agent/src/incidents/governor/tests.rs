use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const S: BootNs = 1_000_000_000;

fn limits(accounts: Option<(u32, u64)>, incidents: Option<(u32, u64)>) -> policy::Governor {
    let budget = |(count, seconds)| Budget::seconds(count, seconds);
    policy::Governor { accounts: accounts.map(budget), incidents: incidents.map(budget) }
}

fn tripped(at: BootNs, account: &str, incident: u64) -> Over<'_> {
    Over { at, account, incident: Some(incident), stopped: true }
}

fn observed(at: BootNs, account: &str) -> Over<'_> {
    Over { at, account, incident: None, stopped: false }
}

/// Engaged by four accounts, `a` to `d`, at 3 s; three within a minute are allowed.
fn engaged() -> (Governor, policy::Governor) {
    let limits = limits(Some((3, 60)), None);
    let mut governor = Governor::default();
    for (n, account) in (0..).zip(["a", "b", "c", "d"]) {
        assert_eq!(governor.count(limits, tripped(n * S, account, n)), account == "d");
    }
    (governor, limits)
}

fn until(governor: &Governor) -> BootNs {
    governor.engaged().expect("it is engaged").until
}

#[test]
fn who_has_tripped_is_held_to_his_budgets_all_the_same() {
    let (mut governor, limits) = engaged();
    assert_eq!(
        governor.engaged().map(|engaged| engaged.why.as_str()),
        Some("4 accounts tripped, where the policy allows 3/1m")
    );
    for tripped in ["a", "b", "c", "d"] {
        assert_eq!(governor.lets_pass(tripped), None, "{tripped}");
    }
    assert_eq!(governor.lets_pass("e"), Some(until(&governor)));
    governor.forgive("a");
    assert!(governor.lets_pass("a").is_some());
    // And he trips once more.
    governor.count(limits, tripped(5 * S, "a", 9));
    assert_eq!(governor.lets_pass("a"), None);
}

#[test]
fn it_lasts_until_it_has_been_quiet_for_its_time() {
    let (mut governor, limits) = engaged();
    let end = until(&governor);
    assert!((63 * S..=72 * S).contains(&end), "{end}");
    // The condition holds still: more than three within the last minute.
    assert!(governor.count(limits, observed(30 * S, "e")));
    assert!((90 * S..=99 * S).contains(&until(&governor)));
    assert!(!governor.is_over(89 * S) && governor.is_over(99 * S));
    // Each operation is no other time.
    assert!(!governor.count(limits, observed(30 * S + 1, "e")));
}

#[test]
fn one_account_alone_does_not_keep_it_engaged() {
    let (mut governor, limits) = engaged();
    for second in 4..600 {
        governor.count(limits, observed(second * S, "loop"));
    }
    // Until the last of the others was a minute ago.
    assert!(until(&governor) <= (60 + 68) * S, "{}", until(&governor));
}

#[test]
fn as_many_as_it_takes_do() {
    let (mut governor, limits) = engaged();
    for second in 4..600 {
        governor
            .count(limits, observed(second * S, ["e", "f", "g", "h"][usize::try_from(second % 4).unwrap()]));
    }
    assert!(until(&governor) >= 659 * S);
}

#[test]
fn what_was_only_observed_does_not_engage_it_again() {
    let (mut governor, limits) = engaged();
    for account in ["e", "f", "g", "h"] {
        governor.count(limits, observed(10 * S, account));
    }
    assert!(governor.end().is_some());
    assert!(!governor.count(limits, tripped(11 * S, "e", 7)));
    assert_eq!(governor.engaged(), None);
}

#[test]
fn without_a_limit_any_number_may_trip() {
    let mut governor = Governor::default();
    let names: Vec<String> = (0..2000).map(|n| format!("a{n}")).collect();
    for name in &names {
        assert!(!governor.count(limits(None, None), tripped(S, name, 1)));
    }
}

/// Moments in order, each with one of a few accounts; every one opens an incident of its own.
fn trips() -> impl Strategy<Value = Vec<(BootNs, u8)>> {
    prop::collection::vec((0..3 * S, 0..6_u8), 0..40).prop_map(|steps| {
        let mut at = 0;
        let in_order = steps.into_iter().map(|(after, account)| {
            at += after;
            (at, account)
        });
        in_order.collect()
    })
}

/// When the first moment is that ends a time of a limit with more in it than it allows.
fn first(trips: &[(BootNs, u8)], limit: (u32, u64), differ: impl Fn(usize, u8) -> usize) -> Option<usize> {
    (0..trips.len()).find(|last| {
        let end = trips[*last].0;
        let within = (0..=*last).filter(|one| end - trips[*one].0 < limit.1 * S);
        let different: BTreeSet<usize> = within.map(|one| differ(one, trips[one].1)).collect();
        different.len() > limit.0 as usize
    })
}

/// The same of incidents, of each account no more than are allowed.
fn first_by_incidents(trips: &[(BootNs, u8)], limit: (u32, u64)) -> Option<usize> {
    let most = limit.0 as usize;
    (0..trips.len()).find(|last| {
        let end = trips[*last].0;
        let within = || trips[..=*last].iter().filter(|(at, _)| end - at < limit.1 * S);
        let of = |account: u8| within().filter(|(_, one)| *one == account).count().min(most.max(1));
        (0..6).map(of).sum::<usize>() > most
    })
}

#[test]
fn one_account_alone_does_not_engage_it() {
    let limits = limits(None, Some((20, 600)));
    let mut governor = Governor::default();
    for incident in 0..500 {
        assert!(!governor.count(limits, tripped(incident * S, "a", incident)));
    }
    assert!(governor.count(limits, tripped(500 * S, "b", 500)));
    assert_eq!(["a", "b"].map(|account| governor.lets_pass(account)), [None, None]);
    assert!(governor.lets_pass("c").is_some());
}

#[test]
fn who_was_let_go_on_has_not_tripped() {
    let limits = limits(Some((1, 60)), None);
    let mut governor = Governor::default();
    governor.count(limits, tripped(0, "a", 1));
    governor.forgive("a");
    assert!(!governor.count(limits, tripped(S, "b", 2)));
}

proptest! {
    #[test]
    fn it_is_engaged_exactly_when_there_were_more_in_any_such_time(
        trips in trips(),
        accounts in prop::option::of((0..6_u32, 1..20_u64)),
        incidents in prop::option::of((0..12_u32, 1..20_u64)),
    ) {
        let by_accounts = accounts.and_then(|limit| first(&trips, limit, |_, account| account.into()));
        let by_incidents = incidents.and_then(|limit| first_by_incidents(&trips, limit));
        let expected = by_accounts.into_iter().chain(by_incidents).min();
        let mut governor = Governor::default();
        let limits = limits(accounts, incidents);
        let mut found = None;
        for (number, (at, account)) in trips.iter().enumerate() {
            governor.count(limits, tripped(*at, &account.to_string(), number as u64));
            if governor.engaged().is_some() {
                found = Some(number);
                break;
            }
        }
        prop_assert_eq!(found, expected);
    }

    /// While as many go on as it takes, it does not end; and when they have stopped, it does so in its time.
    #[test]
    fn it_is_over_when_the_condition_has_not_held_for_its_time(
        trips in trips(),
        limit in (0..4_u32, 1..20_u64),
    ) {
        let mut governor = Governor::default();
        let limits = limits(Some(limit), None);
        let mut held_last = None;
        for (number, (at, account)) in trips.iter().enumerate() {
            if governor.is_over(*at) {
                let last = held_last.expect("it was engaged");
                prop_assert!(at - last >= limit.1 * S);
                governor.end();
                break;
            }
            let is_engaged = governor.engaged().is_some();
            let name = account.to_string();
            governor.count(limits, Over { stopped: !is_engaged, ..tripped(*at, &name, number as u64) });
            let within = trips[..=number].iter().filter(|(then, _)| at - then < limit.1 * S);
            let different: BTreeSet<u8> = within.map(|(_, account)| *account).collect();
            if different.len() > limit.0 as usize {
                held_last = Some(*at);
            }
            if let Some(engaged) = governor.engaged() {
                let last = held_last.expect("it was engaged by that");
                prop_assert!(engaged.until >= last + limit.1 * S);
                prop_assert!(engaged.until <= last + limit.1 * S + limit.1 * S / 8 + 1);
            }
        }
    }
}
