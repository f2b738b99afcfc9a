//! `burstguard off` and `burstguard on`.

use clap::Args;

use super::{
    Failure,
    ask::{self, Because},
    complete, moved,
    session::Session,
};
use crate::api::{Moved, OffBody, ReasonBody};

#[derive(Debug, Args)]
pub(crate) struct Off {
    /// On again by itself after so long, such as 10m.
    #[arg(long = "for", value_name = "DURATION", value_parser = ask::seconds, add = complete::durations())]
    for_s: Option<u64>,
    #[command(flatten)]
    because: Because,
}

#[derive(Debug, Args)]
pub(crate) struct On {
    #[command(flatten)]
    because: Because,
}

impl Off {
    pub(super) fn without_end(because: Because) -> Self {
        Self { for_s: None, because }
    }

    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { for_s, because } = self;
        let done: Moved = because.post(session, "/v1/off", |reason| OffBody { for_s, reason })?;
        session.done("off", &done, |screen| moved::text(screen, &done))
    }
}

impl On {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let done: Moved = self.because.post(session, "/v1/on", |reason| ReasonBody { reason })?;
        session.done("on", &done, |screen| moved::text(screen, &done))
    }
}
