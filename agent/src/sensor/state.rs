//! What a generation knows: the maps that another one, or whoever lets go without an agent, can carry on from.

use std::{
    io,
    mem::offset_of,
    os::fd::AsFd as _,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use agent_common::{
    rules::{BootNs, Kind, budget::Window, judge::Standing},
    wire::row,
};
use aya::maps::{Array, HashMap, IterableMap as _, Map, MapData, MapError as AyaMapError};

use super::{
    approvals::{APPROVALS, Approvals, DIRECTORIES},
    error::{MapError, refused, unpinned},
    held::{HELD, HeldCall, HeldCalls},
    ledger::{LEDGER, Ledger},
    moved::{MARKS, MOVED, MovedDirectories},
    shared::Shared,
};
use crate::processes::proc::ProcessId;

const ACCOUNTS: &str = "ACCOUNTS";
const SLOTS: &str = "SLOTS";
const LINEAGE: &str = "LINEAGE";
const SPARED: &str = "SPARED";
const HEARTBEAT: &str = "HEARTBEAT";

/// A process that acts for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) pid: u32,
    /// When it started, in clock ticks since boot.
    pub(crate) start: u64,
    pub(crate) account: u32,
    /// Whether we stopped it.
    pub(crate) stopped: bool,
    /// Which of its ancestors were stopped before it was, the parent in bit 0.
    pub(crate) stopped_ancestors: u32,
    /// The index of the approval under which it acts; 0 for none.
    pub(crate) approval: u32,
}

/// A budget and how much of it is used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BudgetUse {
    pub(crate) kind: Kind,
    pub(crate) used: u64,
    pub(crate) limit: u64,
    pub(crate) window: BootNs,
}

/// Whether a member was taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adopted {
    /// It is one now.
    Now,
    /// The kernel programs were faster.
    Before,
}

/// The maps.
pub(crate) struct State {
    accounts: Shared,
    rows: Array<MapData, row::Account>,
    slots: Shared,
    lineage: HashMap<MapData, u32, row::Member>,
    /// Not mapped: it is large, and wanted only for a take-over.
    ledger: MapData,
    spared: HashMap<MapData, u32, u64>,
    /// The calls that wait.
    pub(crate) held: HeldCalls,
    /// What responders have approved.
    pub(crate) approvals: Approvals,
    /// Directories that were moved out of their trees.
    pub(super) moved: MovedDirectories,
}

