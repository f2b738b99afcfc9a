//! Leases: leave that is given before a planned change. Whoever acts for the account may destroy in these directories, until then
//! and so much; what exceeds that is judged as ever. A lease is an incident that nobody waits for: it has a number, its acts are
//! written down with it, and so is who granted it and why.

mod again;
mod outcome;

use std::{
    fmt,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use agent_common::rules::BootNs;
use serde::{Deserialize, Serialize};

pub(super) use again::was_in_force;

use super::{
    Incidents,
    decide::{no_account, no_incident},
    incident::{Cause, Decided, Incident},
    nanoseconds,
    people::{Heard, How, Order},
    stage::Stage,
    waiting::reply,
};
use crate::{
    api::{Allowance, Answer, Code, LeaseView, Problem, Reason, Responder, Scope, Verb},
    daemon::{CallId, Effect, Facts, Leave, Within},
};

/// How many leases an account may have at once.
const MOST: usize = 16;

/// What is leased to whom.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Lease {
    pub(super) account: String,
    /// As they were asked for.
    pub(super) trees: Vec<PathBuf>,
    pub(super) within: Vec<Within>,
    pub(super) budget: Option<Allowance>,
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) account: String,
    pub(super) trees: Vec<PathBuf>,
    pub(super) budget: Option<Allowance>,
    /// For how long.
    pub(super) until: Duration,
}

impl Incidents {
    pub(super) fn lease(&mut self, wanted: Wanted, order: &Order<'_>) -> Result<Vec<Effect>, Problem> {
        let Wanted { account, trees, budget, until } = wanted;
        let Order { call, by, reason, now, .. } = order;
        self.check_account(&account)?;
        let within = self.within(&trees)?;
        self.check_others(&account, &within)?;
        let scope = Scope { until: Some(until), budget: budget.clone(), ..Scope::default() };
        let lease = Lease { account, trees, within, budget };
        let incident = self.open(Cause::Lease(lease), *now, Stage::Proposed);
        incident.until = Some(now.saturating_add(nanoseconds(until)));
        let id = incident.id;
        match self.say(id, How::Approve(scope.clone()), order)? {
            Heard::Enough(_) => {
                let effect =
                    self.put_into_force(id, &scope, by.clone(), reason.as_str(), Some(*call), *now)?;
                Ok(effect.into_iter().collect())
            }
            Heard::TooFew(_, said) => {
                let view = self.incidents.get(&id).and_then(|incident| lease_view(incident, &self.facts));
                let answer = view.map(Answer::Lease).ok_or_else(|| no_incident(id));
                Ok(vec![Effect::Report(said), reply(*call, answer)])
            }
        }
    }

    fn check_account(&self, name: &str) -> Result<(), Problem> {
        self.names.index(name).map(drop).ok_or_else(|| no_account(name))
    }

    pub(super) fn is_proposed(&self, id: u64) -> bool {
        self.incidents.get(&id).is_some_and(|incident| incident.stage == Stage::Proposed)
    }

    /// What somebody approves of a lease that was asked for; none if it is not about one. What is not said is as was asked for.
    pub(super) fn proposed(&self, id: u64, scope: &Scope) -> Result<Option<Scope>, Problem> {
        let Some(incident) = self.incidents.get(&id).filter(|incident| incident.stage == Stage::Proposed)
        else {
            return Ok(None);
        };
        if scope.once || !scope.trees.is_empty() {
            let message = format!(
                "incident {id} is a lease that was asked for: no call waits in it, and its trees stand"
            );
            return Err(Problem::new(Code::Invalid, message)
                .help(format!("burstguard approve {id}, with --for or --budget at most")));
        }
        let length = incident.until.unwrap_or(0).saturating_sub(incident.opened);
        let until = scope.until.unwrap_or(Duration::from_nanos(length));
        Ok(Some(Scope { until: Some(until), ..scope.clone() }))
    }

    /// As many people have said so as it takes.
    pub(super) fn put_into_force(
        &mut self,
        id: u64,
        scope: &Scope,
        by: Responder,
        reason: &str,
        call: Option<CallId>,
        now: BootNs,
    ) -> Result<Option<Effect>, Problem> {
        let Some(Cause::Lease(Lease { trees, .. })) = self.incidents.get(&id).map(|incident| &incident.cause)
        else {
            return Ok(None);
        };
        // The policy may be another one than when it was asked for.
        let within = self.within(trees)?;
        let Some(incident) = self.incidents.get_mut(&id) else { return Ok(None) };
        let (Cause::Lease(lease), Some(length)) = (&mut incident.cause, scope.until) else { return Ok(None) };
        lease.budget.clone_from(&scope.budget);
        lease.within = within;
        let until = now.saturating_add(nanoseconds(length));
        let (allowance, within) = (lease.budget.clone(), lease.within.clone());
        let leave = Leave { once: false, until, seen: None, allowance, within };
        let account = lease.account.clone();
        incident.until = Some(until);
        incident.stage = Stage::Leased;
        let (reason, outcome) = (reason.to_owned(), String::new());
        incident.decisions.push(Decided { at: now, verb: Verb::Lease, by, reason, outcome });
        Ok(Some(Effect::Lease { call, incident: id, account, leave }))
    }

