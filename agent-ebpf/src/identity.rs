//! Who claims a process: by its user, by its control group, by the program that it runs; and by which ways it has others act.
//!
//! A host whose policy tells processes by users alone pays for the first only.

mod group;
mod names;
pub mod program;
pub mod way;

use agent_common::wire::{Counter, identity::told_by, row::Claim};
use aya_ebpf::EbpfContext;

use crate::{
    count::count,
    lineage::{self, Seen},
    offsets::{OFFSETS, SETTINGS},
    read::{self, Kernel, Unread},
};

/// What answers instead of a claim if something could not be read.
const UNREAD: u64 = u64::MAX;

/// The strongest claim on the current process, which runs a new program from now on.
#[inline(always)]
pub fn at_exec(ctx: &impl EbpfContext) -> Claim {
    let user = lineage::by_user(Seen::Exec);
    let told_by = SETTINGS.told_by();
    let mut claim = Claim::NONE;
    if told_by & told_by::PROGRAMS != 0 {
        claim = known(program::of_exec(ctx));
    }
    if claim == Claim::NONE && told_by & told_by::GROUPS != 0 {
        claim = known(group::of(read::current().into()));
    }
    if claim == Claim::NONE { user } else { claim }
}

/// The claim on a task that was put into another control group.
#[inline(always)]
pub fn in_group(task: Kernel) -> Claim {
    if SETTINGS.told_by() & told_by::GROUPS == 0 { Claim::NONE } else { known(group::of(task)) }
}

/// Whether a child was made in another control group than its parent's (`CLONE_INTO_CGROUP`).
#[inline(always)]
pub fn born_elsewhere(child: Kernel) -> bool {
    let groups = OFFSETS.task_cgroups();
    let own: u64 = read::current().field(groups);
    SETTINGS.told_by() & told_by::GROUPS != 0 && child.field::<u64>(groups).is_ok_and(|its| its != own)
}

#[inline(always)]
fn known(claim: Result<Claim, Unread>) -> Claim {
    claim.unwrap_or_else(|Unread| {
        count(Counter::KernelRead);
        Claim::NONE
    })
}
