//! `burstguard kill`: what was stopped or frozen is ended.

use clap::Args;

use super::{Failure, ask::Because, complete, moved, session::Session};
use crate::api::{Moved, ReasonBody};

#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// The incident.
    #[arg(add = complete::incidents())]
    id: u64,
    #[command(flatten)]
    because: Because,
}

impl Kill {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let path = format!("/v1/incidents/{}/kill", self.id);
        let done: Moved = self.because.post(session, &path, |reason| ReasonBody { reason })?;
        session.done("kill", &done, |screen| moved::text(screen, &done))
    }
}
