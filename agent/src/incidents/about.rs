//! Whom a process acts for, and why it does not go on.

use agent_common::rules::identity;

use super::{Incidents, stage::Stage, views::phase, words::what};
use crate::{
    api::{Answer, By, Bytes, Code, Evidence, Named, Problem, Told, Whois, Why},
    daemon::{Facts, Identity, ProcessFacts},
};

impl Incidents {
    pub(super) fn whois(pid: u32, facts: &Facts, about: Vec<ProcessFacts>) -> Result<Answer, Problem> {
        let mut about = about.into_iter();
        let process = about.next().ok_or_else(|| no_process(pid))?;
        Ok(Answer::Whois(Whois {
            evidence: evidence(&process),
            by: by(&process, facts),
            account: process.account,
            process: process.view,
            ancestors: about.map(|ancestor| ancestor.view).collect(),
            spared: process.spared.map(str::to_owned),
        }))
    }

    pub(super) fn why(&self, pid: u32, facts: &Facts, about: Vec<ProcessFacts>) -> Result<Answer, Problem> {
        let process = about.into_iter().next().ok_or_else(|| no_process(pid))?;
        let account = process.account.as_deref().and_then(|name| facts.account(name));
        let incident = self.incidents.values().rev().find(|incident| {
            incident.goes_on() && incident.account().is_some_and(|of| process.account.as_deref() == Some(of))
        });
        let because = match (&process.account, incident) {
            (None, _) => "it acts for no watched account: burstguard does not hinder it".to_owned(),
            (Some(account), None) => format!("nothing hinders it: account {account} is within its budgets"),
            (Some(account), Some(incident)) if incident.stage == Stage::Denied => format!(
                "account {account} is denied, incident {}: what it destroys fails until it has been quiet",
                incident.id
            ),
            (Some(account), Some(incident)) if process.view.held => format!(
                "its call waits, with account {account}, for a decision on incident {}: {}",
                incident.id,
                what(incident)
            ),
            (Some(account), Some(incident)) => format!(
                "account {account} waits for a decision on incident {}: {}",
                incident.id,
                what(incident)
            ),
        };
        Ok(Answer::Why(Why {
            pid,
            account: process.account.clone(),
            standing: account.map(|account| phase(account.standing.at(facts.now).phase)),
            incident: incident.map(|incident| Self::summary(incident, facts)),
            because,
            contact: account.and_then(|account| account.contact.clone()),
        }))
    }
}

fn no_process(pid: u32) -> Problem {
    Problem::new(Code::NotFound, format!("there is no process {pid}"))
}

/// A line each.
fn evidence(process: &ProcessFacts) -> Vec<String> {
    match &process.identity {
        Some(Identity::Member { entry, origin, comm, .. }) => {
            let entry = entry.as_deref().unwrap_or("an entry that the policy does not have any more");
            let whose = match comm {
                _ if *origin == process.id.pid => String::new(),
                Some(comm) => format!(" of {comm} {origin}, which it comes from"),
                None => format!(" of process {origin}, which it comes from and which has ended"),
            };
            vec![format!("{entry}{whose}")]
        }
        Some(Identity::Nobody(why)) => vec![why.clone()],
        None => Vec::new(),
    }
}

fn by(process: &ProcessFacts, facts: &Facts) -> Option<By> {
    told_by(process.identity.as_ref()?, facts)
}

/// By what a process was told as its account's, if that was looked at.
pub(super) fn told(process: &ProcessFacts, facts: &Facts) -> Option<Told> {
    let named = Named { pid: process.view.pid, comm: process.view.comm.clone() };
    Some(Told { process: named, by: by(process, facts)? })
}

/// The same of what the kernel programs have written down.
pub(crate) fn told_by(identity: &Identity, facts: &Facts) -> Option<By> {
    let Identity::Member { evidence, entry, since, origin, comm } = identity else { return None };
    let empty = || Bytes::Text(String::new());
    Some(By {
        kind: match evidence {
            identity::Evidence::User => Evidence::User,
            identity::Evidence::Login => Evidence::Login,
            identity::Evidence::Unit => Evidence::Unit,
            identity::Evidence::Program => Evidence::Program,
            identity::Evidence::Launched => Evidence::Launched,
        },
        entry: entry.clone(),
        since: facts.wall(*since),
        origin: Named { pid: *origin, comm: comm.clone().unwrap_or_else(empty) },
    })
}
