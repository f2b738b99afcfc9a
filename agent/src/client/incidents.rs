//! `burstguard incidents`: what happened lately.

use clap::Args;

use super::{
    Failure, accounts, complete,
    listing::Listing,
    session::Session,
    term::{Screen, bad, clean, count, table},
};
use crate::api::{Filter, IncidentSummary, State, Verb};

#[derive(Debug, Args)]
pub(crate) struct Incidents {
    /// Only those that wait for a decision.
    #[arg(long)]
    open: bool,
    /// Only those of an account.
    #[arg(long, value_name = "NAME", add = complete::accounts())]
    account: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

impl Filter {
    /// Where those that it means are asked for.
    pub(super) fn path(&self) -> Result<String, Failure> {
        let query = serde_urlencoded::to_string(self).map_err(|error| Failure::Answer(error.to_string()))?;
        Ok(format!("/v1/incidents?{query}"))
    }
}

impl Incidents {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { open, account, listing } = self;
        let Listing { since, limit } = listing;
        let filter = Filter { open, account, since_s: since, limit };
        let incidents: Vec<IncidentSummary> = session.daemon.get(&filter.path()?)?;
        session.show("incidents", &incidents, |screen| text(screen, &incidents))
    }
}

pub(super) fn text(screen: &Screen, incidents: &[IncidentSummary]) -> String {
    if incidents.is_empty() {
        return "no incidents\n".to_owned();
    }
    let rows: Vec<_> = incidents
        .iter()
        .map(|incident| {
            vec![
                incident.id.to_string(),
                format!("{} ({})", screen.at(incident.opened_at), screen.ago(incident.opened_at)),
                incident.account.as_deref().map_or_else(|| "-".to_owned(), clean),
                clean(&incident.what),
                incident.done.to_string(),
                state(screen, incident),
            ]
        })
        .collect();
    table(&["ID", "OPENED", "ACCOUNT", "WHAT", "DONE", "STATE"], &rows)
}

/// How it stands, and how it ends by itself.
pub(super) fn state(screen: &Screen, incident: &IncidentSummary) -> String {
    let until = match (incident.until, incident.then) {
        (Some(until), Some(Verb::Thaw)) => format!(", thaws by itself in {}", screen.until(until)),
        (Some(until), Some(verb)) => format!(", {} in {}", verb.past(), screen.until(until)),
        _ => String::new(),
    };
    let by = incident.by.as_ref().map(|by| format!(" by {}", clean(&by.to_string()))).unwrap_or_default();
    let end = incident.until.map(|until| format!(" until {}", screen.at(until))).unwrap_or_default();
    let waiting = count(incident.waiting, "process", "processes");
    let approvals = incident.approvals.as_ref().filter(|approvals| !approvals.given.is_empty());
    let approvals = approvals
        .map(|approvals| format!(", {} of {} approvals", approvals.given.len(), approvals.needed))
        .unwrap_or_default();
    let passed = incident.passed.as_ref().and_then(|passed| accounts::passes(screen, passed));
    let passed = passed.map(|passed| format!(" (passed: {passed})")).unwrap_or_default();
    match incident.state {
        State::Held => {
            let calls = count(incident.waiting, "call", "calls");
            format!("{}, {calls}{approvals}{until}", bad("HELD"))
        }
        State::Denied if incident.closed_at.is_none() => format!("{}{by}{end}", bad("DENIED")),
        State::Denied => format!("denied{by}"),
        State::Approved => format!("approved{by}{end}"),
        State::Observed if incident.would_have_stopped > 0 => {
            format!("observed{passed}, {} would have been stopped", incident.would_have_stopped)
        }
        State::Observed => format!("observed{passed}"),
        State::Stopped => format!("{}, {waiting}{approvals}{until}", bad("STOPPED")),
        State::Freezing => format!("{}, {waiting}{approvals}{until}", bad("FREEZING")),
        State::Frozen => format!("{}, {waiting}{approvals}{until}", bad("FROZEN")),
        State::Proposed => "lease waits for another person".to_owned(),
        State::Leased => format!("leased{by}{end}"),
        State::Expired => "lease is over".to_owned(),
        State::Revoked => format!("revoked{by}"),
        State::Thawed => "thawed".to_owned(),
        State::Killed => "killed".to_owned(),
        State::Gone => "gone".to_owned(),
        State::Unseen => "ended while no daemon was there".to_owned(),
        State::Rebooted => "ended by a reboot".to_owned(),
        State::Left => "left by its daemon".to_owned(),
    }
}
