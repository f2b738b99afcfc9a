//! A policy is tried on a recording: each act is judged as the kernel programs would with that policy, and held against what they did.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use agent_common::rules::{
    BootNs, Kind,
    judge::{Phase, Standing, Verdict},
};
use jiff::Timestamp;

use super::{
    account::{Judged, kind},
    fate::Fate,
    frame::{Frame, shown},
    rate::Rate,
    tried::Tried,
};
use crate::{
    policy::{Loaded, Policy},
    recording::{Begin, Deed, Entry},
};

/// Something that the policy would have stopped, or told.
#[derive(Clone, Debug)]
pub(super) struct Burst {
    pub(super) at: Timestamp,
    pub(super) account: String,
    pub(super) path: String,
    /// Whose budget was full; none: it is a burst by itself.
    pub(super) full: Option<Kind>,
    /// What becomes of its first act, and how many came after it before it was over.
    pub(super) fate: Fate,
    pub(super) acts: u64,
}

/// The kernel programs have come to something else.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Difference {
    pub(super) account: String,
    pub(super) sequence: u64,
    pub(super) path: String,
    pub(super) kernel: String,
    pub(super) here: String,
}

/// A policy on trial, and all that has come of it so far.
pub(super) struct Trial {
    hash: String,
    pub(super) accounts: BTreeMap<String, Tried>,
    pub(super) bursts: Vec<Burst>,
    pub(super) differences: Vec<Difference>,
    /// How many acts were held against what the kernel programs have come to, because they had this very policy, and of how many that
    /// was something else.
    pub(super) compared: u64,
    pub(super) different: u64,
    pub(super) unknown: Unknown,
    since: Option<Timestamp>,
    now: Frame,
    /// Of the file before: something that was judged earlier may still be told.
    late: Vec<Deed<Vec<u8>>>,
    late_decided: Vec<Decided>,
}

/// What nobody can know.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Unknown {
    /// Acts that were judged and are not in the recording.
    pub(super) unrecorded: u64,
    /// Acts whose path is not known well enough to tell whether the policy's trees have it; they count as in them.
    pub(super) unplaced: u64,
    /// Acts of accounts that the policy does not have.
    pub(super) others: u64,
    /// Names of these.
    pub(super) other_accounts: Vec<String>,
    /// Trees of the policy that nobody watched at the time.
    pub(super) unwatched: Vec<String>,
}

/// How late an act may be told.
const LATE: BootNs = 2_000_000_000;
/// How many differences are told.
const TOLD: usize = 20;

/// Something that was decided about an account.
#[derive(Clone, Copy)]
struct Decided {
    at: BootNs,
    account: u16,
    /// None: its whole budget again.
    to: Option<Standing>,
}

impl Trial {
    /// Counted is what was judged since then.
    pub(super) fn of(loaded: &Loaded, since: Option<Timestamp>) -> Self {
        let Loaded { policy, hash, .. } = loaded;
        let tried = |account: &crate::policy::Account| (account.name.clone(), Tried::new(policy, account));
        Self {
            hash: hash.clone(),
            accounts: policy.accounts.iter().map(tried).collect(),
            bursts: Vec::new(),
            differences: Vec::new(),
            compared: 0,
            different: 0,
            unknown: Unknown { unwatched: all_trees(policy), ..Unknown::default() },
            since,
            now: Frame::default(),
            late: Vec::new(),
            late_decided: Vec::new(),
        }
    }

    /// How many acts count.
    pub(super) fn acts(&self) -> u64 {
        self.accounts.values().map(|tried| tried.acts).sum()
    }

