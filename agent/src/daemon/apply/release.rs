//! What lets processes go on, or end: in each of these, first what the kernel programs are told, then the processes. The other
//! way round, one that goes on would be judged as before and wait again.

use std::thread;

use agent_common::rules::{
    BootNs,
    judge::{Phase, QUIET, Standing},
};
use rustix::process::Signal;

use super::super::{CallId, Outcome, Touched, agent::Agent, effect::Leave};
use super::Finished;
use crate::{
    api::{LeftAlone, ProcessView},
    clock::boot_now,
    enforcer::{
        freezer::ThawOutcome,
        pidfd,
        release::{DECIDED, Release, Woken, release},
    },
    processes::{
        proc::{self, Process, ProcessId},
        view::view,
    },
    report::Event,
    sensor::{HeldCall, Member},
};

impl Agent {
    /// Lets go on what an incident stopped, held and froze; the account begins anew.
    pub(super) fn let_go_on(&mut self, incident: u64, account: Option<&str>) {
        let mut members = self.begin_anew(account);
        let thawed = self.thaw(incident, &mut members);
        let done = self.go_on(account, self.plan(&members), thawed);
        self.wake(Whose::of(account), done, move |done| Some(Outcome::Thawed { incident, done }));
    }

    /// What is approved is written down before the account is armed, so that nobody is judged in between.
    pub(super) fn approve(&mut self, incident: u64, account: &str, arm: bool, leave: &Leave) {
        let mut calls = self.in_force.generation.held_of(account);
        calls.retain(|call| leave.seen.is_none_or(|seen| call.at <= seen));
        let mut left_alone = Vec::new();
        if !leave.once
            && let Err(error) = self.in_force.generation.approve(incident, account, &calls, leave)
        {
            log::error!("cannot approve more than the calls that wait for incident {incident}: {error:#}");
            left_alone.push(LeftAlone::group(format!("only the calls that wait may happen: {error:#}")));
        }
        // As many as were approved, whichever come first: each is judged under the approval.
        let pass = if leave.allowance.is_some() { &[][..] } else { &calls };
        for call in pass {
            if let Err(error) = self.in_force.generation.kernel.held.pass(call) {
                log::error!("cannot let the call of thread {} happen, it is judged anew: {error}", call.tid);
            }
        }
        let mut members = if arm {
            // What is approved does not count. All else of the account has the budget that it had, and no new one.
            self.stands(account, Standing::ARMED)
        } else {
            // Frozen by another incident too, which begins the account anew when it ends.
            Vec::new()
        };
        let mut done = self.thaw(incident, &mut members);
        done.left_alone.extend(left_alone);
        let done = self.go_on(Some(account), self.plan(&members), done);
        self.stale = true;
        self.wake(Whose::Account(account), done, move |done| Some(Outcome::Approved { incident, done }));
    }

    pub(super) fn deny(&mut self, incident: u64, account: &str) {
        self.end_commands(account);
        let until = boot_now().saturating_add(QUIET);
        let mut members = self.stands(account, Standing { phase: Phase::Denied, until });
        let thawed = self.thaw(incident, &mut members);
        let done = self.go_on(None, self.plan(&members), thawed);
        self.stale = true;
        self.wake(Whose::Account(account), done, move |done| Some(Outcome::Denied { incident, done }));
    }

    /// A command that was denied ends before its first instruction: no call of it is left that could fail.
    fn end_commands(&self, account: &str) {
        let calls = self.in_force.generation.held_of(account);
        for HeldCall { process, .. } in calls.into_iter().filter(|call| call.command) {
            let Some(handle) = pidfd::Handle::open(process) else { continue }; // it has ended by itself
            if let Err(error) = handle.signal(Signal::KILL) {
                log::error!("process {} was denied its command, and cannot be killed: {error}", process.pid);
            }
        }
    }

    /// What waits goes on waiting: it is for another decision.
    pub(super) fn stand(&mut self, account: &str, standing: Standing) {
        let members = self.stands(account, standing);
        let thawed = Thawed { began: boot_now(), ..Thawed::default() };
        self.go_on(None, self.plan(&members), thawed);
    }

    /// Nobody of the account waits any more; should a call have begun to wait just now, it is judged anew.
    pub(super) fn arm_again(&mut self, account: &str) {
        self.stands(account, Standing::ARMED);
        self.wake(Whose::Account(account), Touched { began: boot_now(), ..Touched::default() }, |_| None);
    }

