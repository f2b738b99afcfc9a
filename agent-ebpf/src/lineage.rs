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
    maps::{ACCOUNTS, LINEAGE, SPARED, USERS},
    offsets::{OFFSETS, SETTINGS},
    read::{self, Kernel, Unread},
};

/// The nanoseconds of a clock tick, the unit of process start times in /proc (USER_HZ is 100 on every architecture that
/// BPF has).
const TICK: u64 = 10_000_000;

/// Whether the current process may be a member. Everything else pays for this one look-up.
#[inline(always)]
pub fn is_member() -> bool {
    LINEAGE.get_ptr((bpf_get_current_pid_tgid() >> 32) as u32).is_some()
}

/// The current process, if it acts for an account.
#[inline(always)]
pub fn current() -> Option<Actor> {
    let thread = bpf_get_current_pid_tgid();
    let member = LINEAGE.get_ptr_mut((thread >> 32) as u32)?;
    tracked(thread, member)
}

#[inline(always)]
fn tracked(thread: u64, member: *mut Member) -> Option<Actor> {
    let task = read::current();
    let Ok(start) = start(task) else {
        count(Counter::KernelRead);
        return None;
    };
    // SAFETY: a live map entry; entries are not freed while a program runs.
    let index = unsafe {
        if (*member).start != start {
            return None; // another process, which was given the id of one whose exit was missed
        }
        (*member).account
    };
    let Some(account) = ACCOUNTS.get_ptr_mut(index) else {
        count(Counter::UnknownAccount);
        return None;
    };
    Some(Actor { task, thread, index, account, member })
}

/// When a task's process started, in clock ticks.
#[inline(always)]
fn start(task: Kernel) -> Result<u64, Unread> {
    let offsets = OFFSETS.load();
    let leader = task.follow(offsets.task_group_leader)?;
    Ok(leader.field::<u64>(offsets.task_start_boottime)? / TICK)
}

/// A child has been made. The parent is *current*, not `real_parent` (CLONE_PARENT makes those differ), and the child
/// does not run before this returns: `sched_process_fork` comes before `wake_up_new_task`.
#[inline(always)]
pub fn inherit(parent: &Actor, child: Kernel) -> Result<bool, Unread> {
    let offsets = OFFSETS.load();
    let tgid: u32 = child.field(offsets.task_tgid)?;
    if tgid == parent.tgid() {
        return Ok(true); // a thread
    }
    let member = Member { start: start(child)?, stopped_at: 0, account: parent.index, stopped_ancestors: 0 };
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
    let account = match claimed_by(read::current(), evidence) {
        Ok(account) => account?,
        Err(Unread) => {
            count(Counter::KernelRead);
            return None;
        }
    };
    let thread = bpf_get_current_pid_tgid();
    let tgid = (thread >> 32) as u32;
    if tgid == 1 || tgid == SETTINGS.load().agent {
        return None;
    }
    let Ok(start) = start(read::current()) else {
        count(Counter::KernelRead);
        return None;
    };
    // SAFETY: the value is read at once, while the entry is alive.
    if unsafe { SPARED.get(tgid) } == Some(&start) {
        return None;
    }
    let member = Member { start, stopped_at: 0, account, stopped_ancestors: 0 };
    if LINEAGE.insert(tgid, member, u64::from(BPF_ANY)).is_err() {
        count(Counter::LineageFull);
        return None;
    }
    let actor = current()?;
    emit::event(&actor, what::JOINED);
    Some(actor)
}

#[inline(always)]
fn claimed_by(task: Kernel, evidence: Evidence) -> Result<Option<u32>, Unread> {
    let offsets = OFFSETS.load();
    let credentials = task.follow(offsets.task_real_cred)?;
    let uid: u32 = credentials.field(offsets.cred_uid)?;
    if matches!(evidence, Evidence::SetUser)
        && (credentials.field::<u32>(offsets.cred_euid)? != uid
            || credentials.field::<u32>(offsets.cred_suid)? != uid)
    {
        return Ok(None);
    }
    // SAFETY: the values are copied at once, while the entries are alive.
    if let Some(account) = unsafe { USERS.get(UserKey { uid, by: by::REAL }) } {
        return Ok(Some(*account));
    }
    let login: u32 = task.field(offsets.task_loginuid)?;
    // SAFETY: as above.
    Ok(unsafe { USERS.get(UserKey { uid: login, by: by::LOGIN }) }.copied())
}

/// The current thread is exiting; with it the process, if it is the last one. Not "the thread whose id is the
/// process's": a leader may exit long before its process does.
#[inline(always)]
pub fn leave(tgid: u32, task: Kernel) -> Result<(), Unread> {
    let offsets = OFFSETS.load();
    // do_exit() takes the thread off signal->live before this event, so two last threads may both see zero.
    if task.follow(offsets.task_signal)?.field::<i32>(offsets.signal_live)? == 0 {
        let _ = LINEAGE.remove(tgid); // absent: the other of two last threads was here first
    }
    Ok(())
}

/// Which ancestors of a task are stopped, the parent in bit 0. Wrappers such as sudo and script stop *themselves* when
/// their child stops; this tells them from what somebody had stopped before.
#[inline(always)]
pub fn stopped_ancestors(task: Kernel) -> Result<u32, Unread> {
    // https://github.com/torvalds/linux/blob/v6.12/include/linux/sched/signal.h#L254
    const SIGNAL_STOP_STOPPED: u32 = 1;
    let offsets = OFFSETS.load();
    let mut stopped = 0;
    let mut task = task;
    for generation in 0..u32::BITS {
        task = task.follow(offsets.task_real_parent)?;
        if task.field::<u32>(offsets.task_tgid)? <= 1 {
            break;
        }
        let flags: u32 = task.follow(offsets.task_signal)?.field(offsets.signal_flags)?;
        stopped |= (flags & SIGNAL_STOP_STOPPED) << generation;
    }
    Ok(stopped)
}
