//! `burstguard whois PID`: who a process acts for.

use clap::Args;

use super::{
    Failure, incident,
    session::Session,
    term::{clean, head},
};
use crate::api;

#[derive(Debug, Args)]
pub(crate) struct Whois {
    pid: u32,
}

impl Whois {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let whois: api::Whois = session.daemon.get(&format!("/v1/processes/{}", self.pid))?;
        session.show("whois", &whois, |_| text(&whois))
    }
}

pub(super) fn text(whois: &api::Whois) -> String {
    let account = whois.account.as_deref().map_or_else(
        || "acts for nobody that is watched".to_owned(),
        |account| format!("acts for account {}", head(clean(account))),
    );
    let mut text = format!("{}\n  {account}\n", incident::one(&whois.process));
    text.extend(whois.evidence.iter().map(|line| format!("  because {}\n", clean(line))));
    text.extend(whois.spared.iter().map(|why| format!("  never frozen: {}\n", clean(why))));
    text.extend(whois.ancestors.iter().map(|process| format!("  child of {}\n", incident::one(process))));
    text
}