impl State {
    /// Of the maps that `take` hands over by name.
    pub(super) fn of(mut take: impl FnMut(&'static str) -> Result<Map, MapError>) -> Result<Self, MapError> {
        let accounts = Shared::new(ACCOUNTS, take(ACCOUNTS)?)?;
        let rows = again(accounts.data()).and_then(|data| Array::try_from(Map::Array(data)));
        Ok(Self {
            rows: rows.map_err(refused(ACCOUNTS))?,
            accounts,
            slots: Shared::new(SLOTS, take(SLOTS)?)?,
            lineage: take(LINEAGE)?.try_into().map_err(refused(LINEAGE))?,
            ledger: Ledger::data(take(LEDGER)?)?,
            spared: take(SPARED)?.try_into().map_err(refused(SPARED))?,
            held: HeldCalls::new(take(HELD)?)?,
            approvals: Approvals::new(take(APPROVALS)?, take(DIRECTORIES)?)?,
            moved: MovedDirectories::new(take(MARKS)?, take(MOVED)?)?,
            heartbeat: Shared::new(HEARTBEAT, take(HEARTBEAT)?)?,
        })
    }

    /// Of a generation that is pinned.
    pub(crate) fn open(directory: &Path) -> Result<Self, MapError> {
        Self::of(|name| open(directory, name))
    }

    /// Pins them.
    pub(super) fn pin(&self, directory: &Path) -> Result<(), MapError> {
        let Self { accounts, slots, lineage, ledger, spared, held, approvals, moved, heartbeat, rows: _ } =
            self;
        [
            (ACCOUNTS, accounts.data()),
            (SLOTS, slots.data()),
            (LINEAGE, lineage.map()),
            (LEDGER, ledger),
            (SPARED, spared.map()),
            (HELD, held.map()),
            (HEARTBEAT, heartbeat.data()),
        ]
        .into_iter()
        .chain(approvals.maps())
        .chain(moved.maps())
        .try_for_each(|(name, data)| data.pin(directory.join(name)).map_err(unpinned(name)))
    }

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

    /// What an account has claimed until `at` does not count any more.
    pub(crate) fn forgive(&self, index: u32, at: BootNs) {
        for kind in Kind::ALL {
            self.accounts.set(index, of_budget(kind) + offset_of!(row::Budget, not_before), at);
        }
    }

    /// Takes over what a responder has decided about an account, and what it has forfeited.
    pub(super) fn set_decided(&self, index: u32, from: &row::Account) {
        let admitted = u64::from(from.grant_allowance) | u64::from(from.grant_id) << 32;
        self.accounts.set(index, offset_of!(row::Account, grant_allowance), admitted);
        self.accounts.set(index, offset_of!(row::Account, grant_until), from.grant_until);
        self.accounts.set(index, offset_of!(row::Account, scratch_from), from.scratch_from);
        for kind in Kind::ALL {
            let not_before = from.budgets[kind as usize].not_before;
            self.accounts.set(index, of_budget(kind) + offset_of!(row::Budget, not_before), not_before);
        }
    }

    /// From now on the programs only observe: nothing is stopped any more, except by a program that is just running. Takes
    /// effect at once, where detaching takes the kernel seconds.
    pub(crate) fn observe(&self) {
        (0..row::MAX_ACCOUNTS).for_each(|index| self.observe_one(index));
    }

    /// The same for one account.
    pub(crate) fn observe_one(&self, index: u32) {
        self.respond(index, row::response::OBSERVE);
    }

    /// Sets what happens when an account exceeds a budget: one of [`row::response`].
    pub(crate) fn respond(&self, index: u32, response: u32) {
        // Its neighbour in the word must be zero.
        self.accounts.set(index, offset_of!(row::Account, response), u64::from(response));
    }

    /// What happens when an account exceeds a budget, in the policy's word.
    pub(crate) fn response(&self, index: u32) -> Result<&'static str, MapError> {
        Ok(match self.account(index)?.response {
            row::response::HOLD => "hold",
            row::response::DENY => "deny",
            row::response::FREEZE => "freeze",
            _ => "observe",
        })
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

    /// Sees to it that a process is never labelled.
    pub(crate) fn spare(&mut self, pid: u32, start: u64) -> Result<(), MapError> {
        self.spared.insert(pid, start, 0).map_err(refused(SPARED))
    }

    /// Makes a process that runs already a member of an account, unless the kernel programs were faster.
    pub(crate) fn adopt(&mut self, pid: u32, start: u64, account: u32) -> Result<(), MapError> {
        let row = row::Member { start, account, ..row::Member::default() };
        self.take_on(pid, row).map(drop)
    }

    pub(super) fn take_on(&mut self, pid: u32, row: row::Member) -> Result<Adopted, MapError> {
        const BPF_NOEXIST: u64 = 1;
        match self.lineage.insert(pid, row, BPF_NOEXIST) {
            Ok(()) => Ok(Adopted::Now),
            Err(error) if kind(&error) == Some(io::ErrorKind::AlreadyExists) => Ok(Adopted::Before),
            Err(source) => Err(refused(LINEAGE)(source)),
        }
    }

    /// Writes a member's row, if it is still one.
    pub(super) fn rewrite(&mut self, pid: u32, row: row::Member) -> Result<(), MapError> {
        const BPF_EXIST: u64 = 2;
        absent_is_fine(LINEAGE, self.lineage.insert(pid, row, BPF_EXIST))
    }

    /// A member that was stopped goes on.
    pub(crate) fn goes_on(&mut self, pid: u32) -> Result<(), MapError> {
        match self.row(pid) {
            Some(row) => self.rewrite(pid, row::Member { stopped_at: 0, ..row }),
            None => Ok(()),
        }
    }

    /// From now on a process acts under an approval, as those do that it starts; 0: under none. Nothing if it has ended.
    pub(crate) fn act_under(&mut self, process: ProcessId, approval: u32) -> Result<(), MapError> {
        match self.row(process.pid).filter(|row| row.start == process.start) {
            Some(row) => self.rewrite(process.pid, row::Member { approval, ..row }),
            None => Ok(()),
        }
    }

    /// The processes of calls, as those that were stopped when their calls began to wait.
    pub(crate) fn waiting(&self, calls: &[HeldCall]) -> Vec<Member> {
        let of = |call: &HeldCall| {
            let HeldCall { process: ProcessId { pid, start }, account, .. } = *call;
            let known = self.member(pid).filter(|member| member.start == start);
            let stopped_ancestors = known.map_or(0, |member| member.stopped_ancestors);
            Member { pid, start, account, stopped: true, stopped_ancestors, approval: 0 }
        };
        calls.iter().map(of).collect()
    }

    /// The agent is there.
    pub(crate) fn beat(&self, now: BootNs) {
        self.heartbeat.set(0, 0, now);
    }

    /// Takes a process off the list of members.
    pub(crate) fn forget(&mut self, pid: u32) -> Result<(), MapError> {
        absent_is_fine(LINEAGE, self.lineage.remove(&pid))
    }

    /// Every process that acts for an account. A process that comes or goes meanwhile may be left out.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.rows().map(|(pid, row)| Member::of(pid, row)).collect()
    }

