//! Which processes act for an account: claimed once, inherited by every fork, kept until the process ends or stronger evidence is
//! seen.

use agent_common::{
    rules::identity::{self, Login},
    wire::{
        Counter,
        record::what,
        row::{Claim, Member, UserKey, by},
    },
};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;

use crate::{
    actor::Actor,
    count::count,
    emit,
    maps::{AGENT, LINEAGE, SPARED, USERS},
    members,
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
    let Member { start, claim, grant, .. } = unsafe { *member };
    if start != own_start() {
        return None; // another process, which was given the id of one whose exit was missed
    }
    Actor::of(claim.account()).map(|actor| Actor { grant, ..actor })
}

/// When the current process started, in clock ticks.
#[inline(always)]
pub fn own_start() -> u64 {
    let leader = read::current().follow(OFFSETS.task_group_leader());
    leader.field::<u64>(OFFSETS.task_start_boottime()) / TICK
}

/// The same of any task's process.
#[inline(always)]
pub fn start(task: Kernel) -> Result<u64, Unread> {
    let leader = task.follow(OFFSETS.task_group_leader())?;
    Ok(leader.field::<u64>(OFFSETS.task_start_boottime())? / TICK)
}

/// Whether a task is of the agent's process: not of one that has its id since it ended.
#[inline(always)]
pub fn is_agent(task: Kernel) -> bool {
    let [pid, known] = AGENT.get(0).copied().unwrap_or_default();
    matches!(task.field::<u32>(OFFSETS.task_tgid()), Ok(tgid) if u64::from(tgid) == pid)
        && matches!(start(task), Ok(start) if start == known)
}

/// Whether a process id is the agent's. By this tier's text of a call it cannot be told from one that has it since it ended.
#[inline(always)]
pub fn is_agents_id(pid: u32) -> bool {
    AGENT.get(0).is_some_and(|[agent, _]| *agent == u64::from(pid))
}

/// Whether the current process is the agent.
#[inline(always)]
pub fn is_agent_here() -> bool {
    let [pid, known] = AGENT.get(0).copied().unwrap_or_default();
    bpf_get_current_pid_tgid() >> 32 == pid && own_start() == known
}

/// A child has been made. The parent is *current*, not `real_parent` (CLONE_PARENT makes those differ), and the child
/// does not run before this returns: `sched_process_fork` comes before `wake_up_new_task`. False if there was no place for it.
#[inline(always)]
pub fn inherit(parent: &Actor, child: Kernel) -> Result<bool, Unread> {
    let tgid: u32 = child.field(OFFSETS.task_tgid())?;
    if tgid == parent.tgid() {
        return Ok(true); // a thread
    }
    let start = start(child)?;
    let Some(known) = LINEAGE.get_ptr(parent.tgid()) else { return Ok(true) };
    // SAFETY: a live map entry.
    let member = Member { start, stopped_at: 0, stopped_ancestors: 0, ..unsafe { *known } };
    let was_reserved = members::release(parent.tid());
    Ok(members::put(tgid, &member) && (was_reserved || !members::is_full()))
}

/// Makes the current process a member by this claim, unless it is one already by as strong evidence; who it acts for then.
#[inline(always)]
pub fn identify(claim: Claim) -> Option<Actor> {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let is_new = claim != Claim::NONE && take_on(tgid, own_start(), claim.to_word()) != 0;
    let actor = current()?;
    if is_new {
        emit::event(&actor, what::JOINED);
    }
    Some(actor)
}

/// The same of a process that is not the current one. It is not reported: a record says what the current one runs.
#[inline(always)]
pub fn identify_other(task: Kernel, claim: Claim) {
    if claim == Claim::NONE {
        return;
    }
    if let (Ok(tgid), Ok(start)) = (task.field(OFFSETS.task_tgid()), start(task)) {
        let _ = take_on(tgid, start, claim.to_word());
        // One that is ending is moved as well. If its end was seen before the row was written, nothing else takes that off.
        if has_ended(task) {
            members::remove(tgid);
        }
    } else {
        count(Counter::KernelRead);
    }
}

/// Whether the last thread of a task's process is exiting, or has: what `leave` sees of the current one.
#[inline(always)]
fn has_ended(task: Kernel) -> bool {
    let live =
        task.follow(OFFSETS.task_signal()).and_then(|signal| signal.field::<i32>(OFFSETS.signal_live()));
    matches!(live, Ok(0))
}

/// Global: whether the process acts for another account than before from now on.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn take_on(tgid: u32, start: u64, claim: u64) -> u32 {
    let claim = Claim::from_word(claim);
    // SAFETY: a live map entry, copied.
    let known = LINEAGE.get_ptr(tgid).map_or(Member::NONE, |member| unsafe { *member });
    let known = if known.start == start { known } else { Member { start, ..Member::NONE } };
    // SAFETY: the value is read at once, while the entry is alive.
    if !claim.outranks(known.claim) || tgid == 1 || unsafe { SPARED.get(tgid) } == Some(&start) {
        return 0;
    }
    let is_new = known.claim == Claim::NONE || known.claim.account() != claim.account();
    if known.claim != Claim::NONE && is_new && is_refused(known.claim.account()) {
        return 0;
    }
    // A grant is of one account.
    let grant = if is_new { 0 } else { known.grant };
    let member = Member { claim, grant, since: emit::now(), origin: tgid, ..known };
    if !members::put(tgid, &member) {
        count(Counter::LineageFull);
        return 0;
    }
    u32::from(is_new)
}

/// Whether an account waits for a decision, or is refused what it does: nobody leaves it meanwhile.
#[inline(always)]
fn is_refused(account: u32) -> bool {
    let now = emit::now();
    Actor::of(account).is_some_and(|actor| actor.responses(now).refuse(actor.standing().at(now).phase))
}

/// Which credentials mark a process.
#[derive(Clone, Copy)]
pub enum Seen {
    /// At exec: the real user id, and the login user id.
    Exec,
    /// After a change of user: only when real, effective and saved id agree, because shared daemons (sshd, cron) switch
    /// the effective one to a user and back, and a label never washes off.
    SetUser,
}

/// Who claims the current process by its user ids.
#[inline(always)]
pub fn by_user(seen: Seen) -> Claim {
    let credentials = read::current().follow(OFFSETS.task_real_cred());
    let uid: u32 = credentials.field(OFFSETS.cred_uid());
    if matches!(seen, Seen::SetUser)
        && (credentials.field::<u32>(OFFSETS.cred_euid()) != uid
            || credentials.field::<u32>(OFFSETS.cred_suid()) != uid)
    {
        return Claim::NONE;
    }
    let login: u32 = read::current().field(OFFSETS.task_loginuid());
    // SAFETY: the values are copied at once, while the entries are alive.
    let of = |uid, by| unsafe { USERS.get(UserKey { uid, by }) }.copied();
    let whose = match of(login, by::LOGIN) {
        Some(claim) => Login::Account(claim),
        None if login == u32::MAX => Login::Nobody,
        None if of(login, by::REAL).is_some() => Login::User,
        None => Login::Person,
    };
    identity::by_user(whose, of(uid, by::REAL)).unwrap_or(Claim::NONE)
}

/// The current thread is exiting; with it the process, if it is the last one. Not "the thread whose id is the
/// process's": a leader may exit long before its process does.
#[inline(always)]
pub fn leave(tgid: u32) {
    // do_exit() takes the thread off signal->live before this event, so two last threads may both see zero.
    if read::current().follow(OFFSETS.task_signal()).field::<i32>(OFFSETS.signal_live()) == 0 {
        members::remove(tgid); // absent: the other of two last threads was here first
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
