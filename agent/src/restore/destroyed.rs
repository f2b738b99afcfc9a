//! Which names an account destroyed, when first and when last: what the recording says, held against the names that the keeper knows.
//!
//! A deed has the hash of its name. Who knows the name and the seed reckons the same hash, however the call named it.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use agent_common::{
    rules::{Kind, Kinds},
    wire::record::verb,
};
use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use crate::{
    api::Span,
    keeper::{Moment, Shelf, What as Kept},
    recording::{self, Begin, Deed, Entry, Source, What},
    trees,
};

/// What an account did to names, as it is recorded.
#[derive(Debug, Default)]
pub(crate) struct Destroyed {
    touches: Vec<Touch>,
    /// Operations of which nobody can tell the name: an older version recorded them.
    pub(crate) unseeded: u64,
    /// Entries that the recording says are missing in that time.
    pub(crate) lost: u64,
}

/// One act on one name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Touch {
    moment: Moment,
    root: PathBuf,
    key: u64,
    seed: u64,
    change: Change,
    /// The path as it was recorded, for what nothing is known of.
    text: Vec<u8>,
}

/// What the act did to the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It leads nowhere any more.
    Went,
    /// It led somewhere, and leads somewhere else; what it led to may have been a directory.
    Replaced,
    /// What it leads to was emptied, shortened, or opened for overwriting.
    Written,
    /// It leads somewhere again.
    Came,
}

/// What became of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Before its first destruction.
    pub(crate) first: Moment,
    /// At the last act on it.
    pub(crate) last: Moment,
    /// Whether nothing was there behind that.
    pub(crate) went: bool,
    /// Whether it is a tree of the policy, and not only in one.
    pub(crate) is_root: bool,
}

/// What the numbers of entries mean.
struct Frame {
    begin: Begin,
    at: u64,
    accounts: HashMap<u16, Vec<u8>>,
    trees: HashMap<u16, PathBuf>,
}

impl Frame {
    /// What numbers mean behind an entry.
    fn follow(frame: &mut Option<Self>, entry: &Entry<&[u8]>) {
        match (entry, frame) {
            (Entry::Begin { at, begin, .. }, frame) => {
                let (accounts, trees) = (HashMap::new(), HashMap::new());
                *frame = Some(Self { begin: begin.clone(), at: *at, accounts, trees });
            }
            (Entry::Account { index, name }, Some(frame)) => {
                frame.accounts.insert(*index, name.to_vec());
            }
            (Entry::Tree { index, path }, Some(frame)) => {
                frame.trees.insert(*index, PathBuf::from(OsStr::from_bytes(path)));
            }
            _ => {}
        }
    }

    fn moment(&self, at: u64) -> Moment {
        let since =
            i64::try_from(at).unwrap_or(i64::MAX).saturating_sub(i64::try_from(self.at).unwrap_or(i64::MAX));
        let wall = self.begin.wall.checked_add(SignedDuration::from_nanos(since)).unwrap_or(Timestamp::MAX);
        Moment { boot: self.begin.boot.clone(), at, wall }
    }
}

impl Destroyed {
    /// What the recording says of an incident.
    pub(crate) fn read(source: &Source, span: &Span) -> Result<Self, recording::Problem> {
        let mut destroyed = Self::default();
        let mut frame = None;
        recording::read(source, |entries, _| {
            for entry in &entries {
                destroyed.take(&mut frame, entry, &|frame, deed| is_of(span, frame, deed));
            }
        })?;
        Ok(destroyed)
    }

    fn take(
        &mut self,
        frame: &mut Option<Frame>,
        entry: &Entry<&[u8]>,
        is_wanted: &dyn Fn(&Frame, &Deed<&[u8]>) -> bool,
    ) {
        Frame::follow(frame, entry);
        let Some(frame) = frame else { return };
        match entry {
            Entry::Deed(deed) if is_wanted(frame, deed) => self.add(frame, deed),
            Entry::Lost { count, .. } => self.lost += count,
            _ => {}
        }
    }

