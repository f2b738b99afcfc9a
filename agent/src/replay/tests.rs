//! Recordings that were made by hand, tried on policies.

use agent_common::rules::{
    BootNs, Kind, Kinds, NEVER,
    judge::{Phase, QUIET, Standing, Verdict},
};
use jiff::Timestamp;

use super::{
    fate::{Counts, Fate},
    trial::Trial,
};
use crate::{
    policy::tests::load,
    recording::{Begin, Deed, Entry, What},
    sensor::Judgement,
};

const SECOND: BootNs = 1_000_000_000;

const POLICY: &str = "\
version = 1
mode = \"enforce\"
[tree.t]
paths = ['/etc']
[account.a]
users = ['ci']
trees = ['t']
response = 'hold'
budget.deletes = '3/10s'
";

/// One name that goes, at a time and with a number that are set by whoever uses it.
pub(super) fn deed(kind: Kind) -> Deed<Vec<u8>> {
    Deed {
        what: What::Done,
        verb: 3,
        account: 1,
        root: Some(1),
        key: 0,
        other: None,
        pid: 7,
        uid: 1000,
        comm: [0; 16],
        over: false,
        judged: Judgement { kinds: [Kinds::of(kind), Kinds::NONE], ..Judgement::NONE },
        text: b"x".to_vec(),
    }
}

/// What a generation begins with; one that `carries` comes by a reload or a restart.
fn frame(at: BootNs, policy: &str, carries: bool) -> [Entry<Vec<u8>>; 3] {
    let begin = Begin {
        wall: Timestamp::UNIX_EPOCH,
        boot: "boot".to_owned(),
        version: String::new(),
        tier: "lsm".to_owned(),
        policy: policy.to_owned(),
        carries,
        seed: None,
    };
    [
        Entry::Begin { at, goes_on: false, begin },
        Entry::Account { index: 1, name: b"a".to_vec() },
        Entry::Tree { index: 1, path: b"/etc".to_vec() },
    ]
}

/// What the kernel programs would have sent.
struct Script {
    entries: Vec<Entry<Vec<u8>>>,
    sequence: u64,
}

impl Script {
    fn new(policy: &str) -> Self {
        let entries = frame(0, policy, false).into();
        Self { entries, sequence: 0 }
    }

    fn deed(&mut self, at: BootNs, change: impl FnOnce(&mut Deed<Vec<u8>>)) -> &mut Self {
        self.sequence += 1;
        let mut deed = deed(Kind::Delete);
        (deed.judged.at, deed.judged.sequence, deed.key) = (at, Some(self.sequence), self.sequence);
        change(&mut deed);
        self.entries.push(Entry::Deed(deed));
        self
    }

    /// So many that passed, in no time.
    fn pass(&mut self, at: BootNs, count: u64) -> &mut Self {
        for one in 0..count {
            self.deed(at + one, |_| {});
        }
        self
    }

    fn held(&mut self, at: BootNs, phase: Phase) -> &mut Self {
        self.deed(at, |deed| {
            deed.what = What::Waits;
            (deed.judged.verdict, deed.judged.phase) = (Verdict::Hold, phase);
            deed.over = phase == Phase::Armed;
        })
    }

    fn push(&mut self, entry: Entry<Vec<u8>>) -> &mut Self {
        self.entries.push(entry);
        self
    }

    /// Tried on a policy.
    fn on(&self, policy: &str) -> Trial {
        let loaded = load(policy).expect("a policy");
        self.tried(Trial::of(&loaded, None))
    }

    fn tried(&self, mut trial: Trial) -> Trial {
        trial.take(self.entries.iter().map(borrowed).collect());
        trial.end();
        trial
    }
}

fn borrowed(entry: &Entry<Vec<u8>>) -> Entry<&[u8]> {
    match entry {
        Entry::Begin { at, goes_on, begin } => {
            Entry::Begin { at: *at, goes_on: *goes_on, begin: begin.clone() }
        }
        Entry::Account { index, name } => Entry::Account { index: *index, name },
        Entry::Tree { index, path } => Entry::Tree { index: *index, path },
        Entry::Deed(deed) => Entry::Deed(deed.borrowed()),
        Entry::Anew { at, account } => Entry::Anew { at: *at, account: *account },
        Entry::Stands { at, account, standing } => {
            Entry::Stands { at: *at, account: *account, standing: *standing }
        }
        Entry::Lost { at, count } => Entry::Lost { at: *at, count: *count },
    }
}

fn hash() -> String {
    load(POLICY).expect("a policy").hash
}

/// How many came to this, and would.
fn counts(trial: &Trial, fate: Fate) -> (u64, u64) {
    let tried = &trial.accounts["a"];
    let count = |counts: &Counts| counts.get(&fate).copied().unwrap_or_default();
    (count(&tried.was), count(&tried.would))
}

