//! The policy as the kernel programs' tables. Indices, not names, cross into the kernel; the names stay here.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use agent_common::{
    rules::{BootNs, Kind},
    wire::{
        identity::{EXECUTED, LAUNCHED, asked_by},
        row::{self, ABOVE_OWN, Claim, MAX_ROOTS, SELF_TEST, alone, response},
    },
};
use anyhow::{Result, ensure};

use super::{
    names::{Names, OwnName},
    own::{self, Place},
};
use crate::{
    identity::Identities,
    policy::{Account, Budget, Budgets, Command, Exception, OnAgentLoss, Policy, Response, Way},
    sensor::Manifest,
    trees::except::Excepted,
};

/// The self-test's own budget: small, so that proving it takes no time.
pub(crate) const SELF_TEST_BUDGET: Budget = Budget::seconds(3, 60);

/// What the kernel programs are told.
pub(crate) struct Tables {
    /// By account index; the self-test's is the first.
    pub(crate) accounts: Vec<row::Account>,
    pub(crate) identities: Identities,
    /// By root id; the self-test's is the first.
    pub(crate) roots: Vec<PathBuf>,
    /// By tree of the policy.
    trees: Vec<Tree>,
    /// How many slots all budgets have together.
    pub(crate) slots: u32,
    /// What is burstguard's own; see [`Names::own`].
    pub(crate) own: Vec<Place>,
    /// The name of the agent's unit.
    pub(crate) unit: String,
    /// Roots whose files are jobs, and the number of the way that each is.
    pub(crate) jobs: Vec<(u32, u32)>,
    /// Destructive commands.
    pub(crate) commands: Vec<Command>,
    pub(crate) names: Names,
}

/// A tree of the policy.
struct Tree {
    roots: Range<usize>,
    except: Vec<Exception>,
}

impl Tables {
    /// The tables of a policy. `self_test` is the self-test's tree; `own` what is burstguard's own.
    ///
    /// `passes` says until when an account that is not watched yet is granted whatever it does.
    pub(crate) fn of(
        policy: &Policy,
        self_test: &Path,
        own: &[OwnName],
        passes: impl Fn(&Account) -> BootNs,
    ) -> Result<Self> {
        let mut tables = Self {
            accounts: Vec::new(),
            identities: Identities::default(),
            roots: vec![self_test.to_owned()],
            trees: Vec::new(),
            slots: 0,
            jobs: Vec::new(),
            commands: Vec::new(),
            own: Vec::new(),
            unit: own::unit(),
            names: Names::default(),
        };
        tables.add_own(own);
        let launched = tables.names.add_entry("a unit that the account had started".to_owned());
        let executed = tables.names.add_entry("burstguard exec".to_owned());
        ensure!((launched, executed) == (LAUNCHED, EXECUTED), "these entries must be the first");
        let budgets = Budgets { deletes: SELF_TEST_BUDGET, ..Budgets::default() };
        tables.add_account(
            1,
            [Response::Hold, Response::Observe, Response::Observe],
            OnAgentLoss::Wait,
            &budgets,
        );
        tables.add_trees(policy)?;
        tables.add_ways(policy);
        tables.commands.clone_from(&policy.commands);
        let real: Vec<PathBuf> =
            tables.roots.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())).collect();
        let masks: Vec<u64> = tables.trees.iter().map(|tree| tree.mask(&tables.roots, &real)).collect();
        for account in &policy.accounts {
            let roots = account.trees.iter().fold(0, |mask, tree| mask | masks[*tree]);
            let responses = [account.response, account.escapes, Response::Deny]
                .map(|response| policy.carried_out(response));
            let index = tables.add_account(roots, responses, account.hold.on_agent_loss, &account.budgets);
            tables.accounts[index as usize].granted_until = passes(account);
            tables.names.accounts.push(account.name.clone());
            let names = &mut tables.names;
            tables.identities.add(index, account, |words| names.add_entry(words));
        }
        Ok(tables)
    }

    /// Adds every way to have others act. A directory of jobs is known as a root is; one that is not there, or for which there is no
    /// room beside the trees, is passed over.
    fn add_ways(&mut self, policy: &Policy) {
        for Way { name, sockets, buses, jobs, ports } in &policy.ways {
            for (paths, asked_by) in [(sockets, asked_by::CONNECTION), (buses, asked_by::MESSAGE)] {
                for path in paths {
                    let number = self.names.add_entry(format!("{name}, {path}"));
                    self.identities.ways.push((path.clone(), Claim::NONE.renumbered(asked_by, number)));
                }
            }
            for port in ports {
                let number = self.names.add_entry(format!("{name}, port {port} of this host"));
                self.identities.ports.push((*port, number));
            }
            for path in jobs {
                let real = |path: &Path| path.canonicalize().ok().filter(|path| path.is_dir());
                let Some(found) = real(path) else { continue };
                if self.roots.iter().any(|root| real(root).as_ref() == Some(&found)) {
                    continue; // a tree, or the directory by another of its names
                }
                if self.roots.len() >= MAX_ROOTS as usize {
                    log::warn!("{}: no room to see the jobs in it: too many trees", path.display());
                    continue;
                }
                let number = self.names.add_entry(format!("{name}, a job in {}", path.display()));
                self.jobs.push((u32::try_from(self.roots.len()).unwrap_or(u32::MAX), number));
                self.roots.push(found.clone());
                self.names.roots.push(found);
                self.names.jobs += 1;
            }
        }
    }

    /// Each of them once, where it really is.
    fn add_own(&mut self, own: &[OwnName]) {
        for OwnName { path, what } in own {
            for place in own::places(path) {
                if self.own.contains(&place) {
                    continue;
                }
                let (Place::Directory(path) | Place::Name(path)) = &place;
                self.names.own.push(OwnName { path: path.clone(), what });
                self.own.push(place);
            }
        }
    }

    /// Adds every tree and its roots.
    fn add_trees(&mut self, policy: &Policy) -> Result<()> {
        for tree in &policy.trees {
            let first = self.roots.len();
            for path in &tree.paths {
                ensure!(
                    self.roots.len() < MAX_ROOTS as usize,
                    "the trees have more than {} paths",
                    MAX_ROOTS - 1
                );
                self.roots.push(path.clone());
                self.names.roots.push(path.clone());
            }
            self.trees.push(Tree { roots: first..self.roots.len(), except: tree.except.clone() });
        }
        Ok(())
    }

    /// What is excepted in which root, under names hashed with this seed.
    pub(crate) fn excepted(&self, seed: u64) -> Excepted {
        let mut excepted = Excepted::default();
        for Tree { roots, except } in &self.trees {
            let paths = (0..).zip(&self.roots).map(|(id, path)| (id, path.as_path()));
            excepted.add(&paths.skip(roots.start).take(roots.len()).collect::<Vec<_>>(), except, seed);
        }
        excepted
    }

    /// The same as the policy has it.
    pub(crate) fn excepted_in(&self, root: u32) -> Vec<Exception> {
        let trees = self.trees.iter().filter(|tree| tree.roots.contains(&(root as usize)));
        trees.flat_map(|tree| tree.except.iter().cloned()).collect()
    }

    /// What the indices stand for, for the generation that comes after.
    pub(crate) fn manifest(&self, seed: u64) -> Manifest {
        let Names { accounts, roots, entries, own, jobs: _, seed: _ } = &self.names;
        let mut by_id: Vec<_> = std::iter::once(None).chain(roots.iter().cloned().map(Some)).collect();
        by_id.resize(ABOVE_OWN as usize + 1, None);
        by_id.extend(own.iter().map(|own| Some(own.path.clone())));
        Manifest {
            seed,
            accounts: std::iter::once(None).chain(accounts.iter().cloned().map(Some)).collect(),
            roots: by_id,
            entries: std::iter::once(None).chain(entries.iter().cloned().map(Some)).collect(),
        }
    }

    /// `responses`: to a burst, to an escape, and to tampering.
    fn add_account(
        &mut self,
        roots: u64,
        responses: [Response; 3],
        loss: OnAgentLoss,
        budgets: &Budgets,
    ) -> u32 {
        let [burst, escape, tampering] = responses.map(word);
        let index = SELF_TEST + u32::try_from(self.accounts.len()).unwrap_or(u32::MAX);
        let mut account = row::Account {
            roots,
            horizon: nanoseconds(budgets.recreates),
            response: burst,
            escapes: escape,
            tampering,
            alone: match loss {
                OnAgentLoss::Wait => alone::WAIT,
                OnAgentLoss::Deny => alone::DENY,
                OnAgentLoss::Observe => alone::OBSERVE,
            },
            ..row::Account::default()
        };
        for kind in Kind::ALL {
            let budget = budgets.of(kind);
            account.budgets[kind as usize] = row::Budget {
                base: self.slots,
                count: budget.count(),
                window: nanoseconds(budget),
                ..row::Budget::default()
            };
            self.slots += budget.count();
        }
        self.accounts.push(account);
        index
    }
}

