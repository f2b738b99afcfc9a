//! A policy is tried on a recording: each act is judged as the kernel programs would with that policy, and held against what they did.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use agent_common::rules::{
    BootNs, Kind, NEVER,
    judge::{Phase, QUIET, Standing, Tier, Verdict},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    account::{Account, Act, Judged, kind},
    rate::Rate,
};
use crate::{
    policy::{Exception, Loaded, Policy},
    recording::{Begin, Deed, Entry, What},
    sensor::LONGEST_PATH,
};

/// What becomes of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It had room in its budgets.
    Within,
    /// A person had let it pass.
    Granted,
    /// It was over a budget, and only told.
    Observed,
    /// It happened, and stopped its process.
    Stopped,
    Held,
    Refused,
    /// It is in no tree of the account.
    Outside,
}

impl Fate {
    pub(super) const ALL: [Self; 7] = [
        Self::Within,
        Self::Granted,
        Self::Observed,
        Self::Stopped,
        Self::Held,
        Self::Refused,
        Self::Outside,
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Granted => "granted",
            Self::Observed => "observed",
            Self::Stopped => "stopped",
            Self::Held => "held",
            Self::Refused => "denied",
            Self::Outside => "outside",
        }
    }

    const fn of(verdict: Verdict, granted: bool) -> Self {
        match verdict {
            Verdict::Allow => Self::Within,
            Verdict::Report if granted => Self::Granted,
            Verdict::Report => Self::Observed,
            Verdict::Stop => Self::Stopped,
            Verdict::Hold => Self::Held,
            Verdict::Deny => Self::Refused,
        }
    }
}

/// How many acts came to what.
pub(super) type Counts = BTreeMap<Fate, u64>;

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

/// What is known of an account.
pub(super) struct Tried {
    account: Account,
    trees: Vec<(PathBuf, Vec<Exception>)>,
    pub(super) was: Counts,
    pub(super) would: Counts,
    pub(super) rates: Vec<Rate>,
    last_sequence: Option<u64>,
    /// Acts that waited and would have passed: when they then happen, that is the same.
    passed: HashSet<(u64, u8, Option<u16>)>,
    burst: Option<usize>,
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
    /// The first and the last act.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    pub(super) acts: u64,
    since: Option<Timestamp>,
    now: Frame,
    /// Of the file before: something that was judged earlier may still be told.
    late: Vec<Deed<Vec<u8>>>,
    late_decided: Vec<Decided>,
}

/// What the numbers of entries mean.
#[derive(Default)]
struct Frame {
    boot: String,
    /// What is to be added to a time since the boot.
    offset: Timestamp,
    is_same: bool,
    tier: Option<Tier>,
    accounts: HashMap<u16, String>,
    trees: HashMap<u16, PathBuf>,
}

/// What nobody can know.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Unknown {
    /// Acts that were judged and are not in the recording: refused again and again, asked about anew, or lost.
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

impl Trial {
    /// Counted is what was judged since then.
    pub(super) fn of(loaded: &Loaded, since: Option<Timestamp>) -> Self {
        let Loaded { policy, hash, .. } = loaded;
        let tried = |account: &crate::policy::Account| {
            let trees = account.trees.iter().filter_map(|index| policy.trees.get(*index));
            let tried = Tried {
                account: Account::new(policy, account),
                trees: trees
                    .flat_map(|tree| tree.paths.iter().map(|path| (path.clone(), tree.except.clone())))
                    .collect(),
                was: Counts::new(),
                would: Counts::new(),
                rates: Kind::ALL.map(|kind| Rate::of(kind, account.budgets.of(kind))).into(),
                last_sequence: None,
                passed: HashSet::new(),
                burst: None,
            };
            (account.name.clone(), tried)
        };
        Self {
            hash: hash.clone(),
            accounts: policy.accounts.iter().map(tried).collect(),
            bursts: Vec::new(),
            differences: Vec::new(),
            compared: 0,
            different: 0,
            unknown: Unknown { unwatched: all_trees(policy), ..Unknown::default() },
            span: None,
            acts: 0,
            since,
            now: Frame::default(),
            late: Vec::new(),
            late_decided: Vec::new(),
        }
    }

