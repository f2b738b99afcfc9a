//! What an effect does. The only place from which the agent acts.

use std::{sync::Arc, thread, time::Duration};

use agent_common::rules::{
    BootNs, NEVER,
    judge::{Phase, Standing},
};
use rustix::process::Signal;

use super::{
    CallId, Effect, NotReloaded, Outcome, Reload, SelfTested, Touched,
    agent::Agent,
    in_force::{self, Come},
    self_test,
};
use crate::{
    api::{Code, LeftAlone, Problem, ProcessView, Target, Verb},
    clock::boot_now,
    enforcer::{
        freezer::ThawOutcome,
        pidfd,
        release::{Release, release},
    },
    processes::{
        proc::{self, ProcessId},
        view::view,
    },
    report::Event,
    sensor::Member,
};

impl Agent {
    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Report(event) => self.report(&event),
            Effect::Reply(call, answer) => {
                if let Some(reply) = self.replies.remove(&call) {
                    let _ = reply.send(*answer); // fails only if the asker has gone
                }
            }
            Effect::Trip { account } => {
                let tripped = Standing { phase: Phase::Tripped, until: NEVER };
                self.in_force.generation.set_standing(&account, tripped);
            }
            Effect::Freeze { incident, target } => self.freeze(incident, &target),
            Effect::Thaw { incident, account } => {
                let mut members = self.arm(account.as_deref());
                let thawed = self.thaw(incident, &mut members);
                let done = self.go_on(account.as_deref(), Release::plan(&members), thawed);
                self.say(Outcome::Thawed { incident, done });
            }
            Effect::Kill { incident, account, processes } => {
                self.kill(incident, account.as_deref(), &processes);
            }
            Effect::Observe => self.in_force.generation.observe(),
            Effect::Off { call } => self.off(call),
            Effect::On { call } => {
                // A burst that was only observed must stop nobody now.
                self.arm_all();
                self.in_force.generation.enforce();
                self.stale = true;
                self.say(Outcome::On { call });
            }
            Effect::Reload { call } => self.reload(call),
            Effect::SelfTest { call } => self.self_test(call),
            Effect::Decided { verb: Verb::Freeze, by, took, processes } => {
                self.metrics.decision(Verb::Freeze, &by, None);
                self.metrics.freeze(Duration::from_nanos(took), processes);
            }
            Effect::Decided { verb, by, took, .. } => {
                self.metrics.decision(verb, &by, Some(Duration::from_nanos(took)));
            }
            Effect::LetGo => self.let_go(),
        }
    }

    fn report(&mut self, event: &Event) {
        self.metrics.event(event);
        if let Event::EffectFailed { effect, .. } = event {
            self.metrics.effect_failed(effect);
        }
        self.output.say(event);
        if self.events.receiver_count() > 0
            && let Ok(line) = serde_json::to_string(event)
        {
            let _ = self.events.send(Arc::from(line)); // fails only if the last one has just gone
        }
    }

    fn say(&self, outcome: Outcome) {
        let _ = self.finished.0.send(Finished::As(outcome)); // the receiver is ours
    }

    fn freeze(&mut self, incident: u64, target: &Target) {
        let began = boot_now();
        let processes = self.processes_of(target);
        let views: Vec<ProcessView> = processes.iter().map(|process| view(process, false)).collect();
        let Self { freezer, in_force, .. } = self;
        let outcome = freezer.freeze(incident, &mut || in_force.ids_of(target));
        let left_alone: Vec<LeftAlone> = outcome
            .left
            .iter()
            .filter_map(|(process, left)| {
                let comm = views.iter().find(|view| view.pid == process.pid)?.comm.clone();
                Some(LeftAlone { pid: process.pid, comm, why: left.to_string() })
            })
            .collect();
        let is_frozen = |view: &ProcessView| !left_alone.iter().any(|left| left.pid == view.pid);
        let processes = views.into_iter().filter(is_frozen).collect();
        let cgroups = self.freezer.leaves(incident);
        self.say(Outcome::Froze { incident, done: Touched { processes, cgroups, left_alone, began } });
    }

    /// An account begins anew, with its whole budget; its members.
    fn arm(&mut self, account: Option<&str>) -> Vec<Member> {
        let Some(account) = account else { return Vec::new() };
        let generation = &mut self.in_force.generation;
        generation.forgive(account, boot_now());
        generation.set_standing(account, Standing::ARMED);
        let members = self.in_force.members_of(account);
        for member in members.iter().filter(|member| member.stopped) {
            if let Err(error) = self.in_force.generation.kernel.goes_on(member.pid) {
                log::error!("process {} goes on, but counts as stopped: {error}", member.pid);
            }
        }
        members
    }

    fn arm_all(&mut self) {
        let names: Vec<String> = self.in_force.generation.names().accounts().map(str::to_owned).collect();
        names.iter().for_each(|account| drop(self.arm(Some(account))));
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
    fn kill(&mut self, incident: u64, account: Option<&str>, processes: &[ProcessId]) {
        let mut members = self.arm(account);
        let killed: Vec<ProcessView> = processes
            .iter()
            .filter_map(|id| proc::process(id.pid).filter(|now| now.start == id.start))
            .map(|process| view(&process, false))
            .collect();
        let before = Release::plan(&members);
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
        self.say(Outcome::Killed { incident, done });
    }

    /// Everything goes on.
    fn off(&mut self, call: CallId) {
        self.in_force.generation.observe();
        let mut members = self.in_force.generation.kernel.members();
        let mut all = Thawed { began: boot_now(), ..Thawed::default() };
        let frozen: Vec<u64> = self.freezer.ids().collect();
        for incident in frozen {
            let thawed = self.thaw(incident, &mut members);
            all.pids.extend(thawed.pids);
            all.left_alone.extend(thawed.left_alone);
        }
        self.arm_all();
        let done = self.go_on(None, Release::plan(&members), all);
        self.say(Outcome::Off { call, done });
    }

    /// On a thread: the kernel takes half a second to verify the programs.
    fn reload(&mut self, call: CallId) {
        let before = self.in_force.about.policy_sha256.clone();
        let failed = move |problem| NotReloaded { before, problem };
        if std::mem::replace(&mut self.reloading, true) {
            let problem = Problem::new(Code::Failed, "another reload is under way: wait for it");
            return self.say(Outcome::Reloaded { call, done: Err(failed(problem)) });
        }
        let file = self.in_force.file.clone();
        let kernel = self.in_force.about.kernel.clone();
        let (self_test, outcomes) = (self.self_test.clone(), self.finished.0.clone());
        let tier = self.tier;
        let reload = move || {
            let come = in_force::read(&file)
                .map_err(|error| {
                    Problem::new(
                        Code::PolicyInvalid,
                        format!("the policy is no good, the one in force stays:\n{error}"),
                    )
                })
                .and_then(|loaded| {
                    in_force::bring(file, loaded, &kernel, &self_test, tier)
                        .map_err(|error| Problem::new(Code::Failed, format!("{error:#}")))
                });
            let _ = outcomes.send(match come {
                Ok(come) => Finished::Come { call, come: Box::new(come) },
                Err(problem) => Finished::Kept { call, why: failed(problem) },
            });
        };
        thread::spawn(reload);
    }

    /// Another policy has come into force: from now on its generation is the one we listen to.
    pub(super) fn succeed(&mut self, call: CallId, come: Come) -> Outcome {
        self.reloading = false;
        self.stale = true;
        let Come { in_force, carried, mut retirement, .. } = come;
        let mut before = std::mem::replace(&mut self.in_force, in_force);
        self.policy_changed = self.in_force.has_changed();
        if let Err(error) = self.listen_again() {
            log::error!(
                "cannot listen to the kernel's records: {error}; they are looked for from time to time"
            );
        }
        let records = retirement.records(Some(&mut before.generation), &mut self.in_force.generation);
        retirement.carry_out(Some(before.generation));
        let names = self.in_force.generation.names().clone();
        let about = &self.in_force.about;
        let done = Reload {
            accounts: names.accounts().map(str::to_owned).collect(),
            names,
            before: before.about.policy_sha256.clone(),
            after: about.policy_sha256.clone(),
            warnings: about.policy_warnings.clone(),
            freed: carried.freed,
            records,
        };
        Outcome::Reloaded { call, done: Ok(done) }
    }

    fn self_test(&mut self, call: CallId) {
        let tier = self.in_force.about.tier.tier;
        let done = self_test::prove(&mut self.in_force.generation.kernel, tier, &self.self_test);
        let done = done
            .map(|proof| SelfTested { took: proof.took, records: proof.records })
            .map_err(|error| format!("{error:#}"));
        self.self_test_failure = done.as_ref().err().cloned();
        self.say(Outcome::SelfTested { call, done });
    }

    /// Everything goes on and the programs are detached.
    fn let_go(&mut self) {
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

/// Something that was under way is done.
pub(super) enum Finished {
    As(Outcome),
    /// A policy has come into force, which the agent has still to take up.
    Come {
        call: CallId,
        come: Box<Come>,
    },
    /// None has: the one in force stays so.
    Kept {
        call: CallId,
        why: NotReloaded,
    },
}

/// What a thaw has let go on.
#[derive(Default)]
struct Thawed {
    began: BootNs,
    cgroups: u64,
    left_alone: Vec<LeftAlone>,
    pids: Vec<u32>,
}
