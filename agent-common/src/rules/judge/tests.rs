use super::*;
use crate::rules::Kind;

mod claims;
mod table;
mod tampering;
mod word;

const NOW: BootNs = 1_000 * QUIET;
const LATER: BootNs = NOW + 1;

const RESPONSES: [Response; 4] = [Response::Observe, Response::Hold, Response::Deny, Response::Freeze];
const ROOMS: [Room; 2] = [Room::Within, Room::Over];
const KINDS: [Kinds; 6] = [
    Kinds::NONE,
    Kinds::of(Kind::Delete),
    Kinds::of(Kind::Delete).and(Kinds::of(Kind::Recreate)),
    Kinds::WHOLE,
    Kinds::WHOLE.and(Kinds::of(Kind::Delete)),
    Kinds::ESCAPE,
];

/// None, one that is over, and three that go on.
const GRANTS: [BootNs; 5] = [0, NOW, LATER, NOW + 2 * QUIET, NEVER];

/// Everything that a verdict depends on, but the time.
#[derive(Clone, Copy, Debug)]
struct Case {
    standing: Standing,
    /// A grant covers this act.
    granted: bool,
    /// Until when the account is granted whatever it does.
    granted_until: BootNs,
    kinds: Kinds,
    room: Room,
    /// To a burst.
    response: Response,
    escape: Response,
    tier: Tier,
}

impl Case {
    fn judge(self) -> (Standing, Verdict) {
        judge(self.standing, self.granted, self.kinds, self.room, self.responses(), self.tier, NOW)
    }

    /// Whether it is judged as an escape.
    fn is_escape(self) -> bool {
        self.responses().are_of_escape(self.kinds, self.phase())
    }

    /// The one that it is judged by.
    fn judged_by(self) -> Response {
        self.responses().to(self.kinds, self.phase())
    }

    fn responses(self) -> Responses {
        let tampering = Response::Deny;
        Responses { burst: self.response, escape: self.escape, tampering, until: NEVER }
            .under(self.granted_until, NOW)
    }

    /// The standing that counts.
    fn phase(self) -> Phase {
        if self.standing.until <= NOW { Phase::Armed } else { self.standing.phase }
    }
}

/// Every combination of every input.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for standing in standings() {
        for (granted, granted_until) in grants() {
            for kinds in KINDS {
                for room in ROOMS {
                    for response in RESPONSES {
                        for escape in RESPONSES {
                            let case = |tier| Case {
                                standing,
                                granted,
                                granted_until,
                                kinds,
                                room,
                                response,
                                escape,
                                tier,
                            };
                            cases.extend([Tier::Tracepoint, Tier::Lsm].map(case));
                        }
                    }
                }
            }
        }
    }
    cases
}

fn grants() -> impl Iterator<Item = (bool, BootNs)> {
    GRANTS.into_iter().flat_map(|until| [(false, until), (true, until)])
}

fn standings() -> Vec<Standing> {
    let untils = [0, NOW, LATER, NOW + 2 * QUIET, NEVER];
    let over = |phase| untils.map(|until| Standing { phase, until });
    [&[Standing::ARMED][..], &over(Phase::Tripped), &over(Phase::Denied), &over(Phase::Frozen)].concat()
}

#[test]
fn words_are_read_as_they_are_written() {
    for phase in [Phase::Armed, Phase::Tripped, Phase::Denied, Phase::Frozen] {
        assert_eq!(Phase::from_word(phase.to_word()), phase);
    }
    for verdict in [Verdict::Allow, Verdict::Report, Verdict::Stop, Verdict::Hold, Verdict::Deny] {
        assert_eq!(Verdict::from_word(verdict.to_word()), verdict);
    }
}
