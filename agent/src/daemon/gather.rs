//! What the agent looks up before it decides: the kernel's maps, /proc, the policy's files.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use agent_common::wire::row::MAX_MEMBERS;
use anyhow::{Context as _, Result};
use jiff::Timestamp;

use super::{
    Asked, CallId, Frozen, Rights,
    agent::Agent,
    facts::{Facts, ProcessFacts},
};
use crate::{
    api::{Above, ProcessView, Request, Responder, Target},
    clock::boot_now,
    control::{Call, Caller},
    metrics::{self, MapFill},
    policy::{Role, Roles},
    processes::{
        above::above,
        never_touch::NeverTouch,
        proc::{self, Process, ProcessId},
    },
    sensor::{HeldCall, Member},
    store::Past,
};

/// How many ancestors are shown.
const ANCESTORS: usize = 32;

impl Agent {
    /// How things stand now.
    pub(super) fn gather_facts(&mut self) -> Result<Facts> {
        self.look_at_counters()?;
        self.gather_standings()
    }

    pub(super) fn look_at_counters(&mut self) -> Result<()> {
        let counters = self.in_force.generation.kernel.counters();
        self.counters = counters.context("cannot read the kernel programs' counters")?;
        Ok(())
    }

    /// The same with the counters as they were when they were last looked at: no decision asks for them, what the kernel has
    /// skipped is a read for each program, and somebody waits.
    pub(super) fn gather_standings(&mut self) -> Result<Facts> {
        self.in_force.generation.kernel.beat(boot_now());
        // First the time: what is later than it may not be seen here.
        let now = boot_now();
        let (accounts, grants) = self.in_force.accounts().context("cannot read how the accounts stand")?;
        Ok(Facts {
            now,
            wall: Timestamp::now(),
            about: Arc::clone(&self.in_force.about),
            accounts,
            grants,
            counters: self.counters.clone(),
            policy_changed: self.policy_changed,
            store: self.record.store.standing().view(),
            webhooks: self.webhooks.standing().iter().map(|(name, one)| one.view(name)).collect(),
            keeper: self.keeper.standing().view(),
        })
    }

    /// The same for the metrics.
    pub(super) fn measured(&self, facts: &Facts) -> metrics::Facts {
        let members = facts.accounts.iter().map(|account| account.processes).sum();
        metrics::Facts {
            status: self.incidents.status(facts),
            waiting: self.incidents.open_ones(facts),
            self_test_failure: self.self_test_failure.clone(),
            unpinned: self.unpinned.clone(),
            recording: self.recording.standing(),
            webhooks: self.webhooks.standing(),
            keeper: self.keeper.standing(),
            maps: vec![MapFill { map: "lineage", entries: members, capacity: MAX_MEMBERS.into() }],
            counters: facts.counters.clone(),
        }
    }

    /// A call, with what it takes to answer it. None if the asker has ended: whoever has its pid now must not ask in its
    /// name.
    pub(super) fn gather_asked(&mut self, number: CallId, call: &Call, past: Past) -> Result<Option<Asked>> {
        let Call { caller, request, .. } = call;
        let rights = self.rights_of(caller);
        let acts_for = self.acts_for(caller);
        // Whoever may not ask costs nothing more.
        let about = match request {
            _ if !rights.allow(request.right(caller.pid), acts_for.is_some()) => Vec::new(),
            Request::Freeze { target, .. } => self.processes_of(target),
            Request::Incident(id)
            | Request::Kill { incident: id, .. }
            | Request::Approve { incident: id, .. }
            | Request::Deny { incident: id, .. } => self.processes_in(*id),
            Request::Whois(pid) => {
                proc::process(*pid).into_iter().chain(proc::ancestors(*pid).take(ANCESTORS)).collect()
            }
            Request::Why(pid) => proc::process(*pid).into_iter().collect(),
            Request::Join { .. } => proc::process(caller.pid).into_iter().collect(),
            _ => Vec::new(),
        };
        let never_touch = NeverTouch::new();
        let facts = match request {
            Request::Status => self.gather_facts()?,
            _ => self.gather_standings()?,
        };
        let held = facts.accounts.iter().flat_map(|account| &account.held);
        let held: HashMap<ProcessId, &HeldCall> = held.map(|held| (held.call.process, &held.call)).collect();
        let about = about.iter().map(|process| {
            let known = self.process_facts(process, held.contains_key(&process.id()), &never_touch);
            let call = held.get(&process.id()).filter(|_| matches!(request, Request::Incident(_)));
            let identity = matches!(request, Request::Whois(_) | Request::Incident(_))
                .then(|| self.in_force.generation.identity(process));
            ProcessFacts { above: call.and_then(|call| self.above(process, call)), identity, ..known }
        });
        let about = about.collect();
        let asked = Asked {
            call: number,
            by: responder(caller),
            person: caller.person,
            pid: caller.pid,
            rights,
            may_launch: self.may_launch(request, caller),
            acts_for,
            request: request.clone(),
            patience: call.patience,
            about,
            facts: Arc::new(facts),
            askers: proc::stats_above(caller.pid).map(|(pid, _)| pid).chain([caller.pid]).collect(),
            past,
        };
        Ok(caller.is_there().then_some(asked))
    }

