//! Whom a process acts for, and why it does not go on.

use super::{Incidents, stage::Stage, views::phase, words::what};
use crate::{
    api::{Answer, Code, Problem, ProcessView, Whois, Why},
    daemon::{Facts, ProcessFacts},
};

impl Incidents {
    pub(super) fn whois(pid: u32, about: Vec<ProcessFacts>) -> Result<Answer, Problem> {
        let mut about = about.into_iter();
        let process = about.next().ok_or_else(|| no_process(pid))?;
        Ok(Answer::Whois(Whois {
            evidence: evidence(&process),
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
        }))
    }
}

fn no_process(pid: u32) -> Problem {
    Problem::new(Code::NotFound, format!("there is no process {pid}"))
}

fn evidence(process: &ProcessFacts) -> Vec<String> {
    let ProcessView { uid, login, .. } = &process.view;
    let login = login.map_or("nobody logged in".to_owned(), |login| format!("login uid {login}"));
    match &process.account {
        Some(account) => vec![
            format!(
                "a member of the lineage of {account}: its user, or the user of a process that it comes from"
            ),
            format!("real uid {uid}, {login}"),
        ],
        None => vec![format!("real uid {uid}, {login}: no account of the policy")],
    }
}