    /// Takes in the entries of a file.
    pub(super) fn take(&mut self, entries: Vec<Entry<&[u8]>>) {
        let late = std::mem::take(&mut self.late);
        let mut deeds: Vec<Deed<&[u8]>> = late.iter().map(Deed::borrowed).collect();
        let mut decided = std::mem::take(&mut self.late_decided);
        for entry in entries {
            match entry {
                Entry::Begin { at, goes_on, begin } => {
                    if !goes_on {
                        self.judge_all(std::mem::take(&mut deeds), std::mem::take(&mut decided), BootNs::MAX);
                    }
                    self.begin(at, goes_on, &begin);
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
                Entry::Lost { count, .. } => self.unknown.unrecorded += count,
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
        (!self.accounts.is_empty()).then_some(())
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) {
        let late = std::mem::take(&mut self.late);
        let decided = std::mem::take(&mut self.late_decided);
        self.judge_all(late.iter().map(Deed::borrowed).collect(), decided, BootNs::MAX);
        self.accounts.values_mut().flat_map(|tried| &mut tried.rates).for_each(Rate::end);
    }

    fn begin(&mut self, at: BootNs, goes_on: bool, begin: &Begin) {
        let Begin { wall, boot, tier, policy, .. } = begin;
        if self.now.boot != *boot {
            self.accounts.values_mut().for_each(|tried| tried.account.forget());
        }
        if !goes_on {
            self.accounts.values_mut().for_each(|tried| tried.last_sequence = None);
            (self.now.accounts, self.now.trees) = (HashMap::new(), HashMap::new());
        }
        let since_boot = SignedDuration::from_nanos(i64::try_from(at).unwrap_or(i64::MAX));
        self.now.boot.clone_from(boot);
        self.now.offset = wall.checked_sub(since_boot).unwrap_or(Timestamp::UNIX_EPOCH);
        self.now.is_same = *policy == self.hash;
        self.now.tier = Some(if tier == "lsm" { Tier::Lsm } else { Tier::Tracepoint });
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
        let Some(tried) =
            self.now.accounts.get(&decided.account).and_then(|name| self.accounts.get_mut(name))
        else {
            return;
        };
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
            self.unknown.others += 1;
            if !self.unknown.other_accounts.contains(name) {
                self.unknown.other_accounts.push(name.clone());
            }
            return;
        };
        let at = self.now.wall(deed.judged.at);
        let counts = self.since.is_none_or(|since| at >= since);
        self.unknown.unrecorded += if counts { tried.missing(deed) } else { 0 };
        let path = self.now.path(deed);
        let is_in = tried.is_in_trees(deed, path.as_deref());
        self.unknown.unplaced += u64::from(counts && is_in.is_none());
        let was = Fate::of(deed.judged.verdict, deed.judged.granted);
        let (would, judged) = if is_in == Some(false) {
            (Fate::Outside, None)
        } else if tried.is_again(deed) {
            (Fate::Within, None)
        } else {
            let judged = tried.judge(deed, self.now.tier.unwrap_or(Tier::Tracepoint), self.now.is_same);
            (Fate::of(judged.verdict, deed.judged.granted), Some(judged))
        };
        tried.remember(deed, would);
        if let Some(judged) = judged.filter(|_| self.now.is_same) {
            self.compared += u64::from(counts);
            if let Some(difference) = difference(name, deed, judged, path.as_deref()) {
                // From here on as it really was, so that one difference is not many.
                tried.account.stands(as_it_was(deed));
                self.different += u64::from(counts);
                if counts && self.differences.len() < TOLD {
                    self.differences.push(difference);
                }
            }
        }
        if !counts {
            return;
        }
        self.acts += 1;
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        *tried.was.entry(was).or_default() += 1;
        *tried.would.entry(would).or_default() += 1;
        if would != Fate::Outside {
            tried.rates.iter_mut().for_each(|rate| rate.add(deed, at));
        }
        tried.note_burst(&mut self.bursts, judged, would, || Burst {
            at,
            account: name.clone(),
            path: shown(deed, path.as_deref()),
            full: judged.and_then(|judged| judged.full),
            fate: would,
            acts: 0,
        });
    }
}

#[derive(Clone, Copy)]
struct Decided {
    at: BootNs,
    account: u16,
    /// None: its whole budget again.
    to: Option<Standing>,
}

impl Frame {
    fn wall(&self, at: BootNs) -> Timestamp {
        let since_boot = SignedDuration::from_nanos(i64::try_from(at).unwrap_or(i64::MAX));
        self.offset.checked_add(since_boot).unwrap_or(Timestamp::MAX)
    }

    /// The whole path, if it is known: not if it was given relative to a directory, or is cut off.
    fn path(&self, deed: &Deed<&[u8]>) -> Option<PathBuf> {
        if deed.is_command() || deed.text.len() >= LONGEST_PATH {
            return None;
        }
        let text = Path::new(OsStr::from_bytes(deed.text));
        let root = self.trees.get(&deed.root?)?;
        match self.tier? {
            Tier::Lsm if deed.text == b"." => Some(root.clone()),
            Tier::Lsm => Some(root.join(text)),
            Tier::Tracepoint => text.is_absolute().then(|| text.to_owned()),
        }
    }
}

impl Tried {
    /// How many acts were judged since the last one, and are not there.
    fn missing(&mut self, deed: &Deed<&[u8]>) -> u64 {
        let sequence = deed.judged.sequence.unwrap_or_default();
        let last = self.last_sequence.replace(sequence);
        last.map_or(0, |last| sequence.saturating_sub(last + 1))
    }

    /// Whether the trees have it; none if nobody can tell. What is in no tree, a command or another who is asked to act, is wherever
    /// the account is.
    fn is_in_trees(&self, deed: &Deed<&[u8]>, path: Option<&Path>) -> Option<bool> {
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
    fn is_again(&self, deed: &Deed<&[u8]>) -> bool {
        deed.what == What::Done && self.passed.contains(&(deed.key, deed.verb, deed.root))
    }

    fn judge(&mut self, deed: &Deed<&[u8]>, tier: Tier, is_same: bool) -> Judged {
        let judgement = &deed.judged;
        if self.account.is_new() {
            self.account.stands(found(judgement.phase, judgement.at, judgement.passes));
        } else if !is_same && self.account.is_quiet(judgement.at) {
            self.account.forgive(judgement.at);
            self.account.stands(Standing::ARMED);
        }
        let act = Act {
            at: judgement.at,
            kinds: judgement.kinds,
            granted: judgement.granted,
            passes: judgement.passes,
        };
        self.account.judge(act, tier)
    }

    fn remember(&mut self, deed: &Deed<&[u8]>, would: Fate) {
        let key = (deed.key, deed.verb, deed.root);
        if deed.what == What::Waits && matches!(would, Fate::Within | Fate::Observed | Fate::Granted) {
            self.passed.insert(key);
        } else {
            self.passed.remove(&key);
        }
    }

    fn note_burst(
        &mut self,
        bursts: &mut Vec<Burst>,
        judged: Option<Judged>,
        would: Fate,
        burst: impl FnOnce() -> Burst,
    ) {
        if judged.is_some_and(|judged| judged.begins) {
            self.burst = Some(bursts.len());
            bursts.push(burst());
        } else if let (Fate::Observed | Fate::Stopped | Fate::Held | Fate::Refused, Some(index)) =
            (would, self.burst)
        {
            bursts[index].acts += 1;
        }
    }
}

/// How an account stands that is first heard of so.
fn found(phase: Phase, at: BootNs, passes: bool) -> Standing {
    match phase {
        Phase::Armed => Standing::ARMED,
        Phase::Tripped if passes => Standing { phase, until: NEVER - 1 },
        Phase::Denied => Standing { phase, until: at + QUIET },
        Phase::Tripped | Phase::Frozen => Standing { phase, until: NEVER },
    }
}

/// Where the account stands after the kernel's verdict, as well as that can be told.
fn as_it_was(deed: &Deed<&[u8]>) -> Standing {
    let judgement = &deed.judged;
    let phase = match judgement.verdict {
        _ if judgement.granted => judgement.phase,
        Verdict::Allow => Phase::Armed,
        Verdict::Deny => Phase::Denied,
        _ => Phase::Tripped,
    };
    found(phase, judgement.at, judgement.passes)
}

fn difference(name: &str, deed: &Deed<&[u8]>, here: Judged, path: Option<&Path>) -> Option<Difference> {
    let said = |phase: Phase, over: bool, verdict: Verdict| {
        let over = if over { "over" } else { "within" };
        format!("{phase:?} {over} {verdict:?}").to_lowercase()
    };
    let judgement = &deed.judged;
    let kernel = said(judgement.phase, deed.over, judgement.verdict);
    let here = said(here.phase, here.over, here.verdict);
    (kernel != here).then(|| Difference {
        account: name.to_owned(),
        sequence: judgement.sequence.unwrap_or_default(),
        path: shown(deed, path),
        kernel,
        here,
    })
}

fn shown(deed: &Deed<&[u8]>, path: Option<&Path>) -> String {
    let text = || String::from_utf8_lossy(deed.text).replace('\0', " ").trim_end().to_owned();
    path.map_or_else(text, |path| path.to_string_lossy().into_owned())
}

fn all_trees(policy: &Policy) -> Vec<String> {
    let paths = policy.trees.iter().flat_map(|tree| &tree.paths);
    paths.map(|path| path.to_string_lossy().into_owned()).collect()
}

/// The kind that counts of an act: a replace of two names is one for each.
pub(super) fn kinds_of<T>(deed: &Deed<T>) -> impl Iterator<Item = Kind> + '_ {
    deed.judged.kinds.iter().filter_map(|kinds| kind(*kinds))
}