    /// Which rights the policy in force gives to a caller.
    pub(super) fn rights_of(&self, caller: &Caller) -> Rights {
        rights(&self.in_force.roles, caller)
    }

    /// Root always may: it has other ways.
    fn may_launch(&self, request: &Request, caller: &Caller) -> bool {
        let Request::Join { account } = request else { return false };
        let named = self.in_force.policy.accounts.iter().find(|one| one.name == *account);
        caller.uid == 0 || named.is_some_and(|one| one.launch.iter().any(|role| is(caller, role)))
    }

    /// Whose lineage a caller is of: by the kernel's own list, so that no change of user or session hides it.
    fn acts_for(&self, caller: &Caller) -> Option<String> {
        let (account, start) = self.in_force.generation.whose(caller.pid)?;
        (start == caller.start).then(|| account.to_owned())
    }

    fn process_facts(&self, process: &Process, held: bool, never_touch: &NeverTouch) -> ProcessFacts {
        let generation = &self.in_force.generation;
        let member = generation.kernel.member(process.pid).filter(|member| member.start == process.start);
        let account = member.and_then(|member| generation.names().account(member.account));
        ProcessFacts {
            id: process.id(),
            view: ProcessView {
                held,
                stopped: member.is_some_and(|member| member.stopped),
                ..self.redacted(process)
            },
            account: account.map(str::to_owned),
            identity: None,
            above: None,
            spared: never_touch.spares(process.pid),
        }
    }

    /// Who has started a process that is held, and does not simply wait for it.
    fn above(&self, process: &Process, call: &HeldCall) -> Option<Above> {
        let member = self.in_force.generation.kernel.member(process.pid)?;
        above(process, call.parent, member.stopped_ancestors, call.at)
    }

    /// The freezes that the daemon before has left.
    pub(super) fn gather_found(&self) -> Vec<Frozen> {
        let found = |id| {
            let processes = self.freezer.processes(id);
            let account = |process: &ProcessId| {
                let (account, start) = self.in_force.generation.whose(process.pid)?;
                (start == process.start).then(|| account.to_owned())
            };
            let accounts: HashSet<Option<String>> = processes.iter().map(account).collect();
            let place = || self.freezer.place(id).unwrap_or_default();
            let target = match Vec::from_iter(accounts).as_slice() {
                // One that is armed was not frozen as an account.
                [Some(account)] if !self.in_force.generation.is_armed(account) => {
                    Target::Account(account.clone())
                }
                _ => Target::Cgroup(format!("/{}", place().display())),
            };
            Frozen { id, target, processes: processes.len() as u64 }
        };
        self.freezer.ids().map(found).collect()
    }

    /// The processes that a target means.
    pub(super) fn processes_of(&self, target: &Target) -> Vec<Process> {
        alive(self.in_force.ids_of(target).into_iter())
    }

    /// The processes that an incident stopped or froze.
    fn processes_in(&self, incident: u64) -> Vec<Process> {
        let Some(known) = self.incidents.get(incident).filter(|known| known.is_open()) else {
            return Vec::new();
        };
        let members = known.account().map(|account| self.in_force.members_of(account)).unwrap_or_default();
        let stopped = members.iter().filter(|member| member.stopped).map(Member::id);
        let held =
            known.account().map(|account| self.in_force.generation.held_of(account)).unwrap_or_default();
        let held = held.iter().map(|call| call.process);
        let mut found = alive(self.freezer.processes(incident).into_iter().chain(stopped).chain(held));
        found.sort_by_key(|process| process.pid);
        found.dedup();
        found
    }
}

/// Those that have not ended, nor given their pid to another.
fn alive(ids: impl Iterator<Item = ProcessId>) -> Vec<Process> {
    ids.filter_map(|id| proc::process(id.pid).filter(|now| now.start == id.start)).collect()
}

fn responder(caller: &Caller) -> Responder {
    Responder::User {
        uid: caller.uid,
        name: caller.name.clone(),
        login: (caller.login != u32::MAX).then_some(caller.login),
        pid: caller.pid,
    }
}

/// Who may change the policy may decide, and who may decide may look.
fn rights(roles: &Roles, caller: &Caller) -> Rights {
    let has = |roles: &[Role]| roles.iter().any(|role| is(caller, role));
    let admin = has(&roles.admin);
    let respond = admin || has(&roles.respond);
    Rights { view: respond || has(&roles.view), respond, admin }
}

/// Whether a role is that of a caller.
fn is(caller: &Caller, role: &Role) -> bool {
    match *role {
        Role::Uid(uid) => caller.uid == uid,
        Role::Gid(gid) => caller.gid == gid || caller.groups.contains(&gid),
    }
}
