//! `burstguard why`: why a process does not go on.

use clap::Args;

use super::{
    Failure, accounts, complete, incidents,
    session::Session,
    term::{Screen, clean},
};
use crate::api;

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The process; by default the one that asks, which anybody may.
    #[arg(long, value_name = "PID", default_value = "self", value_parser = pid, add = complete::processes())]
    pid: u32,
}

impl Why {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let why: api::Why = session.daemon.get(&format!("/v1/processes/{}/why", self.pid))?;
        session.show("why", &why, |screen| text(screen, &why))
    }
}

fn pid(text: &str) -> Result<u32, String> {
    match text {
        "self" => Ok(std::process::id()),
        _ => text.parse().map_err(|_| "want a process id or self".to_owned()),
    }
}

pub(super) fn text(screen: &Screen, why: &api::Why) -> String {
    let account = why.account.as_deref().map_or_else(
        || "acts for nobody that is watched".to_owned(),
        |account| format!("acts for account {}", clean(account)),
    );
    let standing =
        why.standing.map(|standing| format!(", {}", accounts::standing(standing))).unwrap_or_default();
    let mut text = format!("pid {} {account}{standing}\n  {}\n", why.pid, clean(&why.because));
    if let Some(incident) = &why.incident {
        text += &format!(
            "  incident {}: {}; {}\n",
            incident.id,
            clean(&incident.what),
            incidents::state(screen, incident)
        );
    }
    if let Some(contact) = &why.contact {
        text += &format!("  ask {}\n", clean(contact));
    }
    text
}
