//! What a generation knows of accounts: where they stand, and how much of their budgets is used.

use std::{
    mem::offset_of,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use agent_common::{
    rules::{
        BootNs, Kind,
        budget::Window,
        judge::{Phase, Standing},
    },
    wire::row,
};

use super::{
    error::{MapError, refused},
    grants::{Directory, Grant},
    state::{ACCOUNTS, State},
};
use crate::clock::boot_now;

/// A budget and how much of it is used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BudgetUse {
    pub(crate) kind: Kind,
    pub(crate) used: u64,
    pub(crate) limit: u64,
    pub(crate) window: BootNs,
}

impl State {
    /// An account's row.
    pub(super) fn account(&self, index: u32) -> Result<row::Account, MapError> {
        self.rows.get(&index, 0).map_err(refused(ACCOUNTS))
    }

    /// Sets an account's row, before anything is attached.
    pub(crate) fn set_account(&mut self, index: u32, account: row::Account) -> Result<(), MapError> {
        self.rows.set(index, account, 0).map_err(refused(ACCOUNTS))
    }

    /// Where an account stands, as it was written down: its time may be over.
    pub(crate) fn standing(&self, index: u32) -> Standing {
        let word = self.accounts.word(index, offset_of!(row::Account, standing));
        word.map_or(Standing::ARMED, |word| Standing::from_word(word.load(SeqCst)))
    }

    /// Sets it, whatever it was.
    pub(crate) fn set_standing(&self, index: u32, standing: Standing) {
        self.accounts.set(index, offset_of!(row::Account, standing), standing.to_word());
    }

    /// Sets it if it is still `from`.
    pub(super) fn move_standing(&self, index: u32, from: Standing, to: Standing) {
        if let Some(word) = self.accounts.word(index, offset_of!(row::Account, standing)) {
            // The word 0 is armed as well, see Standing::from_word.
            let now = word.load(SeqCst);
            if Standing::from_word(now) == from {
                let _ = word.compare_exchange(now, to.to_word(), SeqCst, SeqCst); // else a program was faster
            }
        }
    }

    /// How many calls of an account were refused.
    pub(crate) fn refused(&self, index: u32) -> u64 {
        let word = self.accounts.word(index, offset_of!(row::Account, refused));
        word.map_or(0, |word| word.load(SeqCst))
    }

    /// What an account has claimed until `at` does not count any more. What was forgiven once stays so.
    pub(crate) fn forgive(&self, index: u32, at: BootNs) {
        for kind in Kind::ALL {
            let field = of_budget(kind) + offset_of!(row::Budget, not_before);
            if let Some(word) = self.accounts.word(index, field) {
                word.fetch_max(at, SeqCst);
            }
        }
    }

    /// Takes over what a responder has decided about an account, and what it has forfeited.
    pub(super) fn set_decided(&self, index: u32, from: &row::Account) {
        self.accounts.set(index, offset_of!(row::Account, leases), from.leases);
        self.accounts.set(index, offset_of!(row::Account, granted_until), from.granted_until);
        self.accounts.set(index, offset_of!(row::Account, scratch_from), from.scratch_from);
        self.accounts.set(index, offset_of!(row::Account, refused), from.refused);
        self.accounts.set(index, offset_of!(row::Account, judged), from.judged);
        for kind in Kind::ALL {
            let not_before = from.budgets[kind as usize].not_before;
            self.accounts.set(index, of_budget(kind) + offset_of!(row::Budget, not_before), not_before);
        }
    }

    /// From now on the programs only observe, for their end has come: nothing is stopped any more, except by a program that is
    /// just running. Takes effect at once, where detaching takes the kernel seconds.
    pub(crate) fn observe(&self) {
        (0..row::MAX_ACCOUNTS).for_each(|index| self.observe_one(index));
    }

    /// The same for one account.
    pub(crate) fn observe_one(&self, index: u32) {
        const NEIGHBOUR: u64 = (u32::MAX as u64) << 32;
        const _: () = assert!(row::response::OBSERVE == 0);
        for field in [offset_of!(row::Account, response), offset_of!(row::Account, escapes)] {
            let Some(word) = self.accounts.word(index, field) else { return };
            // Its neighbour in the word is the agent's alone, too.
            word.fetch_and(NEIGHBOUR, SeqCst);
        }
    }

    /// What happens when an account exceeds a budget, and when it asks somebody else to act, in the policy's words.
    pub(crate) fn responses(&self, index: u32) -> Result<[&'static str; 2], MapError> {
        let row::Account { response, escapes, .. } = self.account(index)?;
        Ok([response, escapes].map(|word| match word {
            row::response::HOLD => "hold",
            row::response::DENY => "deny",
            row::response::FREEZE => "freeze",
            _ => "observe",
        }))
    }

