//! What is done to burstguard itself.

use super::*;

fn judged(standing: Standing, granted: bool, tampering: Response, tier: Tier) -> (Standing, Verdict) {
    let responses = Responses { burst: Response::Hold, escape: Response::Hold, tampering, until: NEVER };
    judge(standing, granted, Kinds::TAMPERING, Room::Over, responses, tier, NOW)
}

#[test]
fn it_is_refused_where_it_can_be_and_moves_no_account() {
    for standing in standings() {
        for (tampering, tier, expected) in [
            (Response::Deny, Tier::Lsm, Verdict::Deny),
            (Response::Deny, Tier::Tracepoint, Verdict::Report),
            (Response::Observe, Tier::Lsm, Verdict::Report),
            (Response::Observe, Tier::Tracepoint, Verdict::Report),
        ] {
            let (after, verdict) = judged(standing, false, tampering, tier);
            assert_eq!(verdict, expected, "{standing:?} {tampering:?} {tier:?}");
            assert!(after == standing || standing.until <= NOW, "{standing:?}: {after:?}");
            assert_eq!(judged(standing, true, tampering, tier).1, Verdict::Report);
        }
    }
}

#[test]
fn whoever_is_granted_everything_is_not_refused() {
    let responses =
        Responses { burst: Response::Hold, escape: Response::Hold, tampering: Response::Deny, until: NEVER };
    assert_eq!(responses.under(LATER, NOW).tampering, Response::Observe);
    assert_eq!(responses.under(NOW, NOW).tampering, Response::Deny);
}