#[test]
fn the_same_policy_comes_to_the_same() {
    let mut script = Script::new(&hash());
    script.pass(SECOND, 3).held(2 * SECOND, Phase::Armed).held(3 * SECOND, Phase::Tripped);
    // A person lets what waits pass, and the account begins anew.
    script.push(Entry::Anew { at: 4 * SECOND, account: 1 });
    script.deed(5 * SECOND, |deed| {
        (deed.judged.granted, deed.judged.verdict, deed.key) = (true, Verdict::Report, 4);
    });
    script.pass(6 * SECOND, 3).held(7 * SECOND, Phase::Armed);
    let trial = script.on(POLICY);
    assert_eq!((trial.compared, trial.different, trial.unknown.unrecorded), (10, 0, 0));
    assert_eq!((counts(&trial, Fate::Within), counts(&trial, Fate::Held)), ((6, 6), (3, 3)));
    assert_eq!(counts(&trial, Fate::Granted), (1, 1));
    assert_eq!(trial.bursts.iter().map(|burst| burst.acts).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn a_kernel_that_came_to_something_else_is_told() {
    let mut script = Script::new(&hash());
    script.pass(SECOND, 5);
    let trial = script.on(POLICY);
    assert_eq!((trial.compared, trial.different), (5, 2));
    assert_eq!(trial.differences[0].kernel, "armed within allow");
    assert_eq!(trial.differences[0].here, "armed over hold");
    // The next one is judged by where the kernel's account stood.
    assert_eq!(trial.differences[1].sequence, 5);
}

#[test]
fn acts_are_judged_by_their_numbers_however_late_they_are_told() {
    let mut script = Script::new(&hash());
    script.pass(SECOND, 3).held(2 * SECOND, Phase::Armed).held(3 * SECOND, Phase::Tripped);
    script.entries[3..].reverse();
    assert_eq!(script.on(POLICY).different, 0);
    // Also if that is in the next file.
    let loaded = load(POLICY).expect("a policy");
    for cut in 3..script.entries.len() {
        let mut trial = Trial::of(&loaded, None);
        let entries: Vec<_> = script.entries.iter().map(borrowed).collect();
        let (first, rest) = entries.split_at(cut);
        trial.take(first.to_vec());
        trial.take(rest.to_vec());
        trial.end();
        assert_eq!((trial.compared, trial.different), (5, 0), "{cut}");
    }
}

#[test]
fn a_larger_budget_lets_through_what_waited_and_counts_it_once() {
    let mut script = Script::new("other");
    script.pass(SECOND, 3).held(2 * SECOND, Phase::Armed);
    script.deed(5 * SECOND, |deed| {
        (deed.judged.granted, deed.judged.verdict, deed.key) = (true, Verdict::Report, 4);
    });
    let trial = script.on(&POLICY.replace("3/10s", "4/10s"));
    assert_eq!((counts(&trial, Fate::Held), counts(&trial, Fate::Within)), ((1, 0), (3, 5)));
    assert!(trial.bursts.is_empty() && trial.compared == 0);
}

#[test]
fn a_smaller_budget_holds_until_it_was_quiet_or_somebody_decided() {
    let mut script = Script::new("other");
    script.pass(SECOND, 3);
    script.pass(SECOND + QUIET + 3, 1);
    script.pass(SECOND + QUIET + 5, 2);
    let policy = POLICY.replace("3/10s", "1/10s");
    let trial = script.on(&policy);
    // Of the first three one is within; of the next three, which come after the quiet, one.
    assert_eq!((counts(&trial, Fate::Within), counts(&trial, Fate::Held)), ((6, 2), (0, 4)));
    assert_eq!(trial.bursts.len(), 2);
    let mut script = Script::new("other");
    script.pass(SECOND, 3).push(Entry::Anew { at: 2 * SECOND, account: 1 }).pass(3 * SECOND, 1);
    assert_eq!(counts(&script.on(&policy), Fate::Held), (0, 2));
}

#[test]
fn what_was_decided_about_a_burst_does_not_deny_where_there_is_none() {
    let mut script = Script::new("other");
    script.pass(SECOND, 3).held(2 * SECOND, Phase::Armed);
    let standing = Standing { phase: Phase::Denied, until: NEVER };
    script.push(Entry::Stands { at: 3 * SECOND, account: 1, standing }).pass(4 * SECOND, 1);
    assert_eq!(counts(&script.on(&POLICY.replace("3/10s", "9/10s")), Fate::Refused), (0, 0));
    assert_eq!(counts(&script.on(&POLICY.replace("3/10s", "2/10s")), Fate::Refused), (0, 1));
}

#[test]
fn trees_may_be_narrower_and_what_nobody_can_tell_is_said() {
    let mut script = Script::new("other");
    script.entries[2] = Entry::Tree { index: 1, path: b"/home".to_vec() };
    for path in ["ann/a", "ann/b", "bob/c", "bob/keep/d"] {
        script.deed(SECOND, |deed| deed.text = path.as_bytes().to_vec());
    }
    script.deed(SECOND, |deed| deed.text = vec![b'x'; 128]);
    let narrow = POLICY.replace("['/etc']", "['/home/bob', '/srv']\nexcept = ['**/keep']");
    let trial = script.on(&narrow);
    assert_eq!((counts(&trial, Fate::Outside), counts(&trial, Fate::Within)), ((0, 3), (5, 2)));
    assert_eq!((trial.unknown.unplaced, &trial.unknown.unwatched[..]), (1, &["/srv".to_owned()][..]));
}

#[test]
fn what_is_missing_is_counted() {
    let mut script = Script::new("other");
    script.pass(SECOND, 1);
    script.sequence += 4;
    script.pass(2 * SECOND, 1).push(Entry::Lost { at: 0, count: 2 });
    script.deed(3 * SECOND, |deed| deed.account = 9);
    script.push(Entry::Account { index: 9, name: b"z".to_vec() });
    let trial = script.on(POLICY);
    assert_eq!(trial.unknown.unrecorded, 6);
    assert_eq!((trial.unknown.others, &trial.unknown.other_accounts[..]), (1, &["z".to_owned()][..]));
}

#[test]
fn what_is_let_pass_is_observed_and_forgotten() {
    let mut script = Script::new(&hash());
    for number in 0..5 {
        script.deed(SECOND + number, |deed| {
            deed.judged.passes = true;
            deed.over = number == 3;
            if number >= 3 {
                deed.judged.verdict = Verdict::Report;
            }
            deed.judged.phase = if number > 3 { Phase::Tripped } else { Phase::Armed };
        });
    }
    script.pass(3 * SECOND, 3).held(4 * SECOND, Phase::Armed);
    let trial = script.on(POLICY);
    // Until when it was let pass nobody has written down, so this is not compared, nor for a window what follows.
    assert_eq!((trial.compared, trial.different), (0, 0), "{:?}", trial.differences);
    assert_eq!((counts(&trial, Fate::Observed), counts(&trial, Fate::Held)), ((2, 2), (1, 1)));
    script.push(Entry::Anew { at: 20 * SECOND, account: 1 }).pass(30 * SECOND, 3);
    let trial = script.held(31 * SECOND, Phase::Armed).on(POLICY);
    assert_eq!((trial.compared, trial.different), (4, 0), "{:?}", trial.differences);
}

#[test]
fn a_policy_that_was_tried_and_then_came_into_force_is_compared_from_then_on() {
    let mut script = Script::new("other");
    // Five would be a burst by this policy, and were none by the one of then.
    script.pass(SECOND, 5);
    script.entries.extend(frame(2 * SECOND, &hash(), true));
    // Nobody knows what was claimed; the account is armed.
    script.pass(3 * SECOND, 1).pass(13 * SECOND, 3).held(14 * SECOND, Phase::Armed);
    let trial = script.on(POLICY);
    assert_eq!((trial.compared, trial.different), (4, 0), "{:?}", trial.differences);
}

#[test]
fn what_becomes_of_a_call_without_an_agent_is_no_difference() {
    let policy = POLICY.replace("response = 'hold'", "response = 'hold'\nhold.on_agent_loss = 'deny'");
    let mut script = Script::new(&load(&policy).expect("a policy").hash);
    script.pass(SECOND, 3).held(2 * SECOND, Phase::Armed);
    script.deed(60 * SECOND, |deed| {
        deed.what = What::Refused;
        (deed.judged.verdict, deed.judged.phase) = (Verdict::Deny, Phase::Tripped);
    });
    let trial = script.on(&policy);
    assert_eq!((trial.compared, trial.different), (5, 0), "{:?}", trial.differences);
}

#[test]
fn a_call_that_waited_counts_once() {
    let mut script = Script::new("other");
    script.pass(SECOND, 3).held(2 * SECOND, Phase::Armed);
    script.deed(3 * SECOND, |deed| {
        deed.what = What::Refused;
        (deed.judged.verdict, deed.judged.phase, deed.key) = (Verdict::Deny, Phase::Tripped, 4);
    });
    let trial = script.on(&POLICY.replace("3/10s", "4/10s"));
    assert_eq!((counts(&trial, Fate::Within), trial.accounts["a"].rates[0].most()), ((3, 5), 4));
}

#[test]
fn another_boot_begins_from_nothing() {
    let mut script = Script::new(&hash());
    script.pass(100 * SECOND, 3);
    let mut next = Script::new(&hash());
    if let Entry::Begin { begin, .. } = &mut next.entries[0] {
        begin.boot = "next".to_owned();
    }
    next.pass(SECOND, 3).held(2 * SECOND, Phase::Armed);
    script.entries.extend(next.entries);
    let trial = script.on(POLICY);
    assert_eq!((trial.compared, trial.different, trial.unknown.unrecorded), (7, 0, 0));
}