    fn add(&mut self, frame: &Frame, deed: &Deed<&[u8]>) {
        let second = deed.other.map(|other| (u16::try_from(other.root).ok(), other.key));
        let names = [Some((deed.root, deed.key)), second];
        for (name, place) in names.into_iter().enumerate() {
            let Some((root, key)) = place else { continue };
            let Some(change) = change(deed.verb, name, deed.judged.kinds[name]) else { continue };
            let Some(root) = root.and_then(|root| frame.trees.get(&root)) else { continue };
            let Some(seed) = frame.begin.seed else {
                self.unseeded += 1;
                continue;
            };
            let text = if name == 0 { deed.text.to_vec() } else { Vec::new() };
            let (moment, root) = (frame.moment(deed.judged.at), root.clone());
            self.touches.push(Touch { moment, root, key, seed, change, text });
        }
    }

    /// The paths that were hit, each with when; and what nothing was ever kept of, as it was recorded.
    pub(crate) fn paths(&self, shelf: &Shelf) -> Result<(BTreeMap<PathBuf, Hit>, Vec<Unknown>)> {
        let mut names: HashMap<(&Path, u64), HashMap<u64, PathBuf>> = HashMap::new();
        let mut hits = BTreeMap::new();
        let mut unknown = BTreeMap::new();
        for touch in &self.touches {
            let of_root = match names.get(&(&*touch.root, touch.seed)) {
                Some(of_root) => of_root,
                None => {
                    let known = known(&touch.root, touch.seed, shelf)?;
                    names.entry((&touch.root, touch.seed)).or_insert(known)
                }
            };
            let Some(path) = of_root.get(&touch.key) else {
                if touch.change != Change::Came {
                    let text = touch.text.clone();
                    unknown
                        .insert((touch.root.clone(), touch.key), Unknown { root: touch.root.clone(), text });
                }
                continue;
            };
            hit(&mut hits, path.clone(), touch);
            if !matches!(touch.change, Change::Went | Change::Replaced) {
                continue;
            }
            let was_directory = |version: &crate::keeper::Version| matches!(version.what, Kept::Directory(_));
            if shelf.as_of(path, &touch.moment)?.as_ref().is_some_and(was_directory) {
                for version in shelf.below(path, &touch.moment)? {
                    if version.path != *path {
                        hit(&mut hits, version.path, &Touch { change: Change::Went, ..touch.clone() });
                    }
                }
            }
        }
        let hits = hits.into_iter().filter_map(|(path, hit)| Some((path, hit?))).collect();
        Ok((hits, unknown.into_values().collect()))
    }
}

/// A name that was destroyed, and nothing was ever kept of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) root: PathBuf,
    /// As it was recorded, if it was.
    pub(crate) text: Vec<u8>,
}

/// The names of a tree that the keeper knows, by their hashes.
fn known(root: &Path, seed: u64, shelf: &Shelf) -> Result<HashMap<u64, PathBuf>> {
    let names = shelf.names(root)?.into_iter();
    let keyed = names.filter_map(|path| Some((key(root, seed, &path)?, path)));
    Ok(keyed.collect())
}

/// The hash of a path below a root.
pub(crate) fn key(root: &Path, seed: u64, path: &Path) -> Option<u64> {
    path.strip_prefix(root).ok().map(|below| trees::key(below, seed))
}

/// A touch that follows those before it. None as long as it has only come.
fn hit(hits: &mut BTreeMap<PathBuf, Option<Hit>>, path: PathBuf, touch: &Touch) {
    let Touch { moment, change, .. } = touch;
    let went = *change == Change::Went;
    let is_root = path == touch.root;
    let known = hits.entry(path).or_default();
    match known {
        Some(hit) => {
            // Entries of several threads lie in any order.
            if moment.at < hit.first.at && *change != Change::Came {
                hit.first = moment.clone();
            }
            if moment.at >= hit.last.at {
                (hit.last, hit.went) = (moment.clone(), went);
            }
        }
        None if *change == Change::Came => {}
        None => *known = Some(Hit { first: moment.clone(), last: moment.clone(), went, is_root }),
    }
}