    /// One such process.
    pub(crate) fn member(&self, pid: u32) -> Option<Member> {
        self.row(pid).map(|row| Member::of(pid, row))
    }

    pub(super) fn row(&self, pid: u32) -> Option<row::Member> {
        self.lineage.get(&pid, 0).ok()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (u32, row::Member)> {
        self.lineage.iter().filter_map(Result::ok)
    }

    /// What is remembered of names, as memory.
    pub(super) fn ledger(&self) -> Result<Ledger, MapError> {
        Ledger::new(Map::Array(again(&self.ledger).map_err(refused(LEDGER))?))
    }
}

impl Member {
    pub(crate) fn id(&self) -> ProcessId {
        ProcessId { pid: self.pid, start: self.start }
    }

    fn of(pid: u32, row: row::Member) -> Self {
        Self {
            pid,
            start: row.start,
            account: row.account,
            stopped: row.stopped_at != 0,
            stopped_ancestors: row.stopped_ancestors,
            approval: row.approval,
        }
    }
}

/// A pinned map.
pub(super) fn open(directory: &Path, name: &'static str) -> Result<Map, MapError> {
    MapData::from_pin(directory.join(name)).and_then(Map::from_map_data).map_err(refused(name))
}

/// A second handle of a map.
pub(super) fn again(data: &MapData) -> Result<MapData, AyaMapError> {
    MapData::from_fd(data.fd().as_fd().try_clone_to_owned()?)
}

fn window(budget: &row::Budget) -> Window {
    Window { length: budget.window, not_before: budget.not_before }
}

fn of_budget(kind: Kind) -> usize {
    offset_of!(row::Account, budgets) + kind as usize * size_of::<row::Budget>()
}

pub(super) fn absent_is_fine(map: &'static str, done: Result<(), AyaMapError>) -> Result<(), MapError> {
    match done {
        Err(AyaMapError::KeyNotFound) => Ok(()),
        Err(error) if kind(&error) == Some(io::ErrorKind::NotFound) => Ok(()),
        done => done.map_err(refused(map)),
    }
}

fn kind(error: &AyaMapError) -> Option<io::ErrorKind> {
    match error {
        AyaMapError::SyscallError(error) => Some(error.io_error.kind()),
        _ => None,
    }
}
