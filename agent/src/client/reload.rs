//! `burstguard reload`: the policy is read again.

use clap::Args;

use super::{
    Failure,
    ask::Because,
    session::Session,
    term::{clean, short},
};
use crate::api::{ReloadBody, Reloaded};

#[derive(Debug, Args)]
pub(crate) struct Reload {
    /// Also if the policy holds an account less tightly that has an open incident; without it such a policy is refused, with all
    /// that it loosens.
    #[arg(long)]
    loosen: bool,
    #[command(flatten)]
    because: Because,
}

impl Reload {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { loosen, because } = self;
        let done: Reloaded =
            because.patiently().post(session, "/v1/reload", |reason| ReloadBody { loosen, reason })?;
        session.done("reload", &done, |_| text(&done))
    }
}

pub(super) fn text(done: &Reloaded) -> String {
    let change = if done.before == done.after {
        format!("sha {} as before", short(&done.after))
    } else {
        format!("sha {}, was {}", short(&done.after), short(&done.before))
    };
    let mut text = format!("policy loaded: {change}; watching {}\n", clean(&done.accounts.join(", ")));
    text.extend(done.warnings.iter().map(|warning| format!("warning: {}\n", clean(warning))));
    text
}
