//! `burstguard thaw`: what was stopped or frozen goes on.

use clap::Args;

use super::{Failure, ask::Because, complete, moved, session::Session};
use crate::api::{Moved, ReasonBody};

#[derive(Debug, Args)]
pub(crate) struct Thaw {
    /// The incident.
    #[arg(required_unless_present = "all", conflicts_with = "all", add = complete::incidents())]
    id: Option<u64>,
    /// Every incident.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    because: Because,
}

impl Thaw {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let path = match self.id {
            Some(id) => format!("/v1/incidents/{id}/thaw"),
            None => "/v1/thaw".to_owned(),
        };
        let done: Moved = self.because.post(session, &path, |reason| ReasonBody { reason })?;
        session.done("thaw", &done, |screen| moved::text(screen, &done))
    }
}
