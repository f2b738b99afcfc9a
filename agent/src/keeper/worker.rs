//! The thread that keeps. It sleeps until something has changed and has settled, looks at that, and is at rest for longer than it
//! took.

mod all;

use std::{
    collections::BTreeSet,
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

use self::all::PART;
use super::{
    About, DIRECTORY, News, Order, Shelf, Standing,
    changes::{Changes, SETTLE},
    look::{Looked, Looker, Wish, directories_of},
    room,
    shelf::{index, is_broken},
    thread::{give_way, ran, rest},
    trees::Trees,
    watches::Watches,
};
use crate::{
    clock::boot_now,
    policy,
    store::{Clock, Shared},
};

/// How often all is looked at, for what no watch tells.
const ALL: Duration = Duration::from_hours(1);
/// How often that is looked at that cannot be watched.
const UNWATCHED: Duration = Duration::from_mins(1);
const PRUNE: Duration = Duration::from_mins(10);
/// How long a disk is left alone that has failed, at first and at most.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// What directories are looked at for that nothing was told of.
enum Looks {
    /// Once more, as all others.
    All,
    /// They have come, the first of them at this time.
    New { since: Instant },
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
    changes: Changes,
    /// Directories of a look at all that are still to be looked at.
    fresh: Vec<i64>,
    /// What a decision waits for.
    wanted: Vec<(u64, About)>,
    /// What directories are looked at for, while some still are to be.
    looks: Option<Looks>,
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
            changes: Changes::default(),
            fresh: Vec::new(),
            wanted: Vec::new(),
            looks: None,
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
        let dirty = self.changes.due().map(|due| due.max(turn));
        let fresh = (self.looks.is_some() || self.begin).then_some(part);
        let unwatched = (self.changes.unwatched() > 0).then_some(unwatched);
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
            self.changes.stir(id, Instant::now());
        }
        if changed.lost {
            self.shared.standing().lost += 1;
            self.begin = true;
        }
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
            self.changes.stir_unwatched(now);
        }
        let due = if now >= self.when.turn { self.changes.all_due(now) } else { Vec::new() };
        if !due.is_empty() {
            room::check(&self.state)?;
            self.when.turn = now + SETTLE;
            self.look_at(due.into_iter().map(|(id, young)| (id, young, false)).collect())?;
        }
        if now >= self.when.all || self.begin {
            self.begin_all()?;
        }
        if self.looks.is_some() && now >= self.when.part {
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

    /// Looks at directories, each with what is too young or not, and with all below it or not.
    fn look_at(&mut self, all: Vec<(i64, bool, bool)>) -> Result<()> {
        let before: Vec<_> = all.iter().map(|(id, ..)| (*id, self.changes.begin(*id))).collect();
        match self.try_to_look(&all) {
            Ok(looked) => {
                for (((id, since), (.., deep)), (looked, cost)) in before.into_iter().zip(all).zip(looked) {
                    // A look at all rests by its parts, and what it keeps at first comes but once.
                    if !deep {
                        self.changes.rest(id, cost, Instant::now());
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
                        self.changes.stir(id, since.unwrap_or_else(Instant::now));
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

    /// What came of a look.
    fn take(&mut self, id: i64, since: Option<Instant>, looked: Looked) {
        self.changed = true;
        self.changes.end(id, since, &looked, Instant::now());
        self.fresh.extend(looked.below);
        if !self.fresh.is_empty() && self.looks.is_none() {
            self.look_at_new();
        }
    }

    /// Keeps now what decisions are about, if it has changed.
    fn keep_what_is_wanted(&mut self) -> Result<()> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let keeping = shelf.begin()?;
        let mut all = BTreeSet::new();
        for directory in self.wanted.iter().flat_map(|(_, about)| directories_of(&about.names)) {
            if self.trees.of(directory).is_none() || !directory.is_dir() {
                continue;
            }
            let id = index::directory_number(keeping.tx(), directory)?;
            let is_clean =
                index::count(keeping.tx(), id)? > 0 && self.changes.is_clean(id) && !self.fresh.contains(&id);
            if !is_clean {
                all.insert(id);
            }
        }
        let below: Vec<_> = self.wanted.iter().flat_map(|(_, about)| &about.below).collect();
        for id in self.changes.dirty().filter(|_| !below.is_empty()) {
            let path = index::directory(keeping.tx(), id)?;
            let is_below = path.is_some_and(|path| below.iter().any(|root| path.starts_with(root)));
            if is_below {
                all.insert(id);
            }
        }
        keeping.commit()?;
        self.look_at(all.into_iter().map(|id| (id, true, false)).collect())
    }

    /// Whoever waits goes on, whatever has come of it.
    fn answer(&mut self) {
        for (ticket, _) in self.wanted.drain(..) {
            let _ = self.tell.send(News { ticket }); // fails only if nobody waits any more
        }
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
        standing.unsettled = self.changes.dirty().count() as u64;
        standing.since = self.changes.since();
        if let Some(Looks::New { since }) = self.looks {
            standing.unsettled += self.fresh.len() as u64;
            standing.since = standing.since.into_iter().chain([since]).min();
        }
        standing.unwatched = self.changes.unwatched() as u64;
    }
}
