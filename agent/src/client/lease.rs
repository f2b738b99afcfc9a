//! `burstguard lease`: leave to destroy, before a planned change.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    Failure,
    ask::{self, Because},
    complete,
    listing::Listing,
    moved,
    session::Session,
    term::{Screen, clean, count, paths, table},
};
use crate::api::{Allowance, Approvals, LeaseBody, LeaseView, Moved, ReasonBody};

#[derive(Debug, Subcommand)]
pub(crate) enum Lease {
    /// Let an account destroy in these directories for a while. What exceeds the lease is judged as ever.
    Grant(Grant),
    /// Show the leases that are in force, by their numbers; a lease is of the time when it was granted.
    List(Listing),
    /// End a lease before its time.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// To whoever acts for this account.
    #[arg(long, value_name = "NAME", add = complete::accounts())]
    account: String,
    /// A protected tree, or a directory in one, with all that is below it; may be given several times.
    #[arg(long = "tree", value_name = "PATH", required = true, add = complete::trees())]
    trees: Vec<PathBuf>,
    /// So many operations at most: a number, or kinds of them such as deletes=500,recreates=10, and then no others.
    #[arg(long, value_name = "BUDGET")]
    budget: Option<Allowance>,
    /// For so long, such as 30m.
    #[arg(long = "for", value_name = "DURATION", value_parser = ask::seconds, add = complete::durations())]
    for_s: u64,
    #[command(flatten)]
    because: Because,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The number of the lease.
    #[arg(add = complete::leases())]
    id: u64,
    #[command(flatten)]
    because: Because,
}

impl Lease {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Grant(grant) => grant.run(session),
            Self::List(listing) => {
                let leases: Vec<LeaseView> = session.daemon.get("/v1/leases")?;
                let listed = listing.of(leases, session.now(), |lease| lease.granted_at);
                session.show("lease", &listed.rows, |screen| list(screen, &listed.rows) + &listed.rest())
            }
            Self::Revoke(revoke) => revoke.run(session),
        }
    }
}

impl Grant {
    fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { account, trees, budget, for_s, because } = self;
        let body = |reason| LeaseBody { account, trees, budget, for_s, reason };
        let lease: LeaseView = because.post(session, "/v1/leases", body)?;
        session.done("lease", &lease, |screen| text(screen, &lease))
    }
}

impl Revoke {
    fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { id, because } = self;
        let path = format!("/v1/leases/{id}/revoke");
        let done: Moved = because.post(session, &path, |reason| ReasonBody { reason })?;
        session.done("lease", &done, |screen| moved::text(screen, &done))
    }
}

/// What was granted, or asked for.
pub(super) fn text(screen: &Screen, lease: &LeaseView) -> String {
    if let Some(Approvals { needed, given }) = &lease.waits {
        let (id, given) = (lease.id, given.len());
        return format!(
            "lease {id} is NOT in force: {given} of {needed} people have said so; another one with the role \"respond\": \
             burstguard approve {id}\n"
        );
    }
    let most = lease.budget.as_ref().map(|budget| format!(", {} at most", clean(&budget.to_string())));
    format!(
        "lease {}: what {} destroys in {} passes{}, until {}\n",
        lease.id,
        clean(&lease.account),
        paths(&lease.trees),
        most.unwrap_or_default(),
        screen.at(lease.until),
    )
}

/// Those in force, and what is left of them.
pub(super) fn list(screen: &Screen, leases: &[LeaseView]) -> String {
    if leases.is_empty() {
        return "no lease is in force\n".to_owned();
    }
    let row = |lease: &LeaseView| {
        let left =
            lease.left.as_ref().map_or_else(|| "any number".to_owned(), |left| clean(&left.to_string()));
        let end = match lease.waits {
            Some(_) => "not in force yet".to_owned(),
            None => screen.until(lease.until),
        };
        vec![
            lease.id.to_string(),
            clean(&lease.account),
            paths(&lease.trees),
            count(lease.used, "operation", "operations"),
            left,
            end,
            clean(&lease.by.to_string()),
            clean(&lease.reason),
        ]
    };
    let rows: Vec<_> = leases.iter().map(row).collect();
    table(&["LEASE", "ACCOUNT", "TREES", "USED", "LEFT", "ENDS IN", "BY", "REASON"], &rows)
}