impl Tree {
    /// The roots that are protected with it, a bit each. One that lies below one of its own is among them, unless it is
    /// excepted there, though the kernel programs see the inner one first. `real` are all roots without symbolic links.
    fn mask(&self, roots: &[PathBuf], real: &[PathBuf]) -> u64 {
        let covers = |own: usize, path: &Path| {
            let below = path.strip_prefix(&real[own]).ok().map(|below| roots[own].join(below));
            below
                .is_some_and(|path| !self.except.iter().any(|exception| exception.covers(&roots[own], &path)))
        };
        let is_in = |index: &usize| {
            self.roots.contains(index) || self.roots.clone().any(|own| covers(own, &real[*index]))
        };
        (0..roots.len()).filter(is_in).fold(0, |mask, index| mask | 1 << index)
    }
}

fn word(response: Response) -> u32 {
    match response {
        Response::Observe => response::OBSERVE,
        Response::Hold => response::HOLD,
        Response::Deny => response::DENY,
        Response::Freeze => response::FREEZE,
    }
}

fn nanoseconds(budget: Budget) -> u64 {
    u64::try_from(budget.window().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_covers_the_trees_inside_it_and_no_others() {
        let roots = ["/run/t", "/srv", "/srv/app", "/srvx", "/srv/app/conf"].map(PathBuf::from);
        let mask = |own: usize, except: &[&str]| {
            let except = except.iter().map(|text| text.parse().expect("an exception")).collect();
            Tree { roots: own..own + 1, except }.mask(&roots, &roots)
        };
        assert_eq!(mask(1, &[]), 0b10110);
        assert_eq!(mask(2, &[]), 0b10100);
        assert_eq!(mask(3, &[]), 0b01000);
        // Those that are excepted there are the other tree's alone.
        assert_eq!(mask(1, &["/srv/app"]), 0b00010);
        assert_eq!(mask(1, &["**/conf"]), 0b00110);
        assert_eq!(mask(2, &["**/app"]), 0b10100);
    }
}
