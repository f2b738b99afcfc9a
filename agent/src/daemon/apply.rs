//! What an effect does. The only place from which the agent acts.

mod release;

use std::{sync::Arc, thread, time::Duration};

use agent_common::rules::{
    NEVER,
    judge::{Phase, Standing},
};

use super::{
    CallId, Effect, NotReloaded, Outcome, Reload, SelfTested, Touched, Which,
    agent::Agent,
    in_force::{self, Before, Come},
    self_test,
    service::Service,
};
use crate::{
    api::{Answer, Code, LeftAlone, Problem, ProcessView, Target, Verb},
    clock::boot_now,
    enforcer::freezer::Left,
    policy::loosened,
    processes::{proc::ProcessId, view::view},
    report::Event,
};

impl Agent {
    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Record { entries, then } => self.write_down(entries, then),
            Effect::Report(event) => self.report(&event),
            Effect::Reply(call, mut answer) => {
                if let Ok(Answer::Incident(detail)) = &mut *answer {
                    self.recall_who_acted(detail);
                }
                if let Some(reply) = self.replies.remove(&call) {
                    let _ = reply.send(*answer); // fails only if the asker has gone
                }
            }
            Effect::Trip { account } => {
                self.set_standing(&account, Standing { phase: Phase::Frozen, until: NEVER });
            }
            Effect::Tell { incident, account, pid, line } => self.tell(incident, &account, pid, line),
            Effect::Survey { incident, paths } => self.surveyor.survey(incident, paths),
            Effect::Freeze { incident, target } => self.freeze(incident, &target),
            Effect::Thaw { incident, account } => self.let_go_on(incident, account.as_deref()),
            Effect::Approve { incident, account, arm, leave } => {
                self.approve(incident, &account, arm, &leave);
            }
            Effect::Deny { incident, account } => self.deny(incident, &account),
            Effect::Stand { account, standing } => self.stand(&account, standing),
            Effect::Arm { account } => self.arm_again(&account),
            Effect::Lease { call, incident, account, leave } => {
                let done = self.in_force.generation.lease(incident, &account, &leave);
                self.stale = true;
                self.say(Outcome::Leased {
                    call,
                    incident,
                    done: done.map_err(|error| format!("{error:#}")),
                });
            }
            Effect::Revoke { incident } => {
                let done = self.in_force.generation.revoke(incident);
                self.stale = true;
                self.say(Outcome::Revoked { incident, done: done.map_err(|error| format!("{error:#}")) });
            }
            Effect::Withdraw { grant } => {
                if let Err(error) = self.in_force.generation.withdraw(grant) {
                    log::error!("cannot take back grant {grant}, which is over: {error:#}");
                }
            }
            Effect::Kill { incident, account, processes } => {
                self.kill(incident, account.as_deref(), &processes);
            }
            Effect::Grant { account, until } => {
                self.stale |= self.in_force.generation.let_pass(&account, until);
            }
            Effect::Off { call, until } => self.off(call, until),
            Effect::On { call } => {
                self.stale = true;
                self.say(Outcome::On { call });
            }
            Effect::Reload { call, which, open, loosen } => self.reload(call, which, open, loosen),
            Effect::SelfTest { call } => self.self_test(call),
            Effect::Join { call, account, process } => {
                let done =
                    self.in_force.generation.join(&account, process.id).map_err(|error| format!("{error:#}"));
                self.stale = true;
                let process = Box::new(process.view);
                self.say(Outcome::Joined { call, account, process, done });
            }
            Effect::Decided { verb: Verb::Freeze, by, took, processes } => {
                self.metrics.decision(Verb::Freeze, &by, None);
                self.metrics.freeze(Duration::from_nanos(took), processes);
            }
            // Nothing has waited for it.
            Effect::Decided { verb: Verb::Restore, by, .. } => {
                self.metrics.decision(Verb::Restore, &by, None);
            }
            Effect::Decided { verb, by, took, .. } => {
                self.metrics.decision(verb, &by, Some(Duration::from_nanos(took)));
            }
            Effect::LetGo => self.let_go(),
        }
    }

    pub(super) fn report(&mut self, event: &Event) {
        self.metrics.event(event);
        if let Event::EffectFailed { effect, .. } = event {
            self.metrics.effect_failed(effect);
        }
        self.output.say(event);
        self.webhooks.event(event);
        if self.events.receiver_count() > 0
            && let Ok(line) = serde_json::to_string(event)
        {
            let _ = self.events.send(Arc::from(line)); // fails only if the last one has just gone
        }
    }

    /// Only a process of the account, whoever has its pid by now.
    fn tell(&self, incident: u64, account: &str, pid: u32, line: String) {
        if let Some((whose, start)) = self.in_force.generation.whose(pid)
            && whose == account
        {
            self.teller.tell(incident, ProcessId { pid, start }, line);
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
            .filter(|(_, left)| !matches!(left, Left::Gone)) // nobody to be named: it does nothing any more
            .filter_map(|(process, left)| {
                let comm = views.iter().find(|view| view.pid == process.pid)?.comm.clone();
                Some(LeftAlone { pid: process.pid, comm, why: left.to_string() })
            })
            .collect();
        let is_frozen = |view: &ProcessView| !outcome.left.iter().any(|(process, _)| process.pid == view.pid);
        let processes = views.into_iter().filter(is_frozen).collect();
        let cgroups = self.freezer.leaves(incident);
        self.say(Outcome::Froze { incident, done: Touched { processes, cgroups, left_alone, began } });
    }

    /// On a thread: the kernel takes half a second to verify the programs.
    fn reload(&mut self, call: CallId, which: Which, mut open: Vec<String>, loosen: bool) {
        // A drill may end while something of it waits: then that goes on, in its own directory.
        open.retain(|account| self.in_force.about.drill.as_ref() != Some(account));
        let before = self.in_force.about.policy_sha256.clone();
        let failed = move |problem| NotReloaded { before: before.clone(), problem, loosens: Vec::new() };
        if std::mem::replace(&mut self.reloading, true) {
            let problem = Problem::new(Code::Failed, "another reload is under way: wait for it");
            return self.say(Outcome::Reloaded { call, done: Err(failed(problem)) });
        }
        Service::reloading();
        let cannot = failed.clone();
        let (file, state) = (self.in_force.file.clone(), self.in_force.state.clone());
        let kernel = self.in_force.about.kernel.clone();
        let (self_test, outcomes) = (self.self_test.clone(), self.finished.0.clone());
        let tier = self.tier;
        let policy = Arc::clone(&self.in_force.policy);
        let now = (Arc::clone(&self.in_force.read), self.in_force.drill.clone());
        let before = Before { watched: self.in_force.watched.clone(), off_until: self.incidents.off_until() };
        let reload = move || {
            let come = in_force::wish(which, &file, now)
                .map_err(&failed)
                .and_then(|wish| {
                    let loosens = loosened(&policy, wish.policy(), open.iter().map(String::as_str));
                    if loosens.is_empty() || loosen {
                        Ok(wish)
                    } else {
                        Err(NotReloaded { loosens: loosens.clone(), ..failed(refused(&loosens)) })
                    }
                })
                .and_then(|wish| {
                    in_force::bring(file, wish, &kernel, &self_test, tier, before, state)
                        .map_err(|error| failed(Problem::new(Code::Failed, format!("{error:#}"))))
                });
            let _ = outcomes.send(match come {
                Ok(come) => Finished::Come { call, come: Box::new(come) },
                Err(why) => Finished::Kept { call, why },
            });
        };
        if let Err(error) = thread::Builder::new().name("reload".to_owned()).spawn(reload) {
            self.reloading = false;
            Service::ready();
            let problem = Problem::new(Code::Failed, format!("cannot start a thread to reload: {error}"));
            self.say(Outcome::Reloaded { call, done: Err(cannot(problem)) });
        }
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
        // A decision that is being carried out goes on being so, in this generation.
        if let Err(error) = self.held.follow(&self.in_force.generation.kernel.held) {
            log::error!("decisions that are just being carried out may not be heard: {error}");
        }
        if let Err(error) = self.look_at_counters() {
            log::error!("what is counted is shown as before the reload: {error:#}");
        }
        self.record.store.bound(self.in_force.bounds);
        self.recording.bound(self.in_force.recording);
        self.webhooks.follow(&self.in_force.policy.webhooks);
        self.keeper.follow(&self.in_force.policy.trees);
        self.begin_recording();
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
}

/// Why a policy does not come into force that loosens what somebody has still to decide about.
fn refused(loosens: &[String]) -> Problem {
    let message = format!(
        "incidents are open, and the other policy loosens what holds their accounts:\n{}\ndecide about them first, or, as \
         an admin: burstguard reload --loosen --reason TEXT",
        loosens.join("\n")
    );
    Problem::new(Code::PolicyInvalid, message)
        .help("the policy in force stays; what waits for a decision: burstguard incidents --open")
}

/// Something that was under way is done.
pub(super) enum Finished {
    As(Outcome),
    /// Calls that waited will not be made again, by these processes.
    GivenUp(Vec<ProcessId>),
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
