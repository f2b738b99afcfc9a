//! The thread that keeps. It sleeps until something has changed and has settled, looks at that, and is at rest for longer than it
//! took.

use std::{
    collections::{HashMap, HashSet},
    hash::RandomState,
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    About, DIRECTORY, News, Order, Shelf, Standing, Why,
    look::{Looked, Looker, Wish, directories_of},
    room,
    shelf::{index, is_broken, prune},
    thread::{give_way, ran, rest},
    trees::Trees,
    watches::Watches,
};
use crate::{
    clock::boot_now,
    policy,
    store::{Clock, Shared},
};

/// How long a directory is left alone after a change, and how often changes are looked at at most.
const SETTLE: Duration = Duration::from_secs(1);
/// What has changed for so long is kept in the midst of it.
const LONG: Duration = Duration::from_secs(10);
/// For how many times what a look has cost a directory is left alone: so none takes more than this part of a processor.
const REST: u32 = 100;
/// The same between parts of the first look at all, and of those that follow it.
const FIRST_REST: u32 = 1;
const LATER_REST: u32 = 9;
/// How often all is looked at, for what no watch tells.
const ALL: Duration = Duration::from_hours(1);
/// How often that is looked at that cannot be watched.
const UNWATCHED: Duration = Duration::from_mins(1);
const PRUNE: Duration = Duration::from_mins(10);
/// How often it is counted what there is, at most.
const COUNT: Duration = Duration::from_secs(10);
/// How long one part of a look at all takes.
const PART: Duration = Duration::from_millis(100);
/// How long a disk is left alone that has failed, at first and at most.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// What no tree is kept of any more ages by this.
const AGE: Duration = Duration::from_hours(30 * 24);

/// A directory with changes that are not kept.
struct Dirty {
    since: Instant,
    due: Instant,
}

pub(super) struct Worker {
    state: PathBuf,
    shared: Arc<Shared<Standing>>,
    tell: UnboundedSender<News>,
    wake: Arc<OwnedFd>,
    shelf: Option<Shelf>,
    watches: Watches,
    hasher: RandomState,
    trees: Trees,
    dirty: HashMap<i64, Dirty>,
    /// Directories of a look at all that are still to be looked at.
    fresh: Vec<i64>,
    /// What has cost so much that it is left alone until then.
    resting: HashMap<i64, Instant>,
    unwatched: HashSet<i64>,
    /// How many names of a directory changed whenever they were looked at.
    changing: HashMap<i64, u64>,
    /// What a decision waits for.
    wanted: Vec<(u64, About)>,
    /// A look at all is under way.
    looks: bool,
    begin: bool,
    has_looked: bool,
    changed: bool,
    pause: Duration,
    when: When,
    clock: Clock,
}

/// When what is due next.
struct When {
    again: Instant,
    turn: Instant,
    part: Instant,
    all: Instant,
    unwatched: Instant,
    prune: Instant,
    count: Instant,
}

impl Worker {
    pub(super) fn new(
        state: PathBuf,
        shared: Arc<Shared<Standing>>,
        tell: UnboundedSender<News>,
        wake: Arc<OwnedFd>,
    ) -> Result<Self> {
        let now = Instant::now();
        let when = When {
            again: now,
            turn: now,
            part: now,
            all: now + ALL,
            unwatched: now + UNWATCHED,
            prune: now + PRUNE,
            count: now,
        };
        Ok(Self {
            state,
            shared,
            tell,
            wake,
            shelf: None,
            watches: Watches::new().context("cannot be told of changes: inotify")?,
            hasher: RandomState::new(),
            trees: Trees::default(),
            dirty: HashMap::new(),
            fresh: Vec::new(),
            resting: HashMap::new(),
            unwatched: HashSet::new(),
            changing: HashMap::new(),
            wanted: Vec::new(),
            looks: false,
            begin: false,
            has_looked: false,
            changed: false,
            pause: PAUSE,
            when,
            clock: Clock::new(Timestamp::now(), boot_now()),
        })
    }