    /// Sets where an account stands; its members. Those that were stopped do not count as such any more, but for those with a
    /// call that waits: the kernel programs know best when that goes on.
    fn stands(&mut self, account: &str, standing: Standing) -> Vec<Member> {
        self.set_standing(account, standing);
        let members = self.in_force.members_of(account);
        let held = self.in_force.generation.held_of(account);
        let waits = |member: &Member| held.iter().any(|call| call.process == member.id());
        for member in members.iter().filter(|member| member.stopped && !waits(member)) {
            if let Err(error) = self.in_force.generation.kernel.goes_on(member.pid) {
                log::error!("process {} goes on, but counts as stopped: {error}", member.pid);
            }
        }
        members
    }

    /// An account begins anew, with its whole budget; its members.
    fn begin_anew(&mut self, account: Option<&str>) -> Vec<Member> {
        let Some(account) = account else { return Vec::new() };
        self.forgive(account);
        self.stands(account, Standing::ARMED)
    }

    pub(super) fn begin_all_anew(&mut self) {
        let names: Vec<String> = self.in_force.generation.names().accounts().map(str::to_owned).collect();
        names.iter().for_each(|account| drop(self.begin_anew(Some(account))));
    }

    /// What is to go on at once: processes whose calls wait are woken, see [`Self::wake`].
    fn plan(&self, members: &[Member]) -> Release {
        let held = self.in_force.generation.kernel.held.all();
        let is_stopped = |member: &&Member| !held.iter().any(|call| call.process == member.id());
        Release::plan(&members.iter().filter(is_stopped).copied().collect::<Vec<_>>())
    }

    /// Lets go on; then, on a thread, looks after the wrappers, which take their time.
    fn go_on(&self, account: Option<&str>, release: Release, thawed: Thawed) -> Touched {
        let Thawed { began, cgroups, left_alone, mut pids } = thawed;
        let going = release.begin();
        pids.extend(going.pids());
        let may = account.map(|account| self.in_force.generation.may(account)).transpose();
        thread::spawn(move || match may {
            Ok(Some(may)) => going.settle(may),
            Ok(None) => going.settle(|| true),
            Err(error) => log::error!("wrappers of what goes on may stay stopped: {error:#}"),
        });
        // One may have been stopped and frozen.
        pids.sort_unstable();
        pids.dedup();
        let processes = pids.into_iter().filter_map(proc::process);
        Touched {
            processes: processes.map(|process| view(&process, false)).collect(),
            cgroups,
            left_alone,
            began,
        }
    }

    /// Wakes calls that wait, which are then judged again; on a thread, which says the outcome when all were. Those that began to wait after it was decided are among them: they know nothing of it.
    fn wake(
        &self,
        whose: Whose<'_>,
        mut done: Touched,
        outcome: impl FnOnce(Touched) -> Option<Outcome> + Send + 'static,
    ) {
        let generation = &self.in_force.generation;
        let calls = match whose {
            Whose::Nobody => Vec::new(),
            Whose::Account(account) => generation.held_of(account),
            Whose::Everybody => generation.kernel.held.all(),
        };
        let say = |sender: &tokio::sync::mpsc::UnboundedSender<Finished>, done| {
            if let Some(outcome) = outcome(done) {
                let _ = sender.send(Finished::As(outcome)); // fails only if the agent has ended
            }
        };
        if calls.is_empty() {
            return say(&self.finished.0, done);
        }
        let members = generation.kernel.waiting(&calls);
        let release = Release::plan(&members);
        done.add(release.processes().map(|process| woken(process, &calls)));
        let held = self.held.clone();
        let sender = self.finished.0.clone();
        thread::spawn(move || {
            let Woken { going, left, given_up } = release.wake(&calls, &members, &held, DECIDED);
            let _ = sender.send(Finished::GivenUp(given_up)); // as in `say`
            done.left_alone.extend(left.iter().map(still_waits));
            say(&sender, done);
            going.settle(|| !calls.iter().any(|call| held.waits(call.tid)));
        });
    }

    /// These processes go on, though none of our programs has judged their calls again.
    pub(in super::super) fn goes_on(&mut self, given_up: Vec<ProcessId>) {
        let generation = &mut self.in_force.generation;
        let held = generation.kernel.held.all();
        let stays = |process: &ProcessId| {
            generation.kernel.member(process.pid).is_none_or(|member| member.id() != *process)
                || held.iter().any(|call| call.process == *process)
        };
        let going: Vec<_> = given_up.into_iter().filter(|process| !stays(process)).collect();
        for process in going {
            if let Err(error) = generation.kernel.goes_on(process.pid) {
                log::error!("process {} goes on, but counts as stopped: {error}", process.pid);
            }
        }
    }

