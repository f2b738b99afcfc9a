//! An account on trial, and all that has come of its acts.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use agent_common::rules::{
    BootNs, Kind,
    judge::{Phase, Standing, Tier, Verdict},
};
use jiff::Timestamp;

use super::{
    account::{Account, Act, Judged},
    fate::{Counts, Fate},
    frame::Frame,
    rate::Rate,
};
use crate::{
    policy::{self, Exception, Policy},
    recording::{Deed, What},
};

pub(super) struct Tried {
    pub(super) account: Account,
    trees: Vec<(PathBuf, Vec<Exception>)>,
    pub(super) was: Counts,
    pub(super) would: Counts,
    pub(super) rates: Vec<Rate>,
    /// Of the acts that count.
    pub(super) acts: u64,
    pub(super) span: Option<(Timestamp, Timestamp)>,
    /// The burst that is not over yet, by its place among all.
    pub(super) burst: Option<usize>,
    last_sequence: Option<u64>,
    /// Calls that wait, by whose they are; and what would not have waited, until it then happens or is refused.
    waiting: HashSet<(u32, Name)>,
    passed: HashSet<Name>,
    known: Known,
    /// The kernel programs' account stands somewhere that only its next act tells.
    adopts: bool,
}

/// What an act is about.
type Name = (u64, u8, Option<u16>);

/// More calls of an account than this do not wait: the rest was killed.
const MOST_WAITING: usize = 4096;

/// Since when all that was claimed is known.
#[derive(Clone, Copy)]
enum Known {
    Always,
    Since(BootNs),
    SinceTheNextAct,
}

impl Tried {
    pub(super) fn new(policy: &Policy, account: &policy::Account) -> Self {
        let trees = account.trees.iter().filter_map(|index| policy.trees.get(*index));
        Self {
            account: Account::new(policy, account),
            trees: trees
                .flat_map(|tree| tree.paths.iter().map(|path| (path.clone(), tree.except.clone())))
                .collect(),
            was: Counts::new(),
            would: Counts::new(),
            rates: Kind::ALL.map(|kind| Rate::of(kind, account.budgets.of(kind))).into(),
            acts: 0,
            span: None,
            burst: None,
            last_sequence: None,
            waiting: HashSet::new(),
            passed: HashSet::new(),
            known: Known::SinceTheNextAct,
            adopts: true,
        }
    }

    /// Another generation is in force. `fresh`: it carries nothing on.
    pub(super) fn begin(&mut self, frame: &Frame, is_other_boot: bool, fresh: bool) {
        self.last_sequence = None;
        if is_other_boot || fresh {
            self.account.forget();
        }
        self.known = if fresh { Known::Always } else { Known::Since(frame.begun) };
        // A policy that is only tried goes on where it was.
        self.adopts = !fresh && frame.is_same;
        if self.adopts {
            self.account.forgive(frame.begun);
        }
    }

    /// How many acts were judged since the last one, and are not there.
    pub(super) fn missing(&mut self, deed: &Deed<&[u8]>) -> u64 {
        let sequence = deed.judged.sequence.unwrap_or_default();
        let last = self.last_sequence;
        self.last_sequence = Some(last.map_or(sequence, |last| last.max(sequence)));
        last.map_or(0, |last| sequence.saturating_sub(last.saturating_add(1)))
    }

    /// Whether the trees have it; none if nobody can tell. What is in no tree, a command or another who is asked to act, is wherever
    /// the account is.
    pub(super) fn is_in_trees(&self, deed: &Deed<&[u8]>, path: Option<&Path>) -> Option<bool> {
        if deed.root.is_none() {
            return Some(true);
        }
        let path = path?;
        let has = |(root, except): &(PathBuf, Vec<Exception>)| {
            // What is above a root goes with it.
            (path.starts_with(root) || root.starts_with(path))
                && !except.iter().any(|exception| exception.covers(root, path))
        };
        Some(self.trees.iter().any(has))
    }

