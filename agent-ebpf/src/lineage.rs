//! Which processes act for an account: matched once by their user, inherited by every fork, kept until the process ends.

use agent_common::wire::{
    Counter,
    record::what,
    row::{Member, UserKey, by},
};
use aya_ebpf::{bindings::BPF_ANY, helpers::bpf_get_current_pid_tgid};

use crate::{
    actor::Actor,
    count::count,
    emit,
    maps::{LINEAGE, SPARED, USERS},
    offsets::OFFSETS,
    read::{self, Kernel, Unread},
};

/// The nanoseconds of a clock tick, the unit of process start times in /proc (USER_HZ is 100 on every architecture that
/// BPF has).
const TICK: u64 = 10_000_000;

/// The current process, if it acts for an account. An untracked process pays for this one look-up.
#[inline(always)]
pub fn current() -> Option<Actor> {
    let member = LINEAGE.get_ptr((bpf_get_current_pid_tgid() >> 32) as u32)?;
    // SAFETY: a live map entry; entries are not freed while a program runs.
    let Member { start, account, approval, .. } = unsafe { *member };
    if start != own_start() {
        return None; // another process, which was given the id of one whose exit was missed
    }
    Actor::of(account).map(|actor| Actor { approval, ..actor })
}

/// When the current process started, in clock ticks.
#[inline(always)]
pub fn own_start() -> u64 {
    let leader = read::current().follow(OFFSETS.task_group_leader());
    leader.field::<u64>(OFFSETS.task_start_boottime()) / TICK
}

/// The same of any task's process.
#[inline(always)]
fn start(task: Kernel) -> Result<u64, Unread> {
    let leader = task.follow(OFFSETS.task_group_leader())?;
    Ok(leader.field::<u64>(OFFSETS.task_start_boottime())? / TICK)
}

/// A child has been made. The parent is *current*, not `real_parent` (CLONE_PARENT makes those differ), and the child
/// does not run before this returns: `sched_process_fork` comes before `wake_up_new_task`.
#[inline(always)]
pub fn inherit(parent: &Actor, child: Kernel) -> Result<bool, Unread> {
    let tgid: u32 = child.field(OFFSETS.task_tgid())?;
    if tgid == parent.tgid() {
        return Ok(true); // a thread
    }
    let member = Member {
        start: start(child)?,
        stopped_at: 0,
        account: parent.index,
        stopped_ancestors: 0,
        approval: parent.approval,
        reserved: 0,
    };
    Ok(LINEAGE.insert(tgid, member, u64::from(BPF_ANY)).is_ok())
}

/// Which credentials mark a process.
pub enum Evidence {
    /// At exec: the real user id, or the login user id.
    Exec,
    /// After a change of user: only when real, effective and saved id agree, because shared daemons (sshd, cron) switch
    /// the effective one to a user and back, and a label never washes off.
    SetUser,
}

/// Makes the current, so far untracked process a member if its user is an account's.
#[inline(always)]
pub fn join(evidence: Evidence) -> Option<Actor> {
    let account = claimed_by(evidence)?;
    let thread = bpf_get_current_pid_tgid();
    let tgid = (thread >> 32) as u32;
    if tgid == 1 {
        return None;
    }
    let start = own_start();
    // SAFETY: the value is read at once, while the entry is alive.
    if unsafe { SPARED.get(tgid) } == Some(&start) {
        return None;
    }
    let member = Member { start, stopped_at: 0, account, stopped_ancestors: 0, approval: 0, reserved: 0 };
    if LINEAGE.insert(tgid, member, u64::from(BPF_ANY)).is_err() {
        count(Counter::LineageFull);
        return None;
    }
    let actor = Actor::of(account)?;
    emit::event(&actor, what::JOINED);
    Some(actor)
}

#[inline(always)]
fn claimed_by(evidence: Evidence) -> Option<u32> {
    let credentials = read::current().follow(OFFSETS.task_real_cred());
    let uid: u32 = credentials.field(OFFSETS.cred_uid());
    if matches!(evidence, Evidence::SetUser)
        && (credentials.field::<u32>(OFFSETS.cred_euid()) != uid
            || credentials.field::<u32>(OFFSETS.cred_suid()) != uid)
    {
        return None;
    }
    // SAFETY: the values are copied at once, while the entries are alive.
    if let Some(account) = unsafe { USERS.get(UserKey { uid, by: by::REAL }) } {
        return Some(*account);
    }
    let login: u32 = read::current().field(OFFSETS.task_loginuid());
    // SAFETY: as above.
    unsafe { USERS.get(UserKey { uid: login, by: by::LOGIN }) }.copied()
}

/// The current thread is exiting; with it the process, if it is the last one. Not "the thread whose id is the
/// process's": a leader may exit long before its process does.
#[inline(always)]
pub fn leave(tgid: u32) {
    // do_exit() takes the thread off signal->live before this event, so two last threads may both see zero.
    if read::current().follow(OFFSETS.task_signal()).field::<i32>(OFFSETS.signal_live()) == 0 {
        let _ = LINEAGE.remove(tgid); // absent: the other of two last threads was here first
    }
}

/// Which ancestors of the current process are stopped, the parent in bit 0. Wrappers such as sudo and script stop *themselves* when
/// their child stops; this tells them from what somebody had stopped before.
#[inline(always)]
pub fn stopped_ancestors() -> Result<u32, Unread> {
    // https://github.com/torvalds/linux/blob/v6.12/include/linux/sched/signal.h#L254
    const SIGNAL_STOP_STOPPED: u32 = 1;
    let mut stopped = 0;
    let mut task = Kernel::from(read::current());
    for generation in 0..u32::BITS {
        task = task.follow(OFFSETS.task_real_parent())?;
        if task.field::<u32>(OFFSETS.task_tgid())? <= 1 {
            break;
        }
        let flags: u32 = task.follow(OFFSETS.task_signal())?.field(OFFSETS.signal_flags())?;
        stopped |= (flags & SIGNAL_STOP_STOPPED) << generation;
    }
    Ok(stopped)
}