    /// Thaws a freeze, if there is one; who was stopped by signals is added to `members`.
    fn thaw(&mut self, incident: u64, members: &mut Vec<Member>) -> Thawed {
        let began = boot_now();
        let pids = self.freezer.processes(incident).iter().map(|id| id.pid).collect();
        let ThawOutcome { stopped, kept, back, .. } = self.freezer.thaw(incident);
        members.extend(stopped);
        let left_alone = kept.iter().map(|kept| LeftAlone::group(kept.to_string())).collect();
        Thawed { began, cgroups: back.min(1) as u64, left_alone, pids }
    }

    /// Ends processes; then what waited for them goes on: sudo stops itself with its child and would stay so.
    pub(super) fn kill(&mut self, incident: u64, account: Option<&str>, processes: &[ProcessId]) {
        let mut members = self.begin_anew(account);
        let killed: Vec<ProcessView> = processes
            .iter()
            .filter_map(|id| proc::process(id.pid).filter(|now| now.start == id.start))
            .map(|process| view(&process, false))
            .collect();
        let before = self.plan(&members);
        for id in processes {
            if let Some(process) = pidfd::Handle::open(*id)
                && let Err(error) = process.signal(Signal::KILL)
            {
                log::error!("cannot kill process {}: {error}", id.pid);
            }
        }
        members.clear();
        let thawed = self.thaw(incident, &mut members);
        let done = Touched { processes: killed, ..self.go_on(account, before, thawed) };
        self.wake(Whose::of(account), done, move |done| Some(Outcome::Killed { incident, done }));
    }

    /// Everything goes on.
    pub(super) fn off(&mut self, call: CallId, until: BootNs) {
        self.in_force.generation.grant_all(until);
        let mut members = self.in_force.generation.kernel.members();
        let mut all = Thawed { began: boot_now(), ..Thawed::default() };
        let frozen: Vec<u64> = self.freezer.ids().collect();
        for incident in frozen {
            let thawed = self.thaw(incident, &mut members);
            all.pids.extend(thawed.pids);
            all.left_alone.extend(thawed.left_alone);
        }
        self.begin_all_anew();
        let done = self.go_on(None, self.plan(&members), all);
        self.wake(Whose::Everybody, done, move |done| Some(Outcome::Off { call, done }));
    }

    /// Everything goes on and the programs are detached.
    pub(super) fn let_go(&mut self) {
        let mut members = Vec::new();
        let frozen: Vec<u64> = self.freezer.ids().collect();
        let mut pids: Vec<u32> =
            frozen.into_iter().flat_map(|incident| self.thaw(incident, &mut members).pids).collect();
        match self.in_force.generation.let_go() {
            Ok(released) => pids.extend(released),
            Err(error) => log::error!("not everything was let go; run burstguard release: {error:#}"),
        }
        pids.extend(release(&members));
        self.memory.forget();
        self.output.say(&Event::Released { pids });
    }
}

/// Whose calls that wait are to be judged again.
#[derive(Clone, Copy)]
enum Whose<'a> {
    /// What a freeze kept is let go on, and its account, if it has one, waits for another decision.
    Nobody,
    Account(&'a str),
    Everybody,
}

impl<'a> Whose<'a> {
    /// Those of the account that begins anew, if one does.
    fn of(account: Option<&'a str>) -> Self {
        account.map_or(Self::Nobody, Self::Account)
    }
}

/// What a thaw has let go on.
#[derive(Default)]
struct Thawed {
    began: BootNs,
    cgroups: u64,
    left_alone: Vec<LeftAlone>,
    pids: Vec<u32>,
}

impl Touched {
    /// Adds processes, each once.
    fn add(&mut self, processes: impl Iterator<Item = ProcessView>) {
        for process in processes {
            self.processes.retain(|known| known.pid != process.pid);
            self.processes.push(process);
        }
    }
}

/// A process as it was when it was woken.
fn woken(process: &Process, calls: &[HeldCall]) -> ProcessView {
    let held = calls.iter().any(|call| call.process.pid == process.pid);
    ProcessView { held, ..view(process, false) }
}

fn still_waits(call: &HeldCall) -> LeftAlone {
    LeftAlone::group(format!("thread {} has not heard that it may go on; something else keeps it", call.tid))
}