    /// Until nobody has an order for it any more. The process may end meanwhile, whatever is under way: nothing of that is believed.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        give_way();
        loop {
            self.sleep();
            loop {
                match orders.try_recv() {
                    Ok(Order::Follow(trees)) => self.follow(&trees),
                    Ok(Order::Now { ticket, there }) => self.wanted.push((ticket, there)),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            self.hear();
            if Instant::now() >= self.when.again {
                match self.turn() {
                    Ok(()) => self.heal(),
                    Err(error) => self.fail(&error),
                }
            }
            self.answer();
            self.say();
        }
    }

    /// Until something is due, is told or is asked for.
    fn sleep(&self) {
        let now = Instant::now();
        let left = self.due().saturating_duration_since(now);
        let timeout = Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut fds = [
            PollFd::new(&*self.wake, PollFlags::IN),
            PollFd::from_borrowed_fd(self.watches.as_fd(), PollFlags::IN),
        ];
        let _ = poll(&mut fds, Some(&timeout)); // interrupted: whatever is there is looked at
        let _ = rustix::io::read(&*self.wake, &mut [0; 8]); // nothing to be read: nobody has woken us
    }

    fn due(&self) -> Instant {
        let When { again, turn, part, all, unwatched, prune, .. } = self.when;
        let dirty = self.dirty.values().map(|dirty| dirty.due).min().map(|due| due.max(turn));
        let fresh = (self.looks || self.begin).then_some(part);
        let unwatched = (!self.unwatched.is_empty()).then_some(unwatched);
        let next = [dirty, fresh, unwatched].into_iter().flatten().fold(all.min(prune), Instant::min);
        if self.wanted.is_empty() { next.max(again) } else { Instant::now() }
    }

    /// Another policy is in force.
    pub(super) fn follow(&mut self, trees: &[policy::Tree]) {
        self.trees = Trees::of_policy(trees, &self.state.join(DIRECTORY));
        self.begin = true;
        self.when.part = Instant::now();
    }

    /// What the kernel says has changed.
    fn hear(&mut self) {
        let changed = self.watches.take();
        for id in changed.directories {
            self.stirs(id, Instant::now());
        }
        if changed.lost {
            self.shared.standing().lost += 1;
            self.begin = true;
        }
    }

    fn stirs(&mut self, id: i64, since: Instant) {
        let rest = self.resting.get(&id).copied();
        let due = rest.map_or(since + SETTLE, |rest| rest.max(since + SETTLE));
        self.dirty.entry(id).or_insert(Dirty { since, due });
    }

    pub(super) fn turn(&mut self) -> Result<()> {
        if self.shelf.is_none() {
            room::check(&self.state)?;
            self.shelf = Some(Shelf::open(&self.state)?);
        }
        let now = Instant::now();
        self.keep_what_is_wanted()?;
        if now >= self.when.unwatched {
            self.when.unwatched = now + UNWATCHED;
            for id in self.unwatched.clone() {
                self.dirty.entry(id).or_insert(Dirty { since: now, due: now });
            }
        }
        if now >= self.when.turn && self.dirty.values().any(|dirty| dirty.due <= now) {
            room::check(&self.state)?;
            self.when.turn = now + SETTLE;
            let due: Vec<i64> =
                self.dirty.iter().filter(|(_, dirty)| dirty.due <= now).map(|(id, _)| *id).collect();
            let all = due.into_iter().map(|id| (id, self.is_long(id), false)).collect();
            self.look_at(all)?;
        }
        if now >= self.when.all || self.begin {
            self.begin_all()?;
        }
        if self.looks && now >= self.when.part {
            self.look_at_a_part()?;
        }
        if now >= self.when.prune {
            self.prune()?;
        }
        if self.changed && now >= self.when.count {
            self.count()?;
        }
        Ok(())
    }

    /// Whether it has been changing for so long that it is not waited for any more.
    fn is_long(&self, id: i64) -> bool {
        self.dirty.get(&id).is_some_and(|dirty| dirty.since.elapsed() >= LONG)
    }

    fn begin_all(&mut self) -> Result<()> {
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let keeping = shelf.begin()?;
        index::look_at_left_again(keeping.tx())?;
        self.fresh.clear();
        for root in self.trees.all().flat_map(|tree| &tree.roots) {
            self.fresh.push(index::directory_number(keeping.tx(), root)?);
        }
        keeping.commit()?;
        (self.begin, self.looks) = (false, true);
        self.when.all = Instant::now() + ALL;
        Ok(())
    }

    fn look_at_a_part(&mut self) -> Result<()> {
        room::check(&self.state)?;
        let (began, before) = (Instant::now(), ran());
        while began.elapsed() < PART {
            let some = self.fresh.split_off(self.fresh.len().saturating_sub(8));
            if some.is_empty() {
                self.end_all()?;
                break;
            }
            // At first all is kept as it is: nobody knows when it comes to rest.
            let young = !self.has_looked;
            self.look_at(some.into_iter().map(|id| (id, young, true)).collect())?;
        }
        let rest = if self.has_looked { LATER_REST } else { FIRST_REST };
        self.when.part = Instant::now() + ran().saturating_sub(before) * rest;
        Ok(())
    }

    /// All has been looked at: what the index has besides is of no tree any more.
    fn end_all(&mut self) -> Result<()> {
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let mut keeping = shelf.begin()?;
        for id in index::all_directories(keeping.tx())? {
            let Some(path) = index::directory(keeping.tx(), id)? else { continue };
            // What lies beside a root is no tree's, but the root itself.
            if self.trees.of(&path).is_none() && !self.trees.is_above_a_root(&path) {
                keeping.let_age(&path)?;
                keeping.breathe()?;
            }
        }
        keeping.commit()?;
        (0..=u8::MAX).try_for_each(|first| shelf.sweep(first))?;
        (self.looks, self.has_looked) = (false, true);
        self.prune()?;
        self.count()?;
        self.shared.standing().looked = Some(Timestamp::now());
        Ok(())
    }

    /// Looks at directories, each with what is too young or not, and with all below it or not.
    fn look_at(&mut self, all: Vec<(i64, bool, bool)>) -> Result<()> {
        let before: Vec<_> =
            all.iter().map(|(id, ..)| (*id, self.dirty.remove(id).map(|dirty| dirty.since))).collect();
        match self.try_to_look(&all) {
            Ok(looked) => {
                for (((id, since), (.., deep)), (looked, cost)) in before.into_iter().zip(all).zip(looked) {
                    // A look at all rests by its parts, and what it keeps at first comes but once.
                    if !deep {
                        self.let_rest(id, cost);
                    }
                    self.take(id, since, looked);
                }
                Ok(())
            }
            Err(error) => {
                for ((id, since), (.., deep)) in before.into_iter().zip(all) {
                    if deep {
                        self.fresh.push(id);
                    } else {
                        self.stirs(id, since.unwrap_or_else(Instant::now));
                    }
                }
                Err(error)
            }
        }
    }

    fn try_to_look(&mut self, all: &[(i64, bool, bool)]) -> Result<Vec<(Looked, Duration)>> {
        let Self { shelf, watches, trees, hasher, .. } = self;
        let Some(shelf) = shelf else { bail!("the index is not open") };
        let mut keeping = shelf.begin()?;
        let mut found = Vec::with_capacity(all.len());
        for (id, young, deep) in all {
            let began = ran();
            let mut looker = Looker {
                keeping: &mut keeping,
                trees,
                hasher,
                arm: &mut |directory, id| watches.arm(directory, id),
                rest: &mut || rest(PART),
            };
            let looked = looker.look(*id, Wish { young: *young, deep: *deep })?;
            found.push((looked, ran().saturating_sub(began)));
            keeping.breathe()?;
        }
        keeping.commit()?;
        Ok(found)
    }

    fn let_rest(&mut self, id: i64, cost: Duration) {
        if cost * REST > SETTLE {
            self.resting.insert(id, Instant::now() + cost * REST);
        } else {
            self.resting.remove(&id);
        }
    }

    /// What came of a look.
    fn take(&mut self, id: i64, since: Option<Instant>, looked: Looked) {
        let now = Instant::now();
        self.changed = true;
        if looked.unwatched {
            self.unwatched.insert(id)
        } else {
            self.unwatched.remove(&id)
        };
        self.fresh.extend(looked.below);
        if !self.fresh.is_empty() && !self.looks {
            self.look_at_new();
        }
        if looked.young {
            self.stirs(id, now);
            if let (Some(dirty), Some(since)) = (self.dirty.get_mut(&id), since)
                && (looked.changing > 0 || since.elapsed() < LONG)
            {
                dirty.since = since;
            }
        }
        if looked.changing > 0 {
            self.changing.insert(id, looked.changing);
        } else {
            self.changing.remove(&id);
        }
    }

    /// Directories that are new are looked at as all are at first.
    fn look_at_new(&mut self) {
        self.looks = true;
        self.when.part = Instant::now();
    }

    /// Keeps now what decisions are about, if it has changed.
    fn keep_what_is_wanted(&mut self) -> Result<()> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let keeping = shelf.begin()?;
        let mut all = Vec::new();
        for directory in self.wanted.iter().flat_map(|(_, about)| directories_of(&about.names)) {
            if self.trees.of(directory).is_none() || !directory.is_dir() {
                continue;
            }
            let id = index::directory_number(keeping.tx(), directory)?;
            let is_clean = index::count(keeping.tx(), id)? > 0
                && !self.dirty.contains_key(&id)
                && !self.fresh.contains(&id)
                && !self.unwatched.contains(&id);
            if !is_clean && !all.contains(&(id, true, false)) {
                all.push((id, true, false));
            }
        }
        let below: Vec<_> = self.wanted.iter().flat_map(|(_, about)| &about.below).collect();
        for id in self.dirty.keys().filter(|_| !below.is_empty()) {
            let path = index::directory(keeping.tx(), *id)?;
            let is_below = path.is_some_and(|path| below.iter().any(|root| path.starts_with(root)));
            if is_below && !all.contains(&(*id, true, false)) {
                all.push((*id, true, false));
            }
        }
        keeping.commit()?;
        self.look_at(all)
    }

