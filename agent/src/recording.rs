//! The recording: every operation of every account, in files that a policy can be tried on before it acts.
//!
//! ```text
//!   loop ──batches, bounded──► a thread of its own ──► segments, the oldest of which go
//! ```
//!
//! [`format`] is what lies in a file, [`segments`] which files there are, [`Recording`] writes and [`read`] reads them. It is no
//! evidence, as the record of incidents is: it holds more, and for less long, nothing waits for it, and what a slow disk does not take
//! is counted as lost, in it and in the metrics.

mod format;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod read;
mod segments;
mod writer;

pub(crate) use format::{Begin, Deed, Entry, What};
pub(crate) use read::{Problem, Source, read};
pub(crate) use segments::DIRECTORY;
pub(crate) use writer::{Recording, Standing};
