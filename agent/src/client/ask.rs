//! What a command still has to ask the person who typed it.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use serde::{Serialize, de::DeserializeOwned};

use super::{Failure, session::Session};
use crate::{
    api::{LONGEST_WAIT, Reason},
    policy::duration,
};

/// Why.
#[derive(Debug, Args)]
pub(super) struct Because {
    /// Why, for whoever reads the record later; asked for on a terminal.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Wait until the kernel has confirmed it, 10 minutes at most; without it 3 seconds.
    #[arg(long)]
    wait: bool,
}

impl Because {
    /// For what may take long on a host that is busy, and is not to be given up half-way.
    pub(super) fn patiently(self) -> Self {
        Self { wait: true, ..self }
    }

    /// Asks for what is done for this reason.
    pub(super) fn post<B: Serialize, T: DeserializeOwned>(
        self,
        session: &Session,
        path: &str,
        body: impl FnOnce(Reason) -> B,
    ) -> Result<T, Failure> {
        let wait = self.wait;
        let body = body(self.reason(session)?);
        let _progress = session.waiting("waiting for the daemon");
        match wait {
            true => session.daemon.patiently(LONGEST_WAIT).post(path, &body),
            false => session.daemon.post(path, &body),
        }
    }

    pub(super) fn reason(self, session: &Session) -> Result<Reason, Failure> {
        let text = match self.reason {
            Some(text) => text,
            None if !session.json && io::stdin().is_terminal() && io::stderr().is_terminal() => asked()?,
            None => {
                return Err(Failure::usage(
                    "a reason is required",
                    "--reason TEXT says why, for whoever reads the record later",
                ));
            }
        };
        Reason::try_from(text)
            .map_err(|error| Failure::usage(error, "--reason TEXT, such as --reason \"INC-88, deploy loop\""))
    }
}

fn asked() -> Result<String, Failure> {
    eprint!("reason (for the record): ");
    io::stderr().flush()?;
    let mut text = String::new();
    io::stdin().lock().read_line(&mut text)?;
    Ok(text)
}

/// A duration as it is typed, in whole seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    match duration::parse(text) {
        Ok(duration) if duration.as_secs() > 0 => Ok(duration.as_secs()),
        Ok(_) => Err("want a second at least".to_owned()),
        Err(_) => Err(format!("want {}, such as 15m", duration::SHAPE)),
    }
}