    /// Until when an account is granted whatever it does; then its policy holds again, whether or not an agent is there.
    pub(crate) fn granted_until(&self, index: u32) -> BootNs {
        let word = self.accounts.word(index, offset_of!(row::Account, granted_until));
        word.map_or(0, |word| word.load(SeqCst))
    }

    /// Sets it.
    pub(crate) fn grant_all(&self, index: u32, until: BootNs) {
        self.accounts.set(index, offset_of!(row::Account, granted_until), until);
    }

    /// The same for an account that is held to nothing yet: nobody who waits for a decision, or is refused, is freed by it.
    pub(crate) fn let_pass(&self, index: u32, until: BootNs) {
        let is_held = || {
            let standing = self.standing(index).at(boot_now());
            standing.phase != Phase::Armed && !standing.is_observed()
        };
        if !is_held() {
            self.grant_all(index, until);
        }
        // It may have tripped just before it was granted anything.
        if is_held() {
            self.grant_all(index, 0);
        }
    }

    /// Ends it, if it has not ended by itself. What was done meanwhile does not count, and whoever was only observed begins anew:
    /// before the end, or the next thing that he does would be held against him, and after it, if he was faster.
    pub(crate) fn hold_to_budgets(&self, index: u32) {
        let arm = || {
            let standing = self.standing(index);
            if standing.is_observed() {
                self.move_standing(index, standing, Standing::ARMED);
            }
        };
        self.forgive(index, self.granted_until(index).min(boot_now()));
        arm();
        self.grant_all(index, 0);
        arm();
    }

    /// Makes a grant; its index. `taken` are indices that processes still have.
    pub(crate) fn grant(
        &mut self,
        grant: Grant,
        directories: &[Directory],
        taken: impl Fn(u32) -> bool,
        now: BootNs,
    ) -> Result<u32, MapError> {
        let index = self.grants.add(grant, directories, taken, now)?;
        self.count_leases(grant.account);
        Ok(index)
    }

    /// Ends one.
    pub(crate) fn withdraw(&mut self, grant: u32) -> Result<(), MapError> {
        if let Some(was) = self.grants.remove(grant)? {
            self.count_leases(was.account);
        }
        Ok(())
    }

    /// Every grant there is, by index; `had` are those that processes have.
    pub(crate) fn grants(&mut self, had: impl Iterator<Item = u32>) -> Vec<(u32, Grant)> {
        self.grants.all(had)
    }

    fn count_leases(&self, account: u32) {
        self.accounts.set(account, offset_of!(row::Account, leases), self.grants.leases(account));
    }

    /// How much of its budgets an account has used, as of `now`; those it has.
    pub(crate) fn uses(&self, index: u32, now: BootNs) -> Result<Vec<BudgetUse>, MapError> {
        let row = self.account(index)?;
        let budgets = Kind::ALL.into_iter().map(|kind| (kind, &row.budgets[kind as usize]));
        Ok(budgets
            .filter(|(_, budget)| budget.window > 0)
            .map(|(kind, budget)| {
                let held =
                    self.stamps(budget).into_iter().filter(|stamp| !window(budget).is_over(*stamp, now));
                let (used, limit) = (held.count() as u64, budget.count.into());
                BudgetUse { kind, used, limit, window: budget.window }
            })
            .collect())
    }

    /// The stamps in a budget's slots.
    pub(super) fn stamps(&self, budget: &row::Budget) -> Vec<BootNs> {
        self.slots_of(budget).iter().map(|slot| slot.load(SeqCst)).collect()
    }

    /// Claims slots of a budget for operations of the past, the latest first, as long as there are free ones.
    pub(super) fn claim(&self, budget: &row::Budget, mut stamps: Vec<BootNs>, now: BootNs) {
        stamps.sort_unstable();
        for slot in self.slots_of(budget) {
            let Some(stamp) = stamps.last() else { return };
            let before = slot.load(SeqCst);
            if window(budget).is_over(before, now)
                && slot.compare_exchange(before, *stamp, SeqCst, SeqCst).is_ok()
            {
                stamps.pop();
            }
        }
    }

    fn slots_of(&self, budget: &row::Budget) -> &[AtomicU64] {
        let start = budget.base as usize;
        self.slots.words().get(start..start + budget.count as usize).unwrap_or_default()
    }
}

fn window(budget: &row::Budget) -> Window {
    Window { length: budget.window, not_before: budget.not_before }
}

fn of_budget(kind: Kind) -> usize {
    offset_of!(row::Account, budgets) + kind as usize * size_of::<row::Budget>()
}
