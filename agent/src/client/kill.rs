//! `burstguard kill`: what was stopped or frozen is ended.

use clap::Args;

use super::{Failure, ask::Because, moved, session::Session};
use crate::api::{Moved, ReasonBody};

#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// The incident.
    id: u64,
    #[command(flatten)]
    because: Because,
}

impl Kill {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let body = ReasonBody { reason: self.because.reason(session)? };
        let done: Moved = session.daemon.post(&format!("/v1/incidents/{}/kill", self.id), &body)?;
        session.done("kill", &done, |screen| moved::text(screen, &done))
    }
}
