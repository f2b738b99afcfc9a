//! Who claims a process: by its user, by its control group, by the program that it runs; and by which ways it has others act.
//!
//! A host whose policy tells processes by users alone pays for the first only.

mod group;
pub mod message;
mod names;
pub mod program;
pub mod way;

use agent_common::{
    rules::identity::Evidence,
    wire::{Counter, identity::told_by, row::Claim},
};
use aya_ebpf::EbpfContext;

use crate::{
    count::count,
    lineage::{self, Seen},
    maps::LAUNCHED,
    offsets::{OFFSETS, SETTINGS},
    read::{self, Kernel, Unread},
};

/// What answers instead of a claim if something could not be read.
const UNREAD: u64 = u64::MAX;

/// The strongest claim on the current process, which runs a new program from now on.
#[inline(always)]
pub fn at_exec(ctx: &impl EbpfContext) -> Claim {
    let user = lineage::by_user(Seen::Exec);
    let group = if groups_tell() { known(group::of(read::current().into())) } else { Claim::NONE };
    let mut claim = group;
    if SETTINGS.told_by() & told_by::PROGRAMS != 0 && group.evidence() != Evidence::Launched as u32 {
        let program = known(program::of_exec(ctx));
        claim = if program == Claim::NONE { group } else { program };
    }
    if claim == Claim::NONE { user } else { claim }
}

/// Whether control groups tell anybody: the policy's, or those of units that accounts had started.
#[inline(always)]
fn groups_tell() -> bool {
    SETTINGS.told_by() & told_by::GROUPS != 0 || anything_launched()
}

#[inline(always)]
fn anything_launched() -> bool {
    // SAFETY: a live entry of an array map; volatile because other CPUs write it.
    LAUNCHED.get_ptr(0).is_some_and(|any| unsafe { core::ptr::read_volatile(any) } != 0)
}

/// The claim on a task that was put into another control group.
#[inline(always)]
pub fn in_group(task: Kernel) -> Claim {
    if groups_tell() { known(group::of(task)) } else { Claim::NONE }
}

/// Whether a child was made in another control group than its parent's (`CLONE_INTO_CGROUP`).
#[inline(always)]
pub fn born_elsewhere(child: Kernel) -> bool {
    let groups = OFFSETS.task_cgroups();
    let own: u64 = read::current().field(groups);
    groups_tell() && child.field::<u64>(groups).is_ok_and(|its| its != own)
}

#[inline(always)]
fn known(claim: Result<Claim, Unread>) -> Claim {
    claim.unwrap_or_else(|Unread| {
        count(Counter::KernelRead);
        Claim::NONE
    })
}
