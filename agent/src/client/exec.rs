//! `burstguard exec`: runs a command as an account's, in the place of burstguard itself.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use clap::Args;

use super::{Failure, complete, session::Session};
use crate::{api::Joined, policy::is_name};

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The account that the command acts for.
    #[arg(long, value_name = "NAME", add = complete::accounts())]
    account: String,
    /// Run it all the same where no daemon answers.
    #[arg(long)]
    allow_unguarded: bool,
    /// The command, and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Exec {
    /// Returns only if the command could not be run.
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { account, allow_unguarded, command } = self;
        if !is_name(&account) {
            return Err(Failure::usage(
                format!("{account:?} is no name of an account"),
                "burstguard accounts lists them",
            ));
        }
        match session.daemon.post(&format!("/v1/accounts/{account}/join"), &()) {
            Ok(Joined { .. }) => {}
            Err(failure) if allow_unguarded && failure.is_no_daemon() => {
                eprintln!(
                    "burstguard: no daemon answers, so nothing that this does is held: {}",
                    shown(&command)
                );
            }
            Err(failure) => return Err(failure),
        }
        let (program, arguments) = command.split_first().unwrap_or((&EMPTY, &[]));
        // The signals' dispositions and the mask are as a shell would have them.
        let source = Command::new(program).args(arguments).exec();
        Err(Failure::NotRun { command: program.to_string_lossy().into_owned(), source })
    }
}

static EMPTY: OsString = OsString::new();

fn shown(command: &[OsString]) -> String {
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
