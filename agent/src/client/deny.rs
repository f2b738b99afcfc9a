//! `burstguard deny`: calls that wait fail, and whatever their account destroys next.

use clap::Args;

use super::{Failure, approve, ask::Because, complete, moved, session::Session, term::clean};
use crate::api::{Moved, ReasonBody};

#[derive(Debug, Args)]
pub(crate) struct Deny {
    /// The incident.
    #[arg(add = complete::incidents())]
    id: u64,
    #[command(flatten)]
    because: Because,
}

impl Deny {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let path = format!("/v1/incidents/{}/deny", self.id);
        let done: Moved = self.because.post(session, &path, |reason| ReasonBody { reason })?;
        session.done("deny", &done, |_| text(&done))
    }
}

pub(super) fn text(moved: &Moved) -> String {
    let incident = moved.incident.map(|id| format!(" {id}")).unwrap_or_default();
    let mut text = format!(
        "denied{incident} as {}: {}'s calls fail with EPERM, and whatever it destroys next, until it has been quiet \
         for 10 minutes\n",
        clean(&moved.by.to_string()),
        clean(&moved.target),
    );
    text += &approve::released(moved);
    moved::left_alone(&mut text, moved);
    text
}
