//! The only ways in which the agent acts.

use crate::report::Event;

/// One thing to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Say what happened.
    Report(Event),
    /// Detach the kernel programs and let everything that was stopped go on.
    LetGo,
}
