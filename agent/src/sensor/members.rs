//! What a generation knows of processes: for whom they act, and which it has stopped.

use std::io;

use agent_common::{
    rules::{BootNs, identity::Evidence},
    wire::row::{self, Claim},
};

use super::{
    error::{MapError, refused},
    held::HeldCall,
    state::{BPF_EXIST, BPF_NOEXIST, LINEAGE, SPARED, State, absent_is_fine, kind},
};
use crate::processes::proc::ProcessId;

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
    /// The index of the grant under which it acts; 0 for none.
    pub(crate) grant: u32,
}

/// Why a process is a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    /// None that this version knows.
    pub(crate) evidence: Option<Evidence>,
    /// Which entry of the policy it is by.
    pub(crate) entry: u32,
    /// The process that was claimed: itself, or an ancestor.
    pub(crate) origin: u32,
    /// Since when.
    pub(crate) since: BootNs,
}

/// Whether a member was taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adopted {
    /// It is one now.
    Now,
    /// The kernel programs were faster.
    Before,
}

impl State {
    /// Sees to it that a process is never labelled.
    pub(crate) fn spare(&mut self, pid: u32, start: u64) -> Result<(), MapError> {
        self.spared.insert(pid, start, 0).map_err(refused(SPARED))
    }

    /// Makes a process that runs already a member by a claim on `origin`, unless it is one by as strong evidence.
    pub(crate) fn adopt(
        &mut self,
        ProcessId { pid, start }: ProcessId,
        claim: Claim,
        origin: u32,
        since: BootNs,
    ) -> Result<(), MapError> {
        let row = row::Member { start, claim, origin, since, ..row::Member::default() };
        match self.row(pid).filter(|known| known.start == start) {
            Some(known) if !claim.outranks(known.claim) => Ok(()),
            Some(row::Member { stopped_at, stopped_ancestors, .. }) => {
                self.rewrite(pid, row::Member { stopped_at, stopped_ancestors, ..row })
            }
            None => self.take_on(pid, row).map(drop),
        }
    }

    /// Why a process is a member, if it is one.
    pub(crate) fn membership(&self, process: ProcessId) -> Option<Membership> {
        let row::Member { claim, origin, since, .. } =
            self.row(process.pid).filter(|row| row.start == process.start)?;
        let evidence = Evidence::from_word(claim.evidence());
        Some(Membership { evidence, entry: claim.entry(), origin, since })
    }

    /// Whether the process with this id is the one that was seen then: another one has other evidence, or none.
    pub(crate) fn is_still(&self, pid: u32, since: BootNs) -> bool {
        self.row(pid).is_some_and(|row| (row.origin, row.since) == (pid, since))
    }

    pub(super) fn take_on(&mut self, pid: u32, row: row::Member) -> Result<Adopted, MapError> {
        match self.lineage.insert(pid, row, BPF_NOEXIST) {
            Ok(()) => {
                self.count_members(1);
                Ok(Adopted::Now)
            }
            Err(error) if kind(&error) == Some(io::ErrorKind::AlreadyExists) => Ok(Adopted::Before),
            Err(source) => Err(refused(LINEAGE)(source)),
        }
    }

    /// Writes a member's row, if it is still one.
    pub(super) fn rewrite(&mut self, pid: u32, row: row::Member) -> Result<(), MapError> {
        absent_is_fine(LINEAGE, self.lineage.insert(pid, row, BPF_EXIST))
    }

    /// A member that was stopped goes on.
    pub(crate) fn goes_on(&mut self, pid: u32) -> Result<(), MapError> {
        match self.row(pid) {
            Some(row) => self.rewrite(pid, row::Member { stopped_at: 0, ..row }),
            None => Ok(()),
        }
    }

    /// From now on a process acts under a grant, as those do that it starts; 0: under none. Nothing if it has ended.
    pub(crate) fn act_under(&mut self, process: ProcessId, grant: u32) -> Result<(), MapError> {
        match self.row(process.pid).filter(|row| row.start == process.start) {
            Some(row) => self.rewrite(process.pid, row::Member { grant, ..row }),
            None => Ok(()),
        }
    }

    /// The processes of calls, as those that were stopped when their calls began to wait.
    pub(crate) fn waiting(&self, calls: &[HeldCall]) -> Vec<Member> {
        let of = |call: &HeldCall| {
            let HeldCall { process: ProcessId { pid, start }, account, .. } = *call;
            let known = self.member(pid).filter(|member| member.start == start);
            let stopped_ancestors = known.map_or(0, |member| member.stopped_ancestors);
            Member { pid, start, account, stopped: true, stopped_ancestors, grant: 0 }
        };
        calls.iter().map(of).collect()
    }

    /// Takes a process off the list of members.
    pub(crate) fn forget(&mut self, pid: u32) -> Result<(), MapError> {
        let removed = self.lineage.remove(&pid);
        if removed.is_ok() {
            self.count_members(-1);
        }
        absent_is_fine(LINEAGE, removed)
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
        // To say that it is empty the kernel goes through all of its room: a tenth of what an idle agent would take.
        self.has_members().then(|| self.lineage.iter()).into_iter().flatten().filter_map(Result::ok)
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
            account: row.claim.account(),
            stopped: row.stopped_at != 0,
            stopped_ancestors: row.stopped_ancestors,
            grant: row.grant,
        }
    }
}