    /// Whether it waited before, and would not have.
    pub(super) fn is_again(&self, deed: &Deed<&[u8]>) -> bool {
        deed.what != What::Waits && self.passed.contains(&name(deed))
    }

    /// Whether a call that waited comes to its end: then it has counted.
    pub(super) fn is_end(&mut self, deed: &Deed<&[u8]>) -> bool {
        let call = (deed.pid, name(deed));
        if deed.what != What::Waits {
            return self.waiting.remove(&call);
        }
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.clear();
        }
        !self.waiting.insert(call)
    }

    pub(super) fn judge(&mut self, deed: &Deed<&[u8]>, frame: &Frame) -> Judged {
        let judgement = &deed.judged;
        let at = judgement.at;
        if self.account.passed() != judgement.passes {
            (self.known, self.adopts) = (Known::Since(at), frame.is_same);
        }
        if let Known::SinceTheNextAct = self.known {
            self.known = Known::Since(at);
        }
        if std::mem::take(&mut self.adopts) {
            self.adopt(judgement.phase, at, judgement.passes);
        } else if !frame.is_same && self.account.is_quiet(at) {
            self.account.forgive(at);
            self.account.stands(Standing::ARMED);
        }
        let act = Act { at, kinds: judgement.kinds, granted: judgement.granted, passes: judgement.passes };
        self.account.judge(act, frame.tier)
    }

    /// Whether the kernel programs must have come to the same: they had this policy, and nothing that counts was claimed before anybody
    /// knows of it. What is let pass ends when somebody says so, which nobody has written down.
    pub(super) fn is_comparable(&self, deed: &Deed<&[u8]>, frame: &Frame) -> bool {
        let judgement = &deed.judged;
        let since = match self.known {
            Known::Always => Some(0),
            Known::Since(from) => Some(from.saturating_add(self.account.longest_window(judgement.kinds))),
            Known::SinceTheNextAct => None,
        };
        frame.is_same
            && !judgement.passes
            && judgement.at >= frame.begun
            && since.is_some_and(|since| judgement.at >= since)
    }

    /// Whether the kernel's verdict is this one, or what becomes of it when nobody is there to decide.
    pub(super) fn is_verdict(&self, kernel: Verdict, here: Verdict, tier: Tier) -> bool {
        kernel == here || kernel == self.account.alone(here, tier)
    }

    /// From here on the account stands as the kernel's did, so that one difference is not many.
    pub(super) fn take_kernels_word(&mut self, deed: &Deed<&[u8]>) {
        let judgement = &deed.judged;
        let phase = match (judgement.phase, judgement.verdict) {
            (Phase::Armed, Verdict::Allow) => Phase::Armed,
            (Phase::Armed, _) if judgement.granted => Phase::Armed,
            (Phase::Armed, Verdict::Deny) => Phase::Denied,
            (Phase::Armed, _) => Phase::Tripped,
            (phase, _) => phase,
        };
        self.adopt(phase, judgement.at, judgement.passes);
    }

    fn adopt(&mut self, phase: Phase, at: BootNs, passes: bool) {
        let standing = self.account.found(phase, at, passes);
        self.account.stands(standing);
    }

    pub(super) fn remember(&mut self, deed: &Deed<&[u8]>, would: Fate) {
        if deed.what == What::Waits && would.passes() {
            if self.passed.len() >= MOST_WAITING {
                self.passed.clear();
            }
            self.passed.insert(name(deed));
        } else {
            self.passed.remove(&name(deed));
        }
    }

    /// It counts.
    pub(super) fn count(&mut self, at: Timestamp, was: Fate, would: Fate) {
        self.acts += 1;
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        *self.was.entry(was).or_default() += 1;
        *self.would.entry(would).or_default() += 1;
    }
}

fn name(deed: &Deed<&[u8]>) -> Name {
    (deed.key, deed.verb, deed.root)
}