    /// The first and the last of these.
    pub(super) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let spans = self.accounts.values().filter_map(|tried| tried.span);
        spans.reduce(|(first, last), (from, to)| (first.min(from), last.max(to)))
    }

    /// Takes in the entries of a file.
    pub(super) fn take(&mut self, entries: Vec<Entry<&[u8]>>) {
        let late = std::mem::take(&mut self.late);
        let mut deeds: Vec<Deed<&[u8]>> = late.iter().map(Deed::borrowed).collect();
        let mut decided = std::mem::take(&mut self.late_decided);
        for entry in entries {
            match entry {
                Entry::Begin { at, goes_on, begin } => {
                    if !goes_on || self.now.boot.is_empty() {
                        let (deeds, decided) = (std::mem::take(&mut deeds), std::mem::take(&mut decided));
                        self.judge_all(deeds, decided, BootNs::MAX);
                        self.begin(at, goes_on, &begin);
                    }
                }
                Entry::Account { index, name } => {
                    self.now.accounts.insert(index, String::from_utf8_lossy(name).into_owned());
                }
                Entry::Tree { index, path } => {
                    let path = PathBuf::from(OsStr::from_bytes(path));
                    self.unknown.unwatched.retain(|tree| !Path::new(tree).starts_with(&path));
                    self.now.trees.insert(index, path);
                }
                Entry::Deed(deed) => deeds.push(deed),
                Entry::Anew { at, account } => decided.push(Decided { at, account, to: None }),
                Entry::Stands { at, account, standing } => {
                    decided.push(Decided { at, account, to: Some(standing) });
                }
                Entry::Lost { count, .. } => {
                    self.unknown.unrecorded = self.unknown.unrecorded.saturating_add(count);
                }
            }
        }
        let newest = deeds.iter().map(|deed| deed.judged.at).chain(decided.iter().map(|one| one.at)).max();
        let newest = newest.unwrap_or_default();
        self.judge_all(deeds, decided, newest.saturating_sub(LATE));
    }

    /// Shows this account alone; none if the policy does not have it.
    pub(super) fn only(&mut self, account: &str) -> Option<()> {
        self.accounts.retain(|name, _| name == account);
        self.bursts.retain(|burst| burst.account == account);
        self.differences.retain(|difference| difference.account == account);
        (!self.accounts.is_empty()).then_some(())
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) {
        let late = std::mem::take(&mut self.late);
        let decided = std::mem::take(&mut self.late_decided);
        self.judge_all(late.iter().map(Deed::borrowed).collect(), decided, BootNs::MAX);
        self.accounts.values_mut().flat_map(|tried| &mut tried.rates).for_each(Rate::end);
    }

    /// Another generation is in force. The first file may begin in the midst of one: what was before is not known.
    fn begin(&mut self, at: BootNs, goes_on: bool, begin: &Begin) {
        let frame = Frame::of(at, begin, &self.hash);
        let is_other_boot = self.now.boot != frame.boot;
        let fresh = !goes_on && !begin.carries;
        if !goes_on {
            self.accounts.values_mut().for_each(|tried| tried.begin(&frame, is_other_boot, fresh));
        }
        self.now = frame;
    }

    /// By account in the order in which they were judged, with what was decided in between. What is newer than `until` may still
    /// have something before it.
    fn judge_all(&mut self, deeds: Vec<Deed<&[u8]>>, decided: Vec<Decided>, until: BootNs) {
        let (mut ready, late): (Vec<_>, Vec<_>) = deeds.into_iter().partition(|deed| deed.judged.at <= until);
        self.late = late.into_iter().map(Deed::to_owned).collect();
        let (decided, late): (Vec<_>, Vec<_>) = decided.into_iter().partition(|one| one.at <= until);
        self.late_decided = late;
        ready.sort_by_key(|deed| (deed.account, deed.judged.sequence));
        let mut decided: HashMap<u16, Vec<Decided>> =
            decided.into_iter().fold(HashMap::new(), |mut all, one| {
                all.entry(one.account).or_insert_with(Vec::new).push(one);
                all
            });
        for acts in ready.chunk_by(|one, next| one.account == next.account) {
            let mut decided = decided.remove(&acts[0].account).unwrap_or_default().into_iter().peekable();
            for deed in acts {
                while let Some(one) = decided.next_if(|one| one.at <= deed.judged.at) {
                    self.decide(one);
                }
                self.judge(deed);
            }
            decided.for_each(|one| self.decide(one));
        }
        decided.into_values().flatten().for_each(|one| self.decide(one));
    }

    fn decide(&mut self, decided: Decided) {
        let is_same = self.now.is_same;
        let name = self.now.accounts.get(&decided.account);
        let Some(tried) = name.and_then(|name| self.accounts.get_mut(name)) else { return };
        let account = &mut tried.account;
        match decided.to {
            None => {
                account.forgive(decided.at);
                account.stands(Standing::ARMED);
            }
            // What was decided about a burst says nothing where there would have been none.
            Some(standing) if is_same || account.phase(decided.at) != Phase::Armed => {
                account.stands(standing);
            }
            Some(_) => {}
        }
    }

    fn judge(&mut self, deed: &Deed<&[u8]>) {
        let Some(name) = self.now.accounts.get(&deed.account) else { return };
        let Some(tried) = self.accounts.get_mut(name) else {
            return self.unknown.add_other(name);
        };
        let at = self.now.wall(deed.judged.at);
        let counts = self.since.is_none_or(|since| at >= since);
        let missing = tried.missing(deed);
        let path = self.now.path(deed);
        // Of what the kernel has judged by this very policy nobody need ask.
        let is_in = if self.now.is_same { Some(true) } else { tried.is_in_trees(deed, path.as_deref()) };
        let was = Fate::of(deed.judged.verdict, deed.judged.granted);
        let (would, judged) = if is_in == Some(false) {
            (Fate::Outside, None)
        } else if !self.now.is_same && tried.is_again(deed) {
            (Fate::Within, None)
        } else {
            let judged = tried.judge(deed, &self.now);
            (Fate::of(judged.verdict, deed.judged.granted), Some(judged))
        };
        tried.remember(deed, would);
        let is_end = tried.is_end(deed);
        let is_comparable = tried.is_comparable(deed, &self.now);
        if self.now.is_same && !is_comparable {
            tried.take_kernels_word(deed);
        }
        if let Some(judged) = judged.filter(|_| is_comparable) {
            let is_verdict = tried.is_verdict(deed.judged.verdict, judged.verdict, self.now.tier);
            if let Some(difference) = difference(name, deed, judged, is_verdict, path.as_deref()) {
                tried.take_kernels_word(deed);
                self.different += u64::from(counts);
                if counts && self.differences.len() < TOLD {
                    self.differences.push(difference);
                }
            }
            self.compared += u64::from(counts);
        }
        if !counts {
            return;
        }
        self.unknown.unrecorded = self.unknown.unrecorded.saturating_add(missing);
        self.unknown.unplaced += u64::from(is_in.is_none());
        tried.count(at, was, would);
        if would != Fate::Outside {
            tried.rates.iter_mut().for_each(|rate| rate.add(deed, at, is_end));
        }
        note_burst(tried, &mut self.bursts, judged, would, || Burst {
            at,
            account: name.clone(),
            path: shown(deed, path.as_deref()),
            full: judged.and_then(|judged| judged.full),
            fate: would,
            acts: 0,
        });
    }
}

