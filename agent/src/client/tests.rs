//! Screens word for word, exit statuses, and JSON.

mod exits;
mod held;
mod lease;
mod past;
pub(super) mod screens;