/// What an act did to its first (0) or second name; none if that destroyed nothing, and made nothing come back.
fn change(of: u8, name: usize, kinds: Kinds) -> Option<Change> {
    let is_lost = [Kind::Delete, Kind::Replace, Kind::Truncate, Kind::Overwrite]
        .into_iter()
        .any(|kind| kinds.has(kind))
        || kinds.is_whole();
    match (u32::from(of), name) {
        (verb::MOUNT | verb::ASK | verb::COMMAND | verb::COUNTER_COMMAND, _) => None,
        _ if kinds.has(Kind::Recreate) => Some(Change::Came),
        _ if !is_lost => None,
        (verb::REMOVE, _) | (verb::RENAME, 0) => Some(Change::Went),
        (verb::RENAME | verb::EXCHANGE | verb::CREATE | verb::LINK, _) => Some(Change::Replaced),
        _ => Some(Change::Written),
    }
}

/// Whether something that was done is an incident's. What was refused, or waits, destroyed nothing.
fn is_of(span: &Span, frame: &Frame, deed: &Deed<&[u8]>) -> bool {
    let at = deed.judged.at;
    let is_own = at <= span.until_ns;
    let is_approved = deed.judged.granted && span.approved_until_ns.is_some_and(|until| at <= until);
    deed.what == What::Done
        && frame.begin.boot == span.boot
        && frame.accounts.get(&deed.account).is_some_and(|name| *name == span.account.as_bytes())
        && at >= span.from_ns
        && (is_own || is_approved)
}

/// What anybody did to one path, newest last: for its history.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) moment: Moment,
    pub(crate) account: String,
    pub(crate) program: Vec<u8>,
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    pub(crate) did: &'static str,
}

/// What all accounts did to a path, as far as it is recorded.
pub(crate) fn acts_on(source: &Source, path: &Path) -> Result<Vec<Act>, recording::Problem> {
    let mut frame: Option<Frame> = None;
    let mut acts = Vec::new();
    recording::read(source, |entries, _| {
        for entry in &entries {
            Frame::follow(&mut frame, entry);
            if let (Some(frame), Entry::Deed(deed)) = (&frame, entry) {
                acts.extend(act_on(frame, deed, path));
            }
        }
    })?;
    acts.sort_by_key(|act: &Act| (act.moment.wall, act.moment.at));
    Ok(acts)
}

fn act_on(frame: &Frame, deed: &Deed<&[u8]>, path: &Path) -> Option<Act> {
    let seed = frame.begin.seed.filter(|_| deed.what == What::Done)?;
    let is_it = |root: Option<u16>, of: u64| {
        let root = root.and_then(|root| frame.trees.get(&root))?;
        Some(key(root, seed, path)? == of)
    };
    let second = deed.other.and_then(|other| is_it(u16::try_from(other.root).ok(), other.key));
    let name = match (is_it(deed.root, deed.key), second) {
        (Some(true), _) => 0,
        (_, Some(true)) => 1,
        _ => return None,
    };
    let did = match change(deed.verb, name, deed.judged.kinds[name])? {
        Change::Went => "removed",
        Change::Replaced => "replaced",
        Change::Written if deed.judged.kinds[name].has(Kind::Truncate) => "truncated",
        Change::Written => "overwrote",
        Change::Came => "made again",
    };
    let account = String::from_utf8_lossy(frame.accounts.get(&deed.account)?).into_owned();
    let program = deed.comm.iter().copied().take_while(|byte| *byte != 0).collect();
    Some(Act { moment: frame.moment(deed.judged.at), account, program, pid: deed.pid, uid: deed.uid, did })
}

#[cfg(test)]
mod tests;