impl Unknown {
    fn add_other(&mut self, name: &String) {
        self.others += 1;
        if !self.other_accounts.contains(name) {
            self.other_accounts.push(name.clone());
        }
    }
}

fn note_burst(
    tried: &mut Tried,
    bursts: &mut Vec<Burst>,
    judged: Option<Judged>,
    would: Fate,
    burst: impl FnOnce() -> Burst,
) {
    let is_more = matches!(would, Fate::Observed | Fate::Stopped | Fate::Held | Fate::Refused);
    if judged.is_some_and(|judged| judged.begins) {
        tried.burst = Some(bursts.len());
        bursts.push(burst());
    } else if let Some(burst) = tried.burst.and_then(|index| bursts.get_mut(index)).filter(|_| is_more) {
        burst.acts += 1;
    }
}

fn difference(
    name: &str,
    deed: &Deed<&[u8]>,
    here: Judged,
    is_verdict: bool,
    path: Option<&Path>,
) -> Option<Difference> {
    let said = |phase: Phase, over: bool, verdict: Verdict| {
        let over = if over { "over" } else { "within" };
        format!("{phase:?} {over} {verdict:?}").to_lowercase()
    };
    let judgement = &deed.judged;
    let is_same = judgement.phase == here.phase && deed.over == here.over && is_verdict;
    (!is_same).then(|| Difference {
        account: name.to_owned(),
        sequence: judgement.sequence.unwrap_or_default(),
        path: shown(deed, path),
        kernel: said(judgement.phase, deed.over, judgement.verdict),
        here: said(here.phase, here.over, here.verdict),
    })
}

fn all_trees(policy: &Policy) -> Vec<String> {
    let paths = policy.trees.iter().flat_map(|tree| &tree.paths);
    paths.map(|path| path.to_string_lossy().into_owned()).collect()
}

/// The kind that counts of an act: a replace of two names is one for each.
pub(super) fn kinds_of<T>(deed: &Deed<T>) -> impl Iterator<Item = Kind> + '_ {
    deed.judged.kinds.iter().filter_map(|kinds| kind(*kinds))
}
