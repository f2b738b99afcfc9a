//! `burstguard accounts`: who is watched and why, and how much of the budgets is used.

use std::collections::BTreeSet;

use clap::Args;

use super::{
    Failure,
    listing::Listing,
    session::Session,
    term::{Screen, bad, clean, good, table},
};
use crate::api::{AccountView, Filter, GrantedBy, GrantedView, IncidentSummary, Standing, Verb};

/// In the order of their names; of a time are those that an incident of it is about.
#[derive(Debug, Args)]
pub(crate) struct Accounts {
    #[command(flatten)]
    listing: Listing,
}

impl Accounts {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let mut accounts: Vec<AccountView> = session.daemon.get("/v1/accounts")?;
        if let Some(since_s) = self.listing.since {
            let filter = Filter { since_s: Some(since_s), ..Filter::default() };
            let incidents: Vec<IncidentSummary> = session.daemon.get(&filter.path()?)?;
            let named: BTreeSet<_> = incidents.into_iter().filter_map(|incident| incident.account).collect();
            accounts.retain(|account| named.contains(&account.name));
        }
        let listed = self.listing.first(accounts);
        let accounts = &listed.rows;
        session
            .show("accounts", accounts, |screen| text(screen, accounts) + &listed.rest() + &notes(accounts))
    }
}

/// Why they are watched, where the policy says so.
pub(super) fn notes(accounts: &[AccountView]) -> String {
    let said = |account: &AccountView| Some(vec![clean(&account.name), clean(account.note.as_deref()?)]);
    let rows: Vec<_> = accounts.iter().filter_map(said).collect();
    if rows.is_empty() {
        String::new()
    } else {
        format!("\n{}", table(&["ACCOUNT", "WHY IT IS WATCHED"], &rows))
    }
}

pub(super) fn text(screen: &Screen, accounts: &[AccountView]) -> String {
    if accounts.is_empty() {
        return "no account is watched\n".to_owned();
    }
    let mut kinds: Vec<&str> = Vec::new();
    for budget in accounts.iter().flat_map(|account| &account.budgets) {
        if !kinds.contains(&&*budget.kind) {
            kinds.push(&budget.kind);
        }
    }
    let columns: Vec<_> = kinds.iter().map(|kind| clean(kind).to_uppercase()).collect();
    let heading: Vec<&str> = ["ACCOUNT", "RESPONSE", "STANDING"]
        .into_iter()
        .chain(columns.iter().map(String::as_str))
        .chain(["PROCESSES", "INCIDENT"])
        .collect();
    let rows: Vec<_> = accounts.iter().map(|account| row(screen, account, &kinds)).collect();
    table(&heading, &rows)
}

fn row(screen: &Screen, account: &AccountView, kinds: &[&str]) -> Vec<String> {
    let used = |kind: &&str| match account.budgets.iter().find(|budget| budget.kind == **kind) {
        Some(budget) if budget.used > 0 && budget.used >= budget.limit => {
            bad(format!("{}/{}", budget.used, budget.limit))
        }
        Some(budget) => format!("{}/{}", budget.used, budget.limit),
        None => "-".to_owned(),
    };
    let standing = [clean(&account.name), clean(&account.response), standing(account.standing)];
    standing
        .into_iter()
        .chain(kinds.iter().map(used))
        .chain([processes(account), incident(screen, account)])
        .collect()
}

/// The incident that it has or that lets it pass, and how that ends.
pub(super) fn incident(screen: &Screen, account: &AccountView) -> String {
    let incident = account.incident.map(|id| format!("{}{id}{}", kind(account), end(screen, account)));
    let passes = account.granted.as_ref().and_then(|granted| passes(screen, granted));
    let passes = passes.map(|by| format!("passes: {by}"));
    let said: Vec<String> = incident.into_iter().chain(passes).collect();
    if said.is_empty() { "-".to_owned() } else { said.join("; ") }
}

pub(super) fn standing(standing: Standing) -> String {
    match standing {
        Standing::Armed => "armed".to_owned(),
        Standing::Tripped => bad("TRIPPED"),
        Standing::Denied => bad("DENIED"),
        Standing::Granted => good("granted"),
    }
}

/// A lease is told as such.
fn kind(account: &AccountView) -> &'static str {
    let is_lease = account.granted.as_ref().is_some_and(|granted| granted.by == GrantedBy::Lease);
    if is_lease { "lease " } else { "" }
}

/// What lets the account pass, until when and why.
fn granted(account: &AccountView, far: &str, at: &str) -> String {
    match &account.granted {
        Some(GrantedView { by: GrantedBy::Lease, reason, .. }) => {
            format!(", ends in {far} ({})", clean(reason))
        }
        Some(GrantedView { by: GrantedBy::Approve, .. }) | None => format!(", approved until {at}"),
        Some(_) => String::new(), // that is not this incident's
    }
}

/// What lets an account pass whatever it does; none if that is an incident's, which is told with it.
pub(super) fn passes(screen: &Screen, granted: &GrantedView) -> Option<String> {
    let GrantedView { by, until, .. } = granted;
    let until = until.map(|until| format!(" until {}", screen.at(until))).unwrap_or_default();
    let is_of_incident = matches!(by, GrantedBy::Approve | GrantedBy::Lease);
    (!is_of_incident).then(|| format!("{by}{until}"))
}

/// How the incident ends by itself.
fn end(screen: &Screen, account: &AccountView) -> String {
    let Some(until) = account.until else { return String::new() };
    match (account.then, account.standing) {
        (Some(Verb::Deny), _) => format!(", denied in {} unless approved", screen.until(until)),
        (Some(Verb::Approve), _) => format!(", approved in {} unless denied", screen.until(until)),
        (_, Standing::Granted) => granted(account, &screen.until(until), &screen.at(until)),
        _ => format!(", until {}", screen.at(until)),
    }
}

pub(super) fn processes(account: &AccountView) -> String {
    let waiting = [(account.held, "held"), (account.stopped, "stopped"), (account.frozen, "frozen")]
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect::<Vec<_>>()
        .join(", ");
    if waiting.is_empty() {
        account.processes.to_string()
    } else {
        format!("{} ({waiting})", account.processes)
    }
}
