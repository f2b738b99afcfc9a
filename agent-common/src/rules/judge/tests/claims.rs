//! What holds in every case.

use super::*;

fn always(claim: impl Fn(Case, Standing, Verdict) -> bool) {
    for case in cases() {
        let (standing, verdict) = case.judge();
        assert!(claim(case, standing, verdict), "{case:?}: {standing:?}, {verdict:?}");
    }
}

const fn refuses(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::Allow | Verdict::Report)
}

#[test]
fn observing_never_refuses() {
    always(|case, _, verdict| case.judged_by() != Response::Observe || !refuses(verdict));
}

#[test]
fn what_a_grant_covers_passes_on_the_record_and_changes_nothing() {
    always(|case, standing, verdict| {
        let passes = if case.kinds.is_empty() { Verdict::Allow } else { Verdict::Report };
        !case.granted || (verdict == passes && standing == case.standing.at(NOW))
    });
}

/// An account that is granted all is refused nothing, whatever it stands in, and nothing that it did under its grant stands
/// against it when that is over.
#[test]
fn who_is_granted_all_is_observed_until_that_ends() {
    always(|case, standing, verdict| {
        let trips = case.phase() == Phase::Armed && standing.phase != Phase::Armed;
        case.granted_until <= NOW || !refuses(verdict) && (!trips || standing.until <= case.granted_until)
    });
}

#[test]
fn a_grant_of_all_that_is_over_is_none() {
    always(|case, standing, verdict| {
        case.granted_until > NOW || (standing, verdict) == Case { granted_until: 0, ..case }.judge()
    });
}

#[test]
fn each_tier_does_only_what_it_can() {
    always(|case, _, verdict| match case.tier {
        Tier::Tracepoint => !matches!(verdict, Verdict::Hold | Verdict::Deny),
        Tier::Lsm => verdict != Verdict::Stop || (case.phase() == Phase::Frozen && case.kinds.is_empty()),
    });
}

#[test]
fn what_destroys_nothing_changes_nothing_and_is_at_most_stopped() {
    always(|case, standing, verdict| {
        let passes = verdict == Verdict::Allow || (verdict == Verdict::Stop && case.phase() != Phase::Armed);
        !case.kinds.is_empty() || (passes && standing == case.standing.at(NOW))
    });
}

#[test]
fn an_armed_account_is_refused_nothing_but_a_burst() {
    always(|case, standing, verdict| {
        let is_denied_escape = case.kinds.is_escape() && verdict == Verdict::Deny;
        case.phase() != Phase::Armed
            || !refuses(verdict)
            || standing.phase != Phase::Armed
            || is_denied_escape
    });
}

#[test]
fn what_others_are_asked_to_do_is_refused_while_the_account_is_refused_itself() {
    always(|case, _, verdict| {
        let is_refused = case.phase() != Phase::Armed && case.responses().burst != Response::Observe;
        !case.kinds.is_escape() || case.granted || !is_refused || refuses(verdict)
    });
}

#[test]
fn an_escape_that_does_not_wait_for_a_person_changes_no_standing_of_an_armed_account() {
    always(|case, standing, verdict| {
        let waits = matches!(verdict, Verdict::Hold | Verdict::Stop);
        !case.kinds.is_escape() || case.phase() != Phase::Armed || waits || standing == Standing::ARMED
    });
}

#[test]
fn a_whole_tree_is_a_burst_whatever_the_budgets_say() {
    always(|case, standing, verdict| {
        !case.kinds.is_by_itself() || (standing, verdict) == Case { room: Room::Over, ..case }.judge()
    });
}

#[test]
fn budgets_do_not_count_once_an_account_is_over() {
    always(|case, standing, verdict| {
        let whatever_room = ROOMS.map(|room| Case { room, ..case }.judge());
        case.phase() == Phase::Armed || whatever_room == [(standing, verdict); 2]
    });
}

#[test]
fn nothing_but_time_arms_an_account_again() {
    always(|case, standing, _| case.phase() == Phase::Armed || standing.phase == case.phase());
}

#[test]
fn an_attempt_never_shortens_a_denial() {
    always(|case, standing, _| case.phase() != Phase::Denied || standing.until >= case.standing.until);
}

/// A call that restarts, or is tried again.
#[test]
fn trying_again_at_once_helps_nobody() {
    always(|case, standing, verdict| !refuses(verdict) || refuses(Case { standing, ..case }.judge().1));
}

/// Nobody is refused more because of a loss of ours than with an agent, but where the policy wants it; nothing that need not
/// wait is touched.
#[test]
fn without_an_agent_only_what_would_wait_is_another() {
    const HEARD: BootNs = NOW - LOST - 1;
    let all = [Verdict::Allow, Verdict::Report, Verdict::Stop, Verdict::Hold, Verdict::Deny];
    for verdict in all {
        for tier in [Tier::Tracepoint, Tier::Lsm] {
            let with = |alone, heard| without_agent(verdict, alone, tier, heard, NOW);
            let waits = matches!(verdict, Verdict::Hold | Verdict::Stop);
            for alone in [Alone::Wait, Alone::Deny, Alone::Observe] {
                assert_eq!([with(alone, 0), with(alone, HEARD + 1), with(alone, NOW + 5)], [verdict; 3]);
            }
            assert_eq!(with(Alone::Wait, HEARD), verdict);
            assert_eq!(with(Alone::Observe, HEARD), if waits { Verdict::Report } else { verdict });
            let denied = waits && tier == Tier::Lsm;
            assert_eq!(with(Alone::Deny, HEARD), if denied { Verdict::Deny } else { verdict });
        }
    }
}

#[test]
fn only_what_waits_for_a_person_waits_without_end() {
    always(|case, standing, verdict| {
        let burst = case.phase() == Phase::Armed && standing.phase != Phase::Armed;
        let waits = matches!(verdict, Verdict::Hold | Verdict::Stop);
        !burst || (standing.until == NEVER) == waits
    });
}
