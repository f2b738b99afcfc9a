//! A generation: kernel programs that are loaded, proven and attached with one policy, and pinned, so that they outlive the
//! agent. A start, a start after a crash, a new policy and a new version are one and the same thing: a new generation
//! carries on from the one that is there, which then goes.

use std::path::Path;

use agent_common::{
    rules::{
        BootNs,
        identity::Evidence,
        judge::{Phase, Standing},
    },
    wire::{identity::EXECUTED, row::Claim},
};
use anyhow::{Context as _, Result, bail};

use super::{
    boot,
    facts::{AccountFacts, GrantFacts},
    names::Names,
    retirement::{Carried, Retirement},
    self_test::{self, Proof},
    tables::Tables,
    tier::{self, Chosen, Wanted},
    units,
};
use crate::{
    clock::boot_now,
    identity::Identities,
    policy::Hold,
    processes::proc::ProcessId,
    sensor::{
        Directory, Heirs, Kernel, Member, Objects, Predecessor, Record, State, TakenOver, clean_up, hand_over,
    },
    trees::{Trees, hold::hold, tops::Tops},
};

/// The generation in force. Dropping it leaves it in force.
pub(crate) struct Generation {
    // Dropped in this order: the programs know directories by inodes that the descriptors pin.
    pub(crate) kernel: Kernel,
    names: Names,
    /// By what the policy tells processes.
    pub(super) identities: Identities,
    pub(super) directory: Directory,
    /// Keep it in force when its pins are taken away.
    pub(super) objects: Objects,
    pub(super) trees: Trees,
    /// What is mounted inside of them, where the kernel programs can know it.
    tops: Option<Tops>,
    /// Whether it carries on from another.
    carries: bool,
}

/// A generation that was just armed.
pub(crate) struct Armed {
    pub(crate) generation: Generation,
    pub(crate) tier: Chosen,
    pub(crate) proof: Proof,
    pub(crate) carried: Carried,
    pub(crate) retirement: Retirement,
}

impl Generation {
    /// Arms a new generation, proves it, lets it carry on from the one in force if there is one, and pins it. If anything
    /// fails, that one stays as it is.
    pub(crate) fn arm(tables: Tables, self_test: &Path, wanted: Wanted) -> Result<Armed> {
        let mut others = Directory::all()?;
        let mut old = newest(&mut others);
        let seed = old.as_ref().map_or_else(boot::new_seed, |old| Ok(old.manifest.seed))?;
        let manifest = tables.manifest(seed);
        if let Some(old) = &mut old {
            boot::spare_us(&mut old.state)?;
        }
        let Proven { mut kernel, trees, tops, mut proof, tier } =
            prove_best(&tables, seed, self_test, wanted)?;
        let taken = old.as_ref().map(|old| take_over(old, &mut kernel, Heirs::of(&old.manifest, &manifest)));
        let taken =
            taken.transpose().context("cannot carry on from the generation in force, which stays so")?;
        boot::adopt(&mut kernel, &tables)?;
        let directory = Directory::next()?;
        let pinned = hold(&directory.trees(), trees.innermost())
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(kernel.pin(&directory, &manifest)?))
            .and_then(|()| Ok(Objects::open(&directory)?));
        let objects = pinned.inspect_err(|_| {
            kernel.detach();
            undo(&directory);
        })?;
        let new = State::open(directory.path())?;
        let old = old.zip(taken);
        let carries = old.is_some();
        let first = std::mem::take(&mut proof.records);
        let mut retirement = Retirement { old, others, new, first };
        let carried = retirement.let_go_of_freed();
        hand_over(&directory, &objects);
        let Tables { names, identities, .. } = tables;
        let names = Names { seed, ..names };
        let generation = Self { kernel, names, identities, directory, objects, trees, tops, carries };
        Ok(Armed { generation, tier, proof, carried, retirement })
    }

    /// Makes known what was mounted inside the trees since this was done last.
    pub(super) fn keep_tops(&mut self) -> Result<()> {
        match &mut self.tops {
            Some(tops) if tops.may_have_changed() => boot::mark_tops(&mut self.kernel, tops),
            _ => Ok(()),
        }
    }

    /// Makes known which addresses this host has now, and forgets units that have ended.
    pub(super) fn keep_ways(&mut self) -> Result<()> {
        let addresses = self.kernel.know_addresses(); // whatever comes of it, units are forgotten
        let now = boot_now();
        self.kernel.launches.forget(now, |unit, at| units::made(unit, now.saturating_sub(at)))?;
        Ok(addresses?)
    }

    /// Whether it carries on what another knew.
    pub(super) fn carries(&self) -> bool {
        self.carries
    }

    /// What names are hashed with.
    pub(super) fn seed(&self) -> u64 {
        self.names.seed
    }

    /// The names behind the indices of its records.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// Every account, as it is now, and what is granted.
    pub(crate) fn accounts(&mut self) -> Result<(Vec<AccountFacts>, Vec<GrantFacts>)> {
        let now = boot_now();
        let members = self.kernel.members();
        let held = self.held();
        let grants = self.grants(&members);
        let waits = |member: &Member| held.iter().any(|held| held.call.process.pid == member.pid);
        let account = |(index, name): (u32, &str)| {
            let [response, escapes] = self.kernel.responses(index)?;
            let own = || members.iter().filter(|member| member.account == index);
            Ok(AccountFacts {
                name: name.to_owned(),
                note: None,
                response,
                escapes,
                standing: self.kernel.standing(index).at(now),
                granted_until: self.kernel.granted_until(index),
                warm_until: 0,
                budgets: self.kernel.uses(index, now)?,
                processes: own().count() as u64,
                stopped: own().filter(|member| member.stopped && !waits(member)).count() as u64,
                held: held.iter().filter(|held| held.call.account == index).cloned().collect(),
                refused: self.kernel.refused(index),
                hold: Hold::default(),
                contact: None,
            })
        };
        let accounts = (1..).zip(self.names.accounts()).map(account).collect::<Result<_>>()?;
        Ok((accounts, grants))
    }

    /// A process acts for an account from now on.
    pub(super) fn join(&mut self, account: &str, process: ProcessId) -> Result<()> {
        let index = self.names.index(account).context("the policy has no such account any more")?;
        let claim = Claim::of(index, Evidence::Launched, EXECUTED);
        Ok(self.kernel.adopt(process, claim, process.pid, boot_now())?)
    }

    pub(super) fn unread(&mut self) -> Vec<Record> {
        self.kernel.take(usize::MAX).into_iter().filter_map(Result::ok).collect()
    }

    /// Whether an account is armed.
    pub(crate) fn is_armed(&self, account: &str) -> bool {
        let standing = self.names.index(account).map(|index| self.kernel.standing(index).at(boot_now()));
        standing.is_none_or(|standing| standing.phase == Phase::Armed)
    }

    /// Tells, from any thread, whether an account may act: whether it is armed.
    pub(crate) fn may(&self, account: &str) -> Result<impl Fn() -> bool + Send + use<>> {
        let index = self.names.index(account);
        let state = State::open(self.directory.path())?;
        Ok(move || index.is_none_or(|index| state.standing(index).at(boot_now()).phase == Phase::Armed))
    }

    /// An account that waits for nothing is granted whatever it does until then; 0: it is held to its budgets again. Whether that
    /// has changed anything.
    pub(crate) fn let_pass(&self, account: &str, until: BootNs) -> bool {
        let Some(index) = self.names.index(account) else { return false };
        let before = self.kernel.granted_until(index);
        if until == 0 {
            self.kernel.hold_to_budgets(index);
        } else {
            self.kernel.let_pass(index, until);
        }
        self.kernel.granted_until(index) != before
    }

    /// Until then every account is granted whatever it does, but the self-test's.
    pub(crate) fn grant_all(&self, until: BootNs) {
        (1..).zip(self.names.accounts()).for_each(|(index, _)| self.kernel.grant_all(index, until));
    }

    /// Sets where an account stands; false if there is no such account.
    pub(crate) fn set_standing(&self, account: &str, standing: Standing) -> bool {
        self.names.index(account).map(|index| self.kernel.set_standing(index, standing)).is_some()
    }

    /// What an account has done until `at` does not count any more; false if there is no such account.
    pub(crate) fn forgive(&self, account: &str, at: BootNs) -> bool {
        self.names.index(account).map(|index| self.kernel.forgive(index, at)).is_some()
    }

    /// The account that a process acts for, and when the process started.
    pub(crate) fn whose(&self, pid: u32) -> Option<(&str, u64)> {
        let member = self.kernel.member(pid)?;
        Some((self.names.account(member.account)?, member.start))
    }
}

