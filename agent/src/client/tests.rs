//! Screens word for word, exit statuses, and JSON.

mod exits;
mod held;
mod past;
mod screens;
