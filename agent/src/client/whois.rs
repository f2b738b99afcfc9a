//! `burstguard whois PID`: who a process acts for.

use clap::Args;

use super::{
    Failure, complete,
    incident::tree,
    session::Session,
    term::{Screen, clean, head},
};
use crate::{
    api::{self, Code, ProcessView},
    processes::{proc, view::view},
};

#[derive(Debug, Args)]
pub(crate) struct Whois {
    #[arg(add = complete::processes())]
    pid: u32,
}

impl Whois {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        match session.daemon.get::<api::Whois>(&format!("/v1/processes/{}", self.pid)) {
            Ok(whois) => session.show("whois", &whois, |screen| text(screen, &whois)),
            // A program has no use for half an answer.
            Err(failure @ Failure::NoDaemon { .. }) if !session.json => {
                session.print(&self.by_proc_alone()?)?;
                Err(failure)
            }
            Err(failure) => Err(failure),
        }
    }

    /// What there is to say without the daemon.
    fn by_proc_alone(&self) -> Result<String, Failure> {
        let process = proc::process(self.pid)
            .ok_or_else(|| api::Problem::new(Code::NotFound, format!("there is no process {}", self.pid)))?;
        let above: Vec<_> = proc::ancestors(self.pid).map(|one| view(&one, false)).collect();
        let process = tree::one(&view(&process, false));
        Ok(format!(
            "{process}\n  the daemon knows who it acts for; /proc says this much\n{}",
            children(&above)
        ))
    }
}

pub(super) fn text(screen: &Screen, whois: &api::Whois) -> String {
    let account = whois.account.as_deref().map_or_else(
        || "acts for nobody that is watched".to_owned(),
        |account| format!("acts for account {}", head(clean(account))),
    );
    let mut text = format!("{}\n  {account}\n", tree::one(&whois.process));
    let by = whois.by.as_ref();
    let since = by.map(|by| format!(", since {} ({})", screen.at(by.since), screen.since(by.since)));
    let since = since.unwrap_or_default();
    text.extend(whois.evidence.iter().map(|line| format!("  because {}{since}\n", clean(line))));
    text.extend(whois.spared.iter().map(|why| format!("  never frozen: {}\n", clean(why))));
    text + &children(&whois.ancestors)
}

fn children(ancestors: &[ProcessView]) -> String {
    ancestors.iter().map(|process| format!("  child of {}\n", tree::one(process))).collect()
}