/// Programs that are attached, and watch nobody yet but the self-test.
struct Proven {
    kernel: Kernel,
    trees: Trees,
    tops: Option<Tops>,
    proof: Proof,
    tier: Chosen,
}

/// Arms and proves the best tier there is, of those that are wanted.
fn prove_best(tables: &Tables, seed: u64, self_test: &Path, wanted: Wanted) -> Result<Proven> {
    let prove = |tier: Chosen| {
        let (mut kernel, trees, tops) = boot::arm(tables, tier.tier, seed)?;
        let proof = self_test::prove(&mut kernel, tier.tier, self_test).with_context(|| {
            format!("the self-test failed in tier {}, so nothing was changed", tier.word())
        })?;
        Ok(Proven { kernel, trees, tops, proof, tier })
    };
    match (wanted, tier::obstacle()) {
        (Wanted::Tracepoint, _) => prove(Chosen::tracepoint("as it was told")),
        (Wanted::Lsm, Some(obstacle)) => bail!("cannot arm the tier lsm: {obstacle}"),
        (Wanted::Lsm, None) => prove(Chosen::lsm()),
        (Wanted::Auto, Some(obstacle)) => prove(Chosen::tracepoint(&obstacle)),
        (Wanted::Auto, None) => prove(Chosen::lsm()).or_else(|error| {
            let why = format!("not lsm: {error} ({})", error.root_cause());
            log::warn!("{why}");
            prove(Chosen::tracepoint(&why))
        }),
    }
}

pub(super) fn say(what: &str, error: impl Into<anyhow::Error>) {
    log::error!("{what}: {:#}", error.into());
}

/// The newest generation that can be carried on from, taken out of `all`.
fn newest(all: &mut Vec<Directory>) -> Option<Predecessor> {
    for index in (0..all.len()).rev() {
        let directory = &all[index];
        let path = directory.path().display();
        match Predecessor::open(directory) {
            Ok(old) => {
                all.remove(index);
                return Some(old);
            }
            Err(error) if directory.is_complete() => log::error!(
                "nothing is carried over from {path}: {error}. What it had stopped stays stopped (kill -CONT); its \
                 accounts are armed anew"
            ),
            Err(error) => log::warn!("{path} is removed: {error}"),
        }
    }
    None
}

fn take_over(old: &Predecessor, new: &mut Kernel, heirs: Heirs) -> Result<TakenOver> {
    let us = boot::us();
    let spared = |pid, start| us.iter().any(|one| (one.pid, one.start) == (pid, start));
    Ok(TakenOver::from(&old.state, new, heirs, spared)?)
}

pub(super) fn undo(directory: &Directory) {
    directory.remove().unwrap_or_else(|error| say("a generation that was half made stays", error));
    clean_up();
}