    /// The directories that are meant: those that were named, and protected trees inside of them.
    pub(super) fn within(&self, trees: &[PathBuf]) -> Result<Vec<Within>, Problem> {
        let mut within = Vec::new();
        for path in trees {
            let plain =
                path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
            if !path.is_absolute() || !plain {
                let message = format!("{}: want an absolute path without `.` and `..`", path.display());
                return Err(Problem::new(Code::Invalid, message));
            }
            let before = within.len();
            // What is burstguard's own is leased by its own name alone: nobody means it who means all of /etc.
            let around = self.names.trees().chain(self.names.owned()).filter(|tree| path.starts_with(tree));
            within.extend(around.max_by_key(|tree| tree.components().count()).map(|tree| below(tree, path)));
            let inside = self.names.trees().filter(|tree| tree.starts_with(path) && *tree != path);
            within.extend(inside.map(|tree| below(tree, tree)));
            if within.len() == before {
                let known: Vec<_> = self.names.trees().map(|tree| tree.display().to_string()).collect();
                let message =
                    format!("{} is in no protected tree of the policy, nor around one", path.display());
                return Err(
                    Problem::new(Code::NotFound, message).help(format!("the trees are {}", known.join(", ")))
                );
            }
        }
        within.sort();
        within.dedup();
        Ok(within)
    }

    /// Of two leases of one directory none would be the one that counts.
    fn check_others(&self, account: &str, within: &[Within]) -> Result<(), Problem> {
        let others: Vec<_> = self.in_force().filter(|(_, lease)| lease.account == account).collect();
        let same = others.iter().find_map(|(incident, lease)| {
            let same = lease.within.iter().find(|other| within.contains(other))?;
            Some((incident.id, same))
        });
        if let Some((id, same)) = same {
            let message = format!("{same} is leased to {account} already, by lease {id}");
            return Err(Problem::new(Code::AlreadyDecided, message)
                .help(format!("to grant it anew: burstguard lease revoke {id}")));
        }
        if others.len() >= MOST {
            let message = format!("{account} has {MOST} leases, and may have no more at once");
            return Err(Problem::new(Code::Invalid, message).help("burstguard lease list shows them"));
        }
        Ok(())
    }

    /// The leases that are in force, or will be in a moment.
    fn in_force(&self) -> impl Iterator<Item = (&Incident, &Lease)> {
        self.incidents.values().filter(|incident| incident.goes_on()).filter_map(|incident| {
            match &incident.cause {
                Cause::Lease(lease) => Some((incident, lease)),
                _ => None,
            }
        })
    }

    pub(super) fn leases(&self, facts: &Facts) -> Vec<LeaseView> {
        self.in_force().filter_map(|(incident, _)| lease_view(incident, facts)).collect()
    }

    pub(super) fn revoke(
        &mut self,
        call: CallId,
        id: u64,
        by: Responder,
        reason: &Reason,
        now: BootNs,
    ) -> Result<Vec<Effect>, Problem> {
        let incident = self.incidents.get(&id).ok_or_else(|| self.missing(id))?;
        if !matches!(incident.cause, Cause::Lease(_)) {
            return Err(Problem::new(Code::Invalid, format!("incident {id} is no lease"))
                .help("burstguard lease list shows those that are in force"));
        }
        self.decide(id, Verb::Revoke, &by, reason.as_str(), now)?;
        self.wait(call, Verb::Revoke, &[id], by, now);
        Ok(vec![Effect::Revoke { incident: id }])
    }
}

/// A path as a directory of a tree that it is in.
fn below(tree: &Path, path: &Path) -> Within {
    use std::os::unix::ffi::OsStrExt as _;
    let rest = path.strip_prefix(tree).unwrap_or(Path::new(""));
    Within { tree: tree.to_owned(), path: rest.as_os_str().as_bytes().to_vec() }
}

/// A lease as it stands, if the incident is one.
pub(super) fn lease_view(incident: &Incident, facts: &Facts) -> Option<LeaseView> {
    let Cause::Lease(lease) = &incident.cause else { return None };
    let granted = incident.decisions.first()?;
    let numbers = facts.grant_of(incident.id).map(|granted| granted.grant.allowance);
    let left = lease.budget.as_ref().map(|budget| match numbers {
        Some(numbers) => budget.left(numbers),
        None => budget.clone(),
    });
    Some(LeaseView {
        id: incident.id,
        account: lease.account.clone(),
        trees: lease.trees.iter().map(|tree| tree.as_path().into()).collect(),
        budget: lease.budget.clone(),
        left,
        used: incident.approved,
        granted_at: facts.wall(incident.opened),
        until: facts.wall(incident.until?),
        by: granted.by.clone(),
        reason: granted.reason.clone(),
        waits: incident.approvals(facts),
    })
}

/// What it allows.
impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trees: Vec<String> = self.trees.iter().map(|tree| tree.display().to_string()).collect();
        write!(f, "lease of {}", trees.join(", "))?;
        self.budget.as_ref().map_or(Ok(()), |budget| write!(f, " for {budget}"))
    }
}