    /// Whoever waits goes on, whatever has come of it.
    fn answer(&mut self) {
        for (ticket, _) in self.wanted.drain(..) {
            let _ = self.tell.send(News { ticket }); // fails only if nobody waits any more
        }
    }

    fn prune(&mut self) -> Result<()> {
        self.when.prune = Instant::now() + PRUNE;
        let is_steady = self.clock.is_steady(Timestamp::now(), boot_now());
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        for name in index::trees(shelf.index())? {
            let kept = self.trees.all().find(|tree| tree.name == name);
            let (age, total) = kept.map_or((AGE, u64::MAX >> 1), |tree| (tree.age, tree.limits.total));
            let before = if is_steady { prune::before(Timestamp::now(), age) } else { Timestamp::MIN };
            while shelf.prune(&name, before, total)? {}
        }
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        let Some(shelf) = &self.shelf else { return Ok(()) };
        let began = Instant::now();
        let (names, versions, bytes, left) = index::sum(shelf.index())?;
        let mut standing = self.shared.standing();
        (standing.names, standing.versions, standing.bytes) = (names, versions, bytes);
        standing.left = left;
        // The index has none of these: that is known from the looks alone.
        standing.left[Why::Changing as usize] = self.changing.values().sum();
        drop(standing);
        self.changed = false;
        self.when.count = Instant::now() + COUNT.max(began.elapsed() * REST);
        Ok(())
    }

    fn heal(&mut self) {
        self.pause = PAUSE;
        if self.shared.standing().degraded.take().is_some() {
            log::warn!("protected trees are kept again");
        }
    }

    fn fail(&mut self, error: &anyhow::Error) {
        if is_broken(error) {
            self.shelf = None;
            match Shelf::move_aside(&self.state) {
                Ok(aside) => {
                    log::error!("{error:#}; it is moved to {}, and versions begin anew", aside.display());
                }
                Err(error) => log::error!("{error:#}"),
            }
            self.begin = true;
        }
        self.when.again = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        let why = format!("{error:#}");
        let mut standing = self.shared.standing();
        if standing.degraded.replace(why.clone()).is_none() {
            standing.failures += 1;
            log::error!("what is in protected trees is not kept, and cannot be restored: {why}");
        }
    }

    fn say(&self) {
        let mut standing = self.shared.standing();
        standing.unsettled = self.dirty.len() as u64;
        standing.since = self.dirty.values().map(|dirty| dirty.since).min();
        standing.unwatched = self.unwatched.len() as u64;
    }
}
